"""What lies in a data folder that no record refers to: found, told, removed. A server may go on meanwhile."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, select

from dashboard.store.database import connected
from dashboard.store.files import CONTENTS, bytes_below, in_a_run
from dashboard.store.models import FileRow, RunRow
from dashboard.store.records import RunStatus

HOUR, DAY = 3600.0, 86_400.0
CONTENT, RUN, UPLOAD, TEMPORARY = "content", "run", "upload", "temporary"


@dataclass(frozen=True)
class Leftover:
    """A content, the folder of a run, an upload that was never finished, or what passes in the folder of a run that
    ended; its size in bytes.
    """

    kind: str
    path: Path
    size: int


def clean(data_dir: Path, database: str = "", *, dry_run: bool = False) -> list[Leftover]:
    """Remove what nobody refers to any more (only find it, for a dry run), and return it.

    What is younger than an hour stays, an upload for a day: its record may be on its way. StoreError when there are no
    records, or those of the database are another folder's: then nothing could be told from what is needed.
    """
    with connected(data_dir, database) as connection:
        found = list(_leftovers(data_dir, connection, time.time()))
    return found if dry_run else [one for one in found if _removed(one)]


def _leftovers(data_dir: Path, connection: Connection, now: float) -> Iterator[Leftover]:
    # The folders are read before the records: what comes meanwhile has its record by then, or is young.
    contents = _old(data_dir / CONTENTS, "??/*", now - HOUR)
    folders = _old(data_dir / "runs", "*", now - HOUR)
    uploads = _old(data_dir / "incoming", "*", now - DAY)
    # Checkpoints, claims, archives in the making: whoever ends a run removes them, unless that is ended itself.
    passing = _old(data_dir / "runs", "*/.*", now - HOUR)
    hashes = set(connection.scalars(select(FileRow.sha256)))
    runs = {row.id: RunStatus(row.status) for row in connection.execute(select(RunRow.id, RunRow.status))}
    for path in contents:
        # A name with a dot is one that a link had on its way, where that was cut off.
        if path.name not in hashes and (path.name.startswith(".") or not in_a_run(path)):
            yield Leftover(CONTENT, path, bytes_below(path))
    for path in folders:
        if path.name not in runs:
            yield Leftover(RUN, path, bytes_below(path))
    for path in uploads:
        yield Leftover(UPLOAD, path, bytes_below(path))
    for path in passing:
        if (status := runs.get(path.parent.name)) is not None and status.ended:
            yield Leftover(TEMPORARY, path, bytes_below(path))


def _old(folder: Path, pattern: str, before: float) -> list[Path]:
    found = []
    for path in folder.glob(pattern):
        with suppress(OSError):  # gone meanwhile
            if path.stat().st_mtime < before:
                found.append(path)
    return sorted(found)


def _removed(one: Leftover) -> bool:
    try:
        if one.kind == CONTENT and one.path.stat().st_mtime > time.time() - HOUR:
            return False  # the same content came again meanwhile
        if one.path.is_dir():
            shutil.rmtree(one.path)
        else:
            one.path.unlink()
    except OSError:
        return False
    return True
