"""One server per data folder."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from dashboard.store.errors import StoreError

LOCK = "lock"


class FolderLock:
    """One server per data folder: the system drops the lock when the process ends, however it ends."""

    def __init__(self, data_dir: Path) -> None:
        self._descriptor = os.open(data_dir / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(self._descriptor, 20).decode("ascii", "replace").strip()
            os.close(self._descriptor)
            raise StoreError(
                f"Another Residua (process {owner or 'unknown'}) already uses the data folder {data_dir}. "
                "Stop it, or choose another with --data-dir."
            ) from None
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode("ascii"), 0)

    def release(self) -> None:
        """Let another server use the folder."""
        os.close(self._descriptor)
