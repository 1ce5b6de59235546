"""From a path to the bytes of a FITS file: regular files only, by content, within limits."""

from __future__ import annotations

import bz2
import gzip
import io
import os
import stat
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from engine.errors import ImageError

_CHUNK = 1 << 20
_BOMB_FLOOR = 64 << 20

_KNOWN_FORMATS: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "a zip archive: unpack it first"),
    (b"\x1f\x9d", "a .Z archive: unpack it first"),
    (b"\xfd7zXZ\x00", "an xz archive: unpack it first"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive: unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive: unpack it first"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"%PDF", "a PDF document"),
    (b"\x93NUMPY", "a numpy array: save it as FITS"),
    (b"\x89HDF", "an HDF5 file"),
    (b"<", "a web page or another text with tags"),
)


@dataclass(frozen=True)
class Limits:
    """What one file may cost.

    Attributes:
        max_pixels: of one image, after unpacking.
        max_unpacked_bytes: of a gzip or bzip2 file's content; also of one extension.
        max_expansion: a compressed file that grows by more than this factor (and beyond 64 MiB) is refused.
        max_header_bytes, max_extensions: of one header and of one file.
        root: if given, files outside this folder are refused.
    """

    max_pixels: int = 100_000_000
    max_unpacked_bytes: int = 1 << 30
    max_expansion: int = 200
    max_header_bytes: int = 16 << 20
    max_extensions: int = 5000
    root: Path | None = None


def open_regular(path: Path, label: str, limits: Limits) -> BinaryIO:
    """Open a regular file; raise ImageError for anything else. The caller closes it."""
    try:
        if limits.root is not None and not path.resolve().is_relative_to(limits.root.resolve()):
            raise ImageError(
                f"{label} lies outside the folder whose files may be read here. Upload the file."
            )
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise ImageError(f"{label} is a directory, not a file. Name a FITS file in it.")
        if not stat.S_ISREG(mode):
            raise ImageError(f"{label} is a device or pipe, not a regular file. Copy it to a file first.")
        return open(path, "rb")
    except FileNotFoundError:
        raise ImageError(f"{label} was not found. Check the path; it is relative to the fit file.") from None
    except ImageError:
        raise
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a possible file name"
        raise ImageError(
            f"{label} cannot be opened ({reason}). Check the path and its permissions."
        ) from None


def unpacked(raw: BinaryIO, label: str, limits: Limits) -> tuple[BinaryIO, int]:
    """Return a stream over FITS bytes, unpacked where needed, and its length; else raise ImageError."""
    size = os.fstat(raw.fileno()).st_size
    if size == 0:
        raise ImageError(f"{label} is empty (0 bytes), so it is not a FITS file. Was the upload complete?")
    stream: BinaryIO = raw
    start = raw.read(16)
    packing = _packing(start)
    if packing:
        stream, size = _inflate(raw, packing, size, label, limits)
        start = stream.read(16)
        if _packing(start):
            raise ImageError(f"{label} is compressed twice. Unpack it once and give the inner file.")
    if not start.startswith(b"SIMPLE  ="):
        known = next(
            (f"; it looks like {what}" for magic, what in _KNOWN_FORMATS if start.startswith(magic)), ""
        )
        raise ImageError(
            f"{label} is not a FITS file{known}. Only FITS files (also packed with gzip or bzip2) can be "
            "read."
        )
    return stream, size


def _packing(start: bytes) -> str:
    if start.startswith(b"\x1f\x8b"):
        return "gzip"
    return "bzip2" if start.startswith(b"BZh") and start[4:10] == b"1AY&SY" else ""


def _inflate(
    raw: BinaryIO, packing: str, packed_size: int, label: str, limits: Limits
) -> tuple[BinaryIO, int]:
    raw.seek(0)
    ceiling = min(limits.max_unpacked_bytes, max(_BOMB_FLOOR, limits.max_expansion * packed_size))
    content = io.BytesIO()
    size = 0
    try:
        # `cast`: both read bytes, but typeshed gives them no common type that a with statement takes.
        with cast(BinaryIO, gzip.GzipFile(fileobj=raw) if packing == "gzip" else bz2.BZ2File(raw)) as packed:
            while chunk := packed.read(_CHUNK):
                size += len(chunk)
                if size > ceiling:
                    raise ImageError(
                        f"{label} is too large: unpacked, its size passes the limit of {ceiling // 1_000_000} MB "
                        f"for a {packing} file of {packed_size >> 10} kiB. Unpack it yourself and give a "
                        "cut-out."
                    )
                content.write(chunk)
    except (EOFError, OSError, zlib.error) as error:
        what = "ends too early: the file is truncated" if isinstance(error, EOFError) else "is corrupt"
        raise ImageError(f"The {packing} data of {label} {what}. Get a fresh copy of the file.") from None
    content.seek(0)
    return content, size
