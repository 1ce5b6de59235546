"""Bytes on disk, addressed by their content: `files/<first two>/<sha256>`, written once, never changed."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

# Below a data folder.
CONTENTS = "files"
FULL_DISK = "The server's disk is full. Delete old projects, then try again."
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Blob:
    """A stored content: its hash, its size in bytes and where it lies."""

    sha256: str
    size: int
    path: Path


def is_full(error: object) -> bool:
    """Whether an error tells of a full disk; astropy says so in words of its own, without a number."""
    return isinstance(error, OSError) and (
        error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) or "space on disk" in str(error)
    )


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


class Incoming:
    """A content on its way in: write chunks, then `commit()`; anything else leaves nothing behind.

    Use it in a `with` block, or call `discard()` when the sender goes away.
    """

    def __init__(self, files: Files) -> None:
        self._files = files
        descriptor, name = tempfile.mkstemp(dir=files.incoming, prefix="in-")
        self.path = Path(name)
        self._stream: BinaryIO = os.fdopen(descriptor, "wb")
        self._digest = hashlib.sha256()
        self.size = 0

    def __enter__(self) -> Incoming:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()

    def write(self, chunk: bytes) -> None:
        """Append a chunk; OSError when the disk is full."""
        self._stream.write(chunk)
        self._digest.update(chunk)
        self.size += len(chunk)

    def close(self) -> None:
        """Flush what was written so that `path` can be read, before deciding to commit."""
        if not self._stream.closed:
            self._stream.flush()
            os.fsync(self._stream.fileno())
            self._stream.close()

    @property
    def sha256(self) -> str:
        """The hash of what has come so far."""
        return self._digest.hexdigest()

    def commit(self) -> Blob:
        """Move the content to its place; the same content twice is kept once."""
        self.close()
        place = self._files.path(self.sha256)
        place.parent.mkdir(exist_ok=True)
        # A stored content is not written to again: say so to the file system too.
        self.path.chmod(0o440)
        # In place of the same content from before, if any: should that have been damaged, this mends it.
        self.path.replace(place)
        return Blob(self.sha256, self.size, place)

    def discard(self) -> None:
        """Forget the content unless it was committed."""
        with suppress(OSError):  # on a full disk, what was not yet written fails here a second time
            self._stream.close()
        self.path.unlink(missing_ok=True)


class Files:
    """The folder of contents below a data folder."""

    def __init__(self, data_dir: Path) -> None:
        self.root = data_dir / CONTENTS
        self.incoming = data_dir / "incoming"
        # Only one server uses a data folder, so what lies here belongs to uploads that a crash ended.
        shutil.rmtree(self.incoming, ignore_errors=True)
        for folder in (self.root, self.incoming):
            folder.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._kept: Counter[str] = Counter()

    def path(self, sha256: str) -> Path:
        """Where the content with this hash lies, or would lie."""
        if len(sha256) != 64 or not all(letter in "0123456789abcdef" for letter in sha256):
            raise ValueError(f"{sha256!r} is not a SHA-256 in hexadecimal.")
        return self.root / sha256[:2] / sha256

    def copy(self, source: Path | bytes) -> Incoming:
        """All of a file or of bytes, on its way in."""
        incoming = Incoming(self)
        try:
            if isinstance(source, bytes):
                incoming.write(source)
            else:
                with source.open("rb") as stream:
                    while chunk := stream.read(_CHUNK):
                        incoming.write(chunk)
        except BaseException:
            incoming.discard()
            raise
        return incoming

    @contextmanager
    def kept(self, sha256: str) -> Iterator[None]:
        """Let nobody remove this content until the block has recorded who has it."""
        with self._lock:
            self._kept[sha256] += 1
        try:
            yield
        finally:
            with self._lock:
                self._kept[sha256] -= 1
                self._kept += Counter()  # without those that are at zero

    def remove(self, sha256: str, recorded: Callable[[], bool]) -> None:
        """Delete a content unless somebody has it: a run, one who records it now, or one that ``recorded`` knows of."""
        with self._lock:
            if not self._kept[sha256] and not recorded() and not in_a_run(self.path(sha256)):
                self.path(sha256).unlink(missing_ok=True)


def in_a_run(content: Path) -> bool:
    """Whether a content is a run's result too (dashboard.store.results)."""
    with suppress(OSError):
        return content.stat().st_nlink > 1
    return False


def bytes_below(path: Path) -> int:
    """Bytes of a file, or of all files in a folder; of what goes away meanwhile, what was seen before."""
    total = 0
    with suppress(OSError):
        for part in [path, *path.rglob("*")] if path.is_dir() else [path]:
            total += part.stat().st_size if part.is_file() else 0
    return total
