"""Opening the SQLite database of a data folder."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event, select
from sqlalchemy.orm import Session

from dashboard.store.errors import StoreError
from dashboard.store.models import SCHEMA_VERSION, Base, MetaRow

BUSY_SECONDS = 5


def open_database(path: Path) -> Engine:
    """The database at this path, made when missing; StoreError when another version of Residua wrote it."""
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": BUSY_SECONDS})
    event.listen(engine, "connect", _prepare)
    Base.metadata.create_all(engine)
    with Session(engine) as session, session.begin():
        found = session.scalar(select(MetaRow.value).where(MetaRow.key == "schema_version"))
        if found is None:
            session.add(MetaRow(key="schema_version", value=str(SCHEMA_VERSION)))
        elif found != str(SCHEMA_VERSION):
            engine.dispose()
            raise StoreError(
                f"{path} has layout {found}, but this Residua writes layout {SCHEMA_VERSION}. "
                "Use the Residua that made it, or another data folder."
            )
    return engine


def _prepare(connection: Any, record: Any) -> None:
    cursor = connection.cursor()
    # Readers never wait for the writer; a commit survives a crash of ours (not a power cut), without a
    # disk flush on each progress record.
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")
    cursor.close()


class FolderLock:
    """One server per data folder: the system drops the lock when the process ends, however it ends."""

    def __init__(self, data_dir: Path) -> None:
        self._descriptor = os.open(data_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
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
