"""The runs of a store: from the queue to their end, and what people say of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import delete, func, select, update

from dashboard.store.errors import NotFound, StoreError
from dashboard.store.journal import add_run
from dashboard.store.models import ProjectRow, RunRow
from dashboard.store.names import display_note, display_tags, is_id, new_id
from dashboard.store.part import Part
from dashboard.store.people import Reach
from dashboard.store.reach import reach_of_run, visible
from dashboard.store.records import ACTIVE, NEXT, Run, RunStatus
from dashboard.store.rows import run_of


class Runs(Part):
    """Submitted, moved on, found, annotated and deleted."""

    def create_run(
        self,
        project_id: str,
        description: Mapping[str, Any],
        fitter: str,
        options: Mapping[str, Any],
        *,
        expected_seconds: float | None = None,
        device: str = "auto",
    ) -> Run:
        """Put a run into the queue, with the description as it is now."""
        row = RunRow(
            id=new_id(),
            project_id=project_id,
            status=RunStatus.QUEUED,
            fitter=fitter[:60],
            options=dict(options),
            description=dict(description),
            account_id=self.who.id or None,
            created=datetime.now(UTC),
            message=f"Waiting for a free worker{' with a GPU' if device == 'cuda' else ''}.",
            tags=[],
            note="",
            starred=False,
            attempts=0,
            expected_seconds=expected_seconds,
            device=device,
            bytes=0,
        )
        with self._session.begin() as session:
            self._get(session, ProjectRow, project_id, "project", Reach.WRITE).updated = row.created
            latest = session.scalar(select(func.max(RunRow.number)).where(RunRow.project_id == project_id))
            row.number = (latest or 0) + 1
            session.add(row)
            add_run(session, project_id, row.id)
        return run_of(row)

    def run(self, run_id: str) -> Run:
        """One run; NotFound when there is none with this id."""
        with self._session() as session:
            return run_of(self._get(session, RunRow, run_id, "run"))

    def runs(self, project_id: str | None = None, *, limit: int | None = None) -> list[Run]:
        """The runs of a project (or of all that `projects` gives) that are not deleted, the newest first."""
        query = select(RunRow).where(RunRow.deleted.is_(None)).order_by(RunRow.created.desc(), RunRow.id)
        if project_id is not None:
            query = query.where(RunRow.project_id == project_id)
        with self._session() as session:
            if project_id is not None:
                self._permit(session, project_id, Reach.READ)
            elif not self.who.local:
                mine = select(ProjectRow.id).where(visible(session, self.who))
                query = query.where(RunRow.project_id.in_(mine))
            return [run_of(row) for row in session.scalars(query.limit(limit))]

    def runs_with_status(self, status: RunStatus, *, limit: int | None = None) -> list[Run]:
        """Runs in this state, the oldest first: the queue, when the state is queued."""
        self._only_inside()
        query = select(RunRow).where(RunRow.status == status).order_by(RunRow.created, RunRow.id).limit(limit)
        with self._session() as session:
            return [run_of(row) for row in session.scalars(query)]

    def run_counts(self) -> dict[RunStatus, int]:
        """How many runs are in each state, deleted ones not counted."""
        self._only_inside()
        query = select(RunRow.status, func.count()).where(RunRow.deleted.is_(None)).group_by(RunRow.status)
        with self._session() as session:
            found = dict(iter(session.execute(query)))
        return {status: found.get(status, 0) for status in RunStatus}

    def advance_run(self, run_id: str, status: RunStatus, **facts: Any) -> Run | None:
        """Move a run on; None when it may not.

        ``facts`` are what is recorded with it: `message`, `error`, `converged`, `chi2_dof`, `bytes`, `attempts`.
        One UPDATE with the allowed states in its WHERE, so of two that try at once only one succeeds.
        """
        self._only_inside()
        now = datetime.now(UTC)
        if status is RunStatus.RUNNING:
            facts["started"] = now
            facts["attempts"] = RunRow.attempts + 1
        elif status.ended:
            facts["finished"] = now
        before = [state for state, after in NEXT.items() if status in after]
        with self._session.begin() as session:
            self._get(session, RunRow, run_id, "run")
            moved = session.execute(
                update(RunRow)
                .where(RunRow.id == run_id, RunRow.status.in_(before))
                .values(status=status, **facts)
                .returning(RunRow.id)
            ).scalar()
            if moved is None:
                return None
            return run_of(self._get(session, RunRow, run_id, "run"))

    def annotate_run(
        self,
        run_id: str,
        *,
        tags: Iterable[str] | None = None,
        note: str | None = None,
        starred: bool | None = None,
    ) -> Run:
        """Set what people say of a run; what is not given stays."""
        with self._session.begin() as session:
            row = self._get(session, RunRow, run_id, "run", Reach.WRITE)
            if tags is not None:
                row.tags = display_tags(tags)
            if note is not None:
                row.note = display_note(note)
            if starred is not None:
                row.starred = starred
            return run_of(row)

    def delete_run(self, run_id: str) -> Run:
        """Take a run out of sight; `restore_run` brings it back for a day. StoreError while it goes on."""
        with self._session.begin() as session:
            row = self._get(session, RunRow, run_id, "run", Reach.WRITE)
            if row.status in ACTIVE:
                raise StoreError(f"This {row.fitter} run is {row.status}. Cancel it first, then delete it.")
            row.deleted = row.deleted or datetime.now(UTC)
            return run_of(row)

    def restore_run(self, run_id: str) -> Run:
        """Undo `delete_run`; NotFound when the run is gone for good."""
        with self._session.begin() as session:
            row = self._get(session, RunRow, run_id, "run", Reach.WRITE)
            row.deleted = None
            return run_of(row)

    def purge_runs(self, before: datetime) -> list[str]:
        """Remove the runs deleted before this time, with their files; their ids."""
        self._only_inside()
        with self._session.begin() as session:
            purged = list(session.scalars(delete(RunRow).where(RunRow.deleted < before).returning(RunRow.id)))
        self._remove_results(purged)
        return purged

    def run_folder(self, run_id: str) -> Path:
        """The folder a run writes to (made by the run)."""
        if not is_id(run_id):
            raise NotFound("There is no such run.")
        if not self.who.local:
            self.run(run_id)
        return self._runs / run_id

    def reach_of_run(self, run_id: str) -> Reach:
        """How far this store's person may go with the project of a run."""
        with self._session() as session:
            return reach_of_run(session, self.who, run_id)
