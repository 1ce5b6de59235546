"""Opening the SQLite database of a data folder."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, insert, select, update

from dashboard.store.errors import StoreError
from dashboard.store.migrations import UnknownLayout, migrate, newest
from dashboard.store.models import MetaRow

BUSY_SECONDS = 5


def open_database(path: Path) -> Engine:
    """The database at this path, made when missing and brought up to date when older.

    StoreError when a later Residua wrote it.
    """
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": BUSY_SECONDS})
    event.listen(engine, "connect", _prepare)
    try:
        with engine.begin() as connection:
            # Python's SQLite commits before each change of a table unless a transaction was begun by hand.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            migrate(connection)
            _remember(connection, str(int(newest())))
    except UnknownLayout as unknown:
        engine.dispose()
        raise StoreError(
            f"{path} has layout {int(unknown.found)}, but this Residua writes layout {int(newest())}. "
            "Use the Residua that made it, or another data folder."
        ) from None
    except BaseException:
        engine.dispose()
        raise
    return engine


def _remember(connection: Connection, layout: str) -> None:
    where = MetaRow.key == "schema_version"
    if connection.scalar(select(MetaRow.value).where(where)) is None:
        connection.execute(insert(MetaRow).values(key="schema_version", value=layout))
    else:
        connection.execute(update(MetaRow).where(where).values(value=layout))


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
