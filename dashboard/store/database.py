"""Opening the database: SQLite in the data folder, or Postgres by its URL."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, insert, select, update
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from dashboard.store.errors import StoreError
from dashboard.store.files import CONTENTS
from dashboard.store.lines import kept_line, line_of
from dashboard.store.migrations import UnknownLayout, layout_of, migrate, newest
from dashboard.store.models import MetaRow
from dashboard.store.names import new_id
from dashboard.store.patience import CONNECT_SECONDS, Patience, on_an_event_loop

BUSY_SECONDS = 5
FOLDER_KEY = "data_folder"
# In a data folder whose records are in Postgres, and only there: what that database has under FOLDER_KEY.
FOLDER_FILE = "folder-id"
_SQLITE = "residua.db"
_FLOAT = "__float__"
# Of two servers that start on one database at once, the second waits: any fixed number will do.
_MIGRATION_LOCK = 7_367_843

logger = logging.getLogger("residua.store")


def open_database(data_dir: Path, url: str = "") -> Engine:
    """The database of a data folder, made when missing and brought up to date when older.

    StoreError when it cannot be had, is not the one with the folder's records, or was written by a later Residua.
    """
    engine = connect(data_dir, url)
    try:
        with engine.begin() as connection:
            lock(connection)
            if layout_of(connection) is None:
                _check_empty(connection, data_dir)
            finish(connection, data_dir)
    except UnknownLayout as unknown:
        engine.dispose()
        raise StoreError(
            f"{name_of(engine)} has layout {int(unknown.found)}, but this Residua writes layout {int(newest())}. "
            "Use the Residua that made it, or another data folder."
        ) from None
    except DBAPIError as error:
        engine.dispose()
        if engine.dialect.name == "sqlite":
            raise
        raise StoreError(f"{name_of(engine)} cannot be used: {reason(error)}. Check --database.") from None
    except BaseException:
        engine.dispose()
        raise
    if engine.dialect.name != "sqlite":
        engine.dispose()
        event.listen(engine, "do_connect", Patience())
    event.listen(engine, "checkout", _not_on_an_event_loop)
    return engine


def connect(data_dir: Path, url: str = "") -> Engine:
    """An engine on the database, which is left as it is; StoreError for a URL that cannot be used, or where there
    should be one.
    """
    common: dict[str, Any] = {"json_serializer": dump_json, "json_deserializer": load_json}
    if not url:
        path = data_dir / _SQLITE
        if _folder_id(data_dir):
            raise StoreError(
                f"The records of {data_dir} are in a Postgres database, as its {FOLDER_FILE} says. Name that with "
                f"--database (RESIDUA_DATABASE). Only if they are in {path} after all, remove "
                f"{data_dir / FOLDER_FILE} first."
            )
        engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": BUSY_SECONDS}, **common)
        event.listen(engine, "connect", _prepare_sqlite)
        return engine
    address = _postgres(url)
    try:
        return create_engine(
            address,
            pool_pre_ping=True,
            pool_size=10,
            max_overflow=20,
            connect_args={"connect_timeout": CONNECT_SECONDS},
            **common,
        )
    except ModuleNotFoundError:
        raise StoreError(
            "Postgres needs the package psycopg: install Residua as residua[postgres], or leave --database out."
        ) from None


@contextmanager
def connected(data_dir: Path, url: str = "") -> Iterator[Connection]:
    """A connection to the records of a data folder, which are left as they are; in no transaction yet.

    StoreError when there are none, or those of the database are another folder's.
    """
    engine = connect(data_dir, url)
    if not (data_dir / CONTENTS).is_dir() or not (url or (data_dir / _SQLITE).is_file()):
        raise StoreError(f"There is no Residua data in {data_dir}. Name its folder with --data-dir.")
    try:
        with closing(first_connection(engine)) as connection:
            if layout_of(connection) is None:
                raise StoreError(f"{name_of(engine)} has no records of Residua.")
            check_owner(connection, data_dir)
            connection.rollback()
            yield connection
    finally:
        engine.dispose()


def first_connection(engine: Engine) -> Connection:
    """A connection, or StoreError where the database does not give one."""
    try:
        return engine.connect()
    except DBAPIError as error:
        raise StoreError(f"{name_of(engine)} cannot be used: {reason(error)}. Check --database.") from None


def check_owner(connection: Connection, data_dir: Path) -> None:
    """StoreError unless the records of a database are those of a data folder; one of SQLite lies in its folder."""
    if connection.dialect.name == "sqlite":
        return
    own = _folder_id(data_dir)
    if not own or own != _owner(connection):
        raise StoreError(
            f"{name_of(connection.engine)} belongs to another data folder than {data_dir}: files of its projects "
            "would be missing here. Give that folder with --data-dir, or another database with --database."
        )


def check_unclaimed(connection: Connection, data_dir: Path) -> None:
    """StoreError when another database has the records of a data folder, which this one is to have from now on."""
    if connection.dialect.name == "sqlite":
        return  # `connect` has seen to it
    if _folder_id(data_dir):
        where, path = f"another Postgres database, as its {FOLDER_FILE} says", data_dir / FOLDER_FILE
    elif _has_records(data_dir):
        where, path = f"its {_SQLITE}", data_dir / _SQLITE
    else:
        return
    raise StoreError(
        f"{name_of(connection.engine)} does not have the records of {data_dir}: they are in {where}. Name the "
        "database that has them, or another folder with --data-dir. Records are moved by `residua backup` and "
        f"`residua restore` into a new folder. Only if nobody needs those any more, remove {path} first."
    )


def _has_records(data_dir: Path) -> bool:
    """Whether there are records of SQLite in a data folder."""
    if not (data_dir / _SQLITE).is_file():
        return False
    engine = connect(data_dir)
    try:
        with engine.connect() as connection:
            return layout_of(connection) is not None
    finally:
        engine.dispose()


def finish(connection: Connection, data_dir: Path) -> None:
    """Bring the database to the newest layout and tie it to its data folder; UnknownLayout, StoreError."""
    migrate(connection)
    _remember(connection, "schema_version", str(int(newest())))
    if connection.dialect.name != "sqlite":
        _claim(connection, data_dir)


def lock(connection: Connection) -> None:
    """Keep other writers out until the transaction ends."""
    if connection.dialect.name == "sqlite":
        # Python's SQLite commits before each change of a table unless a transaction was begun by hand.
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})")


def name_of(engine: Engine) -> str:
    """What to call the database in a sentence: never with its password."""
    if engine.dialect.name == "sqlite":
        return str(engine.url.database)
    return f"The database {engine.url.render_as_string(hide_password=True)}"


def _postgres(url: str) -> URL:
    try:
        address = make_url(url)
    except ArgumentError:
        # The text may hold a password, so it is not repeated.
        raise StoreError(
            "--database is not a database URL. It must look like postgresql+psycopg://user:password@host/name."
        ) from None
    if address.drivername in ("postgres", "postgresql"):
        address = address.set(drivername="postgresql+psycopg")
    if address.drivername != "postgresql+psycopg":
        raise StoreError(
            f"--database names a database of the kind {address.drivername[:40]!r}, but must begin with "
            "postgresql+psycopg://. Leave it out for SQLite in the data folder."
        )
    return address


def _check_empty(connection: Connection, data_dir: Path) -> None:
    """StoreError where files lie in a data folder: of a database without records they are nobody's, and removed."""
    if any((data_dir / CONTENTS).glob("??/*")) or any((data_dir / "runs").glob("*")):
        raise StoreError(
            f"{name_of(connection.engine)} has no records, but there are files of projects and runs in {data_dir}. "
            "Name the database that has theirs with --database, restore a backup into a new folder, or choose "
            "another folder with --data-dir."
        )


def _claim(connection: Connection, data_dir: Path) -> None:
    """Tie a Postgres database to one data folder: the folder's lock then keeps a second server from both."""
    if not _owner(connection):  # "" where the folder's file had been left empty
        check_unclaimed(connection, data_dir)
        own = kept_line(data_dir / FOLDER_FILE, new_id())
        _remember(connection, FOLDER_KEY, own)
    check_owner(connection, data_dir)


def _owner(connection: Connection) -> str | None:
    return connection.scalar(select(MetaRow.value).where(MetaRow.key == FOLDER_KEY))


def _folder_id(data_dir: Path) -> str:
    """What a data folder has of the database with its records; "" where nothing, or a crash left nothing."""
    return line_of(data_dir / FOLDER_FILE)


def _remember(connection: Connection, key: str, value: str) -> None:
    where = MetaRow.key == key
    if connection.scalar(select(MetaRow.value).where(where)) is None:
        connection.execute(insert(MetaRow).values(key=key, value=value))
    else:
        connection.execute(update(MetaRow).where(where).values(value=value))


def _prepare_sqlite(connection: Any, record: Any) -> None:
    cursor = connection.cursor()
    # Readers never wait for the writer; a commit survives a crash of ours (not a power cut), without a
    # disk flush on each progress record.
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")
    cursor.close()


def _not_on_an_event_loop(*_: Any) -> None:
    """Say so where the database is asked on an event loop, which stands still until it answers."""
    if on_an_event_loop():
        logger.error("The database is asked on an event loop", stack_info=True)


def reason(error: SQLAlchemyError) -> str:
    """The first line of what the driver says, which names host and port but no password."""
    text = str(getattr(error, "orig", error)).strip()
    return text.splitlines()[0].rstrip(".") if text else type(error).__name__


def dump_json(value: Any) -> str:
    """JSON for a column. Postgres takes no NaN and no infinity, so they are written as {"__float__": "inf"}."""
    return json.dumps(_without_special(value), allow_nan=False)


def load_json(text: str) -> Any:
    """The value that :func:`dump_json` was given."""
    return json.loads(text, object_hook=lambda one: float(one[_FLOAT]) if one.keys() == {_FLOAT} else one)


def _without_special(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return {_FLOAT: str(value)}
    if isinstance(value, dict):
        return {key: _without_special(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_without_special(one) for one in value]
    return value
