"""The accounts of a data folder for a command, while a server may be using the folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import sessionmaker

from dashboard.store.accounts import Accounts
from dashboard.store.attempts import Attempts
from dashboard.store.database import check_owner, connect, name_of, open_database, reason
from dashboard.store.errors import StoreError
from dashboard.store.lock import FolderLock
from dashboard.store.logins import Logins
from dashboard.store.migrations import layout_of, newest


@dataclass(frozen=True)
class People:
    """What concerns accounts in a database."""

    accounts: Accounts
    logins: Logins
    attempts: Attempts


@contextmanager
def people_of(data_dir: Path, database: str = "") -> Iterator[People]:
    """The accounts of a data folder, which is made when missing and brought up to date when nobody uses it.

    StoreError when the database cannot be had, is not the one with the folder's records, or is older and a server
    uses it.
    """
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    engine = connect(data_dir, database)
    try:
        try:
            with engine.connect() as connection:
                current = layout_of(connection) == newest()
                if current:
                    check_owner(connection, data_dir)
        except DBAPIError as error:
            raise StoreError(
                f"{name_of(engine)} cannot be used: {reason(error)}. Check --database."
            ) from None
        if not current:
            engine.dispose()
            held = FolderLock(data_dir)
            try:
                engine = open_database(data_dir, database)
            finally:
                held.release()
        session = sessionmaker(engine, expire_on_commit=False)
        yield People(Accounts(session), Logins(session), Attempts(session))
    finally:
        engine.dispose()
