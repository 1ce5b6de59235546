"""Backups: every record as a line of JSON, every content and every ended run, in one folder that any database can take.

residua-backup.json        layout of the tables, time, counts
tables/project.jsonl       one record a line; one file a table
files/ab/ab12...           contents by SHA-256, checked on the way in and out
runs/<run id>/             what ended runs wrote, checked where its hashes are written down there
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import JSON, Connection, DateTime, MetaData, Table, select

from dashboard.store.database import (
    check_unclaimed,
    connect,
    connected,
    dump_json,
    finish,
    load_json,
    lock,
    name_of,
)
from dashboard.store.errors import StoreError
from dashboard.store.files import Files, bytes_below, sha256_of
from dashboard.store.lock import LOCK, FolderLock
from dashboard.store.migrations import UnknownLayout, layout_of, migrate, newest
from dashboard.store.names import is_id
from dashboard.store.records import RunStatus
from dashboard.store.results import adopt, passes, sums_of

MANIFEST = "residua-backup.json"
FORMAT = 1
# Of one database, not of what is in it; and who was logged in, or failed to, when the backup was made.
_OWN_TABLES = ("meta", "alembic_version", "login", "attempt")
Rows = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True)
class Report:
    """What was backed up or restored; `damaged` names the files and results that were lost or changed on disk."""

    projects: int
    files: int
    runs: int
    bytes: int
    damaged: tuple[str, ...]


class _Damage(NamedTuple):
    """What was lost or changed: the hash of a file or the id of a run, and what to call it."""

    of: str
    name: str


def back_up(
    data_dir: Path, database: str, target: Path, on_copied: Callable[[int], None] = lambda _: None
) -> Report:
    """Write everything of a data folder and its database to a new folder; the server may go on meanwhile.

    What is there when the records are read is in the backup, but for what is deleted while it is copied; it appears
    under its name once it is complete. What backups that were killed have left beside it is removed.
    StoreError when there is nothing to back up, or the target is not empty.
    """
    data_dir, target = data_dir.resolve(), target.resolve()
    if target.is_relative_to(data_dir):
        raise StoreError(
            f"{target} lies in the data folder itself. Choose a folder elsewhere, best on another disk."
        )
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise StoreError(f"{target} is there already. Choose a new name for each backup.")
    layout, rows = _read_rows(data_dir, database)
    target.parent.mkdir(parents=True, exist_ok=True)
    _remove_unfinished(target.parent)
    with _unfinished(target.parent) as folder:
        size, damaged = _copy(rows, data_dir, folder, on_copied)
        rows = _without_deleted(rows, data_dir, database)
        report = _report(rows, size, damaged)
        (folder / "tables").mkdir()
        for name, records in rows.items():
            lines = "".join(f"{dump_json(record)}\n" for record in records)
            (folder / "tables" / f"{name}.jsonl").write_text(lines, encoding="utf-8")
        manifest = {
            "residua_backup": FORMAT,
            "layout": layout,
            "made": datetime.now(UTC).isoformat(),
            **asdict(report),
        }
        (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
        if target.exists():
            target.rmdir()
        folder.rename(target)
        (target / LOCK).unlink(missing_ok=True)
    return report


@contextmanager
def _unfinished(parent: Path) -> Iterator[Path]:
    """A new hidden folder, removed unless it was renamed; locked, so that it is told from what a killed backup left."""
    new = Path(tempfile.mkdtemp(dir=parent, prefix=".residua-new-"))
    folder = parent / new.name.replace("-new-", "-backup-")
    held = None
    try:
        with suppress(OSError):  # no locks on this disk, so nobody takes it for left either
            held = FolderLock(new)
        new.rename(folder)  # locked by now
        yield folder
    except BaseException:
        for path in (new, folder):
            shutil.rmtree(path, ignore_errors=True)
        raise
    finally:
        if held is not None:
            held.release()


def _remove_unfinished(parent: Path) -> None:
    """Remove what backups into this folder that were killed have left."""
    for folder in parent.glob(".residua-backup-*"):
        with suppress(OSError, StoreError):  # one that goes on; somebody else's
            held = FolderLock(folder)
            shutil.rmtree(folder, ignore_errors=True)
            held.release()


def restore(
    source: Path, data_dir: Path, database: str = "", on_copied: Callable[[int], None] = lambda _: None
) -> Report:
    """Put a backup into a new data folder and an empty database, of whichever kind.

    The records come last: a restore that was cut off can be started again.
    StoreError when the source is no backup, a later Residua made it, or the database is not empty.
    """
    layout = _manifest(source)["layout"]
    rows = {path.stem: _lines(path) for path in sorted((source / "tables").glob("*.jsonl"))}
    data_dir = data_dir.resolve()
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    held = FolderLock(data_dir)
    try:
        engine = connect(data_dir, database)
        try:
            with engine.begin() as connection:
                lock(connection)
                if layout_of(connection) is not None:
                    raise StoreError(
                        f"{name_of(engine)} has records already. Restore into a new data folder and, for Postgres, "
                        "an empty database."
                    )
                check_unclaimed(connection, data_dir)
                contents = Files(data_dir).root
                report = _report(
                    rows, *_copy(rows, source, data_dir, on_copied, lambda path: adopt(path, contents))
                )
                migrate(connection, layout)
                _insert(connection, rows)
                finish(connection, data_dir)
        except UnknownLayout as unknown:
            raise StoreError(
                f"{source} has layout {int(unknown.found)}, but this Residua knows up to {int(newest())}. "
                "Restore it with the Residua that made it, or a later one."
            ) from None
        finally:
            engine.dispose()
    finally:
        held.release()
    return report


def _read_rows(data_dir: Path, database: str) -> tuple[str, Rows]:
    """The layout and all records as they are at one moment."""
    with _snapshot(data_dir, database) as connection:
        return str(layout_of(connection)), {
            table.name: [_plain(record) for record in connection.execute(select(table)).mappings()]
            for table in _tables(connection)
        }


def _without_deleted(rows: Rows, data_dir: Path, database: str) -> Rows:
    """Those of the records that are there still: what the others name may have gone before it was copied."""
    left = dict(rows)
    with _snapshot(data_dir, database) as connection:
        for table in _tables(connection):
            keys = [column.name for column in table.primary_key]
            there = {tuple(key) for key in connection.execute(select(*table.primary_key))}
            left[table.name] = [
                record for record in rows.get(table.name, []) if tuple(record[key] for key in keys) in there
            ]
    return left


@contextmanager
def _snapshot(data_dir: Path, database: str) -> Iterator[Connection]:
    with connected(data_dir, database) as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN")  # Python's SQLite begins one for writing only
        else:
            connection.execution_options(isolation_level="REPEATABLE READ")
        yield connection


def _tables(connection: Connection) -> list[Table]:
    """The tables as they are in the database, those first that others refer to."""
    metadata = MetaData()
    metadata.reflect(connection)
    return [table for table in metadata.sorted_tables if table.name not in _OWN_TABLES]


def _plain(record: Any) -> dict[str, Any]:
    return {key: _text_of(value) if isinstance(value, datetime) else value for key, value in record.items()}


def _text_of(time: datetime) -> str:
    return (time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)).isoformat()


def _insert(connection: Connection, rows: Rows) -> None:
    for table in _tables(connection):
        times = [column.name for column in table.columns if isinstance(column.type, DateTime)]
        for column in table.columns:
            if isinstance(column.type, JSON):
                column.type.none_as_null = True
        records = [
            {key: datetime.fromisoformat(one) if key in times and one else one for key, one in record.items()}
            for record in rows.get(table.name, [])
        ]
        if records:
            connection.execute(table.insert(), records)


def _copy(
    rows: Rows,
    source: Path,
    target: Path,
    on_copied: Callable[[int], None],
    hash_of: Callable[[Path], str] = sha256_of,
) -> tuple[int, list[_Damage]]:
    """Copy the contents and run folders that the records name; how many bytes, and what is not what it was.

    `hash_of` gives the SHA-256 of a copied result, and may put it where it belongs.
    """
    damaged: list[_Damage] = []
    size = count = 0
    names: dict[str, str] = {}
    for record in rows.get("file", []):
        names.setdefault(record["sha256"], record["name"])
    for sha256, name in names.items():
        part = Path("files") / _checked_hash(sha256)[:2] / sha256
        try:
            (target / part).parent.mkdir(parents=True, exist_ok=True)
            (target / part).unlink(missing_ok=True)  # of an earlier try
            shutil.copyfile(source / part, target / part)
            (target / part).chmod(0o440)
            sound = sha256_of(target / part) == sha256
        except FileNotFoundError:
            sound = False
        if sound:
            size += (target / part).stat().st_size
        else:
            damaged.append(_Damage(sha256, name))
        count += 1
        on_copied(count)
    titles = {record["id"]: record["title"] for record in rows.get("project", [])}
    for record in rows.get("run", []):
        part = Path("runs") / record["id"]
        if not is_id(record["id"]):
            raise StoreError(f"{record['id'][:40]!r} is no run's name: this backup was changed.")
        if RunStatus(record["status"]).ended and (source / part).is_dir():
            run = f"run {record.get('number') or record['id']} of {titles[record['project_id']]}"
            damaged += [
                _Damage(record["id"], f"{name} of {run}")
                for name in _copy_results(source / part, target / part, hash_of)
            ]
            size += bytes_below(target / part)
        count += 1
        on_copied(count)
    return size, damaged


def _report(rows: Rows, size: int, damaged: list[_Damage]) -> Report:
    """What was copied, without what is no longer in the records."""
    projects, files, runs = (rows.get(name, []) for name in ("project", "file", "run"))
    hashes = {record["sha256"] for record in files}
    there = hashes | {record["id"] for record in runs}
    return Report(
        len(projects), len(hashes), len(runs), size, tuple(one.name for one in damaged if one.of in there)
    )


def _copy_results(source: Path, target: Path, hash_of: Callable[[Path], str]) -> list[str]:
    """Copy the folder of a run; the names of the files in it that are lost or changed."""
    target.mkdir(parents=True, exist_ok=True)
    changed = []
    try:
        paths = [path for path in source.iterdir() if not passes(path.name)]
    except FileNotFoundError:
        return ["all results"]
    for path in paths:
        try:
            _copy_anew(path, target / path.name)
        except FileNotFoundError:
            changed.append(path.name)
    for name, sha256 in sums_of(target).items():
        try:
            sound = hash_of(target / name) == sha256
        except OSError:
            sound = False
        if not sound and name not in changed:
            changed.append(name)
    return changed


def _copy_anew(source: Path, target: Path) -> None:
    """Copy a file, not into one that is there from an earlier try: that may be a content by now."""
    target.unlink(missing_ok=True)
    shutil.copy2(source, target)


def _checked_hash(sha256: str) -> str:
    if len(sha256) != 64 or not all(letter in "0123456789abcdef" for letter in sha256):
        raise StoreError(f"{sha256[:80]!r} is no SHA-256: this backup was changed.")
    return sha256


def _manifest(source: Path) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads((source / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise StoreError(f"{source} is no backup: it has no readable {MANIFEST}.") from None
    if manifest.get("residua_backup") != FORMAT or not isinstance(manifest.get("layout"), str):
        raise StoreError(f"{source} is a backup in a format that this Residua does not know.")
    return manifest


def _lines(path: Path) -> list[dict[str, Any]]:
    try:
        return [load_json(line) for line in path.read_text(encoding="utf-8").splitlines()]
    except ValueError:
        raise StoreError(f"{path} is damaged: a line of it is not JSON.") from None
