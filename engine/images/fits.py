"""Opening FITS files safely: by content, within limits, and without letting a name mean anything else.

astropy decodes pixels (scaling, BLANK, tile compression), but only from bytes that were cut out and checked
here. It never sees a file name, so no URL, archive or template in a name is ever acted upon.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from engine.errors import ImageError
from engine.images.image import MIN_SIDE
from engine.images.quiet import quiet
from engine.images.structure import BLOCK, CARD, Hdu, Header, HeaderError, kept_axes, scan, tile_problem
from engine.images.text import clean, counted, listed, size_text
from engine.images.unpack import Limits, open_regular, unpacked

_CHUNK = 1 << 20
_EXTENSION = re.compile(r"^(?P<path>.+)\[(?P<spec>[^\[\]]*)\]$", re.DOTALL)

_ROLE_NAMES: dict[str, frozenset[str]] = {
    "image": frozenset({"SCI", "SCIENCE", "IMAGE", "DATA"}),
    "sigma": frozenset({"ERR", "ERROR", "SIGMA", "UNCERT", "RMS", "STD", "STDDEV", "NOISE"}),
    "variance": frozenset({"VAR", "VARIANCE"}),
    "weight": frozenset({"WHT", "WEIGHT", "IVAR", "INVVAR", "IVM"}),
    "mask": frozenset({"DQ", "MASK", "FLAG", "FLAGS", "BPM", "BADPIX"}),
    "psf": frozenset({"PSF", "PSFIMAGE"}),
}

#: Header keywords worth showing to a person or filling into a form.
_SHOWN_TEXTS = ("OBJECT", "FILTER", "TELESCOP", "INSTRUME", "BUNIT")
_SHOWN_NUMBERS = ("GAIN", "RDNOISE", "EXPTIME", "MAGZERO", "MAGZPT", "SATURATE")


@dataclass(frozen=True)
class ExtensionInfo:
    """One extension of a FITS file, as a chooser shows it.

    `shape` is (rows, columns) without axes of length 1; `kind` is "image", "table", "empty", "groups" or
    "other"; `role_guess` is "image", "sigma", "variance", "weight", "mask", "psf" or ""; `note` is a short
    remark such as "tile compressed". Names come from the file: escape them where they are shown.
    """

    index: int
    name: str
    version: int
    shape: tuple[int, ...]
    kind: str
    role_guess: str
    note: str


@dataclass(frozen=True)
class FitsContents:
    """What a FITS file holds.

    `default_index` is the extension read as the image when none is named, or None where there is no image.
    `header` has some keywords of that extension for people: texts made harmless, numbers as float.
    """

    extensions: tuple[ExtensionInfo, ...]
    default_index: int | None
    notices: tuple[str, ...]
    header: dict[str, str | float] = field(default_factory=dict)


@dataclass(frozen=True)
class Plane:
    """One two-dimensional image as read: `data` (rows, columns) native float64, non-finite values kept."""

    data: NDArray[np.float64]
    header: Header
    index: int
    n_images: int
    n_axes: int
    axes: tuple[int, ...]
    notices: tuple[str, ...]


class FitsFile:
    """An open FITS file whose structure has been checked; use it in a `with` statement.

    Attributes:
        label: the name for people.
        hdus: the extensions found.
        notices: sentences about damage that does not hinder reading.
    """

    def __init__(self, path: Path, label: str, limits: Limits) -> None:
        self.label = label
        self.limits = limits
        self._raw = open_regular(path, label, limits)
        try:
            self._stream, self.size = unpacked(self._raw, label, limits)
            self.hdus, self.notices = scan(
                self._stream,
                self.size,
                label,
                max_header_bytes=limits.max_header_bytes,
                max_extensions=limits.max_extensions,
            )
        except BaseException:
            self._raw.close()
            raise

    def __enter__(self) -> FitsFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._raw.close()

    def sha256(self) -> str:
        """Return the SHA-256 of the file as it lies on disk."""
        self._raw.seek(0)
        digest = hashlib.sha256()
        while chunk := self._raw.read(_CHUNK):
            digest.update(chunk)
        return digest.hexdigest()

    def read(self, role: str, spec: str | None = None) -> Plane:
        """Return the image for a role: the extension `spec` names, or the most likely one.

        Raises:
            ImageError: if there is no such image, or it is damaged, too large or not two-dimensional.
        """
        hdu, notices = _choose(self, role, spec)
        _check_readable(self, hdu)
        data = _decode(self, hdu)
        axes = kept_axes(hdu.shape)
        data = data.reshape([hdu.shape[axis] for axis in axes])
        if hdu.header.unprintable:
            notices.append(
                f"The header of {self.label} holds {counted(hdu.header.unprintable, 'byte')} outside "
                "printable ASCII; they are shown as '?'."
            )
        n_images = sum(other.kind == "image" for other in self.hdus)
        return Plane(data, hdu.header, hdu.index, n_images, len(hdu.shape), axes, (*self.notices, *notices))

    def bytes_of(self, hdu: Hdu) -> bytes:
        """Return header and data of one extension, the header made printable."""
        text = "".join(hdu.header.cards) + "END".ljust(CARD)
        head = text.ljust(-(-len(text) // BLOCK) * BLOCK).encode("ascii")
        self._stream.seek(hdu.data_start)
        body = self._stream.read(hdu.data_size)
        return head + body + bytes(-len(body) % BLOCK)


def open_fits(path: str | Path, *, label: str | None = None, limits: Limits | None = None) -> FitsFile:
    """Open a FITS file (also one packed with gzip or bzip2) and check its structure.

    Args:
        path: a file; nothing in its name is interpreted.
        label: the name to use in sentences; the file's own name by default.
        limits: what the file may cost.

    Raises:
        ImageError: if it cannot be opened or is not a usable FITS file.
    """
    return FitsFile(Path(path), clean(label or os.path.basename(path) or "file"), limits or Limits())


def split_extension(path: str | Path, base: Path | None = None) -> tuple[Path, str | None]:
    """Split 'g.fits[SCI,2]' into the path (below `base` when relative) and 'SCI,2'.

    A file that really has such a name is taken as it is. A path without brackets gives None.
    """
    plain = _below(Path(path), base)
    match = _EXTENSION.match(str(path))
    if match is None or _exists(plain):
        return plain, None
    return _below(Path(match["path"]), base), match["spec"].strip()


def inspect_fits(path: str | Path, *, label: str | None = None, limits: Limits | None = None) -> FitsContents:
    """Return what a FITS file holds, without reading pixels.

    Raises:
        ImageError: if it cannot be opened or is not a usable FITS file.
    """
    file_path, _ = split_extension(path)
    with open_fits(file_path, label=label, limits=limits) as file:
        default = _default_index(file, "image")
        extensions = tuple(
            ExtensionInfo(
                hdu.index,
                hdu.name,
                hdu.version,
                hdu.plane_shape,
                hdu.kind,
                _role_guess(hdu),
                _note(file, hdu),
            )
            for hdu in file.hdus
        )
        notices = list(file.notices)
        if default is None:
            notices.append(_no_image(file))
            return FitsContents(extensions, None, tuple(notices))
        header, doubts = shown_header(file.hdus[default].header, file.label)
        others = _other_images(file, default)
        if others:
            notices.append(others)
        return FitsContents(extensions, default, (*notices, *doubts), header)


def shown_header(header: Header, label: str) -> tuple[dict[str, str | float], list[str]]:
    """Return header values for people, and notices about those that cannot be understood."""
    shown: dict[str, str | float] = {}
    notices: list[str] = []
    for key in _SHOWN_TEXTS:
        if text := header.text(key):
            shown[key] = text
    for key in _SHOWN_NUMBERS:
        if key not in header:
            continue
        number = header.number(key)
        if number is None:
            notices.append(f"{key} in the header of {label} is not a number and is ignored.")
        else:
            shown[key] = number
        if len(set(header.values[key])) > 1:
            notices.append(f"{key} stands more than once in the header of {label}; the first one counts.")
    return shown, notices


def _below(path: Path, base: Path | None) -> Path:
    return path if base is None else base / path


def _exists(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _role_guess(hdu: Hdu) -> str:
    if hdu.kind != "image":
        return ""
    name = re.sub(r"[^A-Z]", "", hdu.name.upper())
    for role, names in _ROLE_NAMES.items():
        if name in names:
            return role
    return "image" if not hdu.name or hdu.compressed else ""


def _note(file: FitsFile, hdu: Hdu) -> str:
    notes = []
    if hdu.compressed:
        notes.append("tile compressed")
    if not hdu.complete:
        notes.append("truncated")
    if hdu.kind == "image" and len(hdu.plane_shape) != 2:
        notes.append(f"{len(hdu.plane_shape)} dimensions")
    if hdu.kind == "image" and hdu.pixels > file.limits.max_pixels:
        notes.append("too large")
    if _is_psfex(hdu):
        notes.append("PSFEx model")
    return ", ".join(notes)


def _is_psfex(hdu: Hdu) -> bool:
    return hdu.kind == "table" and (
        hdu.name.upper() == "PSF_DATA" or hdu.header.text("TTYPE1").upper() == "PSF_MASK"
    )


def _default_index(file: FitsFile, role: str) -> int | None:
    images = [hdu for hdu in file.hdus if hdu.kind == "image"]
    named = [hdu for hdu in images if hdu.name and _role_guess(hdu) == role]
    if role == "image":
        # A science extension by name, then one that is not by its name something else.
        science = [hdu for hdu in named if hdu.name.upper() == "SCI"]
        plain = [hdu for hdu in images if _role_guess(hdu) in ("image", "")]
        fitting = [hdu for hdu in plain if len(hdu.plane_shape) == 2 and min(hdu.plane_shape) >= MIN_SIDE]
        images = science or fitting or plain or images
    else:
        images = named or images
    return images[0].index if images else None


def _title(hdu: Hdu) -> str:
    words = f"[{hdu.index}]" + (f" {hdu.name}" if hdu.name else "")
    guess = _role_guess(hdu)
    extra = f", looks like {guess}" if guess and guess != "image" else ""
    return f"{words} ({size_text(hdu.plane_shape)}{extra})"


def _other_images(file: FitsFile, chosen: int) -> str:
    others = [_title(hdu) for hdu in file.hdus if hdu.kind == "image" and hdu.index != chosen]
    if not others:
        return ""
    return (
        f"{file.label} holds {len(others) + 1} images; {_title(file.hdus[chosen])} is used. Also there: "
        f"{listed(others)}. Choose one with its number or name in brackets after the file name."
    )


def _no_image(file: FitsFile) -> str:
    if any(_is_psfex(hdu) for hdu in file.hdus):
        return (
            f"{file.label} is a PSFEx model: a table, not an image. PSFEx models are not supported; write "
            "the PSF at the galaxy's position as an image and give that."
        )
    if any(hdu.kind == "groups" for hdu in file.hdus):
        return f"{file.label} holds random groups (uv data), which are not supported. Give an image."
    kinds = sorted({hdu.kind for hdu in file.hdus if hdu.kind != "empty"})
    holds = f"only {listed(kinds)} extensions" if kinds else "it is empty"
    return f"There is no image in {file.label} ({holds}). Give a FITS file with a 2-D image."


def _choose(file: FitsFile, role: str, spec: str | None) -> tuple[Hdu, list[str]]:
    if spec is None:
        index = _default_index(file, role)
        if index is None:
            raise ImageError(_no_image(file))
        others = _other_images(file, index)
        return file.hdus[index], [others] if others else []
    if re.fullmatch(r"\d{1,6}", spec):
        if int(spec) < len(file.hdus):
            return file.hdus[int(spec)], []
    else:
        name, _, version = spec.partition(",")
        found = [hdu for hdu in file.hdus if hdu.name.upper() == name.strip().upper()]
        if version.strip():
            found = [hdu for hdu in found if str(hdu.version) == version.strip()]
        if found:
            more = [_title(hdu) for hdu in found[1:]]
            several = (
                f"{len(found)} extensions of {file.label} are called {clean(name, 40)}; the first is used."
            )
            return found[0], [several] if more else []
    known = listed([f"[{hdu.index}]" + (f" {hdu.name}" if hdu.name else "") for hdu in file.hdus], 12)
    raise ImageError(f"{file.label} has no extension [{clean(spec, 40)}]. It has: {known}.")


def _check_readable(file: FitsFile, hdu: Hdu) -> None:
    where = f"Extension {hdu.index} of {file.label}" if len(file.hdus) > 1 else file.label
    if hdu.kind != "image":
        if _is_psfex(hdu) or hdu.kind == "groups":
            raise ImageError(_no_image(file))
        what = {"empty": "is empty: no image", "table": "is a table, not an image"}
        raise ImageError(f"{where} {what.get(hdu.kind, 'is not an image')}. Choose an image extension.")
    shape = hdu.plane_shape
    if hdu.pixels > file.limits.max_pixels:
        raise ImageError(
            f"{where} is too large or corrupt: its header promises {hdu.pixels} pixels, the limit is "
            f"{file.limits.max_pixels}. Give a cut-out."
        )
    if not hdu.complete:
        raise ImageError(
            f"{where} is truncated: its header promises {hdu.data_size} bytes of data, but the size of the "
            f"file leaves {max(0, file.size - hdu.data_start)}. Get a complete copy of the file."
        )
    if len(shape) != 2:
        raise ImageError(
            f"{where} has {counted(len(shape), 'dimension')} ({size_text(shape)}), but a 2-D image is "
            "needed. Save one plane of a cube as its own image."
        )
    if hdu.data_size > file.limits.max_unpacked_bytes:
        raise ImageError(f"{where} is too large: {hdu.data_size} bytes pass the limit. Give a cut-out.")
    if hdu.compressed:
        try:
            problem = tile_problem(hdu)
        except HeaderError as error:
            problem = str(error)
        if problem:
            raise ImageError(f"{where} is corrupt: {problem}. Get a fresh copy of the file.")


def _decode(file: FitsFile, hdu: Hdu) -> NDArray[np.float64]:
    from astropy.io import fits

    block = file.bytes_of(hdu)
    if hdu.index:
        block = fits.PrimaryHDU().header.tostring().encode("ascii") + block
    try:
        # astropy warns about cosmetic flaws of a header, which do not matter once the pixels are right.
        with quiet(), fits.open(io.BytesIO(block), memmap=False) as opened:
            data = np.array(opened[1 if hdu.index else 0].data, dtype=np.float64)
    except Exception as error:
        # Decoders fail with many exception types; what they mean here is always the same.
        raise ImageError(
            f"The pixels of {file.label} cannot be decoded ({type(error).__name__}): the file is corrupt or "
            "uses a compression that is not supported. Get a fresh copy, or save it uncompressed."
        ) from error
    if data.shape != hdu.shape:
        raise ImageError(f"{file.label} is corrupt: its pixels do not fill the shape {hdu.shape}.")
    return data
