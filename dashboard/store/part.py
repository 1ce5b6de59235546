"""What the parts of a store share: a database, folders, and the person it stands for, asked for at every call."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TypeVar

from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from dashboard.store.errors import NotAllowed, NotFound
from dashboard.store.files import Files
from dashboard.store.models import FileRow, ProjectRow, RunRow
from dashboard.store.names import is_id
from dashboard.store.people import Reach, Who
from dashboard.store.reach import check
from dashboard.store.results import sums_of

Row = TypeVar("Row", ProjectRow, FileRow, RunRow)


class Part:
    """Part of a store. Each public call is one short transaction, in which it first asks how far `who` may go."""

    who: Who
    _session: sessionmaker[Session]
    _blobs: Files
    _runs: Path

    def _permit(self, session: Session, project_id: str, need: Reach, noun: str = "project") -> None:
        if not self.who.local:
            check(session, self.who, project_id, need, noun)

    def _only_inside(self) -> None:
        """For what the server itself does, whoever's run it is."""
        if not self.who.is_admin:
            raise NotAllowed("Only the server itself does this.")

    def _get(
        self, session: Session, kind: type[Row], identifier: str, noun: str, need: Reach = Reach.READ
    ) -> Row:
        row = session.get(kind, identifier) if is_id(identifier) else None
        if row is None:
            raise NotFound.of(noun)
        self._permit(session, row.id if isinstance(row, ProjectRow) else row.project_id, need, noun)
        return row

    def _remove_results(self, run_ids: Iterable[str]) -> None:
        """Remove the folders of runs that have no record any more, and the contents that only they had."""
        for run_id in run_ids:
            results = set(sums_of(self._runs / run_id).values())
            shutil.rmtree(self._runs / run_id, ignore_errors=True)
            self._forget(results)

    def _forget(self, hashes: set[str]) -> None:
        """Remove those of the contents that neither a file nor a run refers to."""
        for sha256 in hashes:
            self._blobs.remove(sha256, partial(self._is_recorded, sha256))

    def _is_recorded(self, sha256: str) -> bool:
        with self._session() as session:
            return bool(session.scalar(select(func.count()).where(FileRow.sha256 == sha256)))
