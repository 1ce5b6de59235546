"""The projects of a store."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, exists, select

from dashboard.store.errors import NotAllowed, StoreError
from dashboard.store.journal import add_edit
from dashboard.store.models import FileRow, ProjectRow, RunRow
from dashboard.store.names import display_title, new_id
from dashboard.store.part import Part
from dashboard.store.people import Reach
from dashboard.store.reach import reach_of, visible
from dashboard.store.records import ACTIVE, Project
from dashboard.store.rows import project_of


class Projects(Part):
    """Made, found, changed and deleted; and how far somebody may go with one."""

    def create_project(self, title: str, description: Mapping[str, Any] | None = None) -> Project:
        """Make a project; it belongs to whoever this store stands for."""
        if not (self.who.local or self.who.account):
            raise NotAllowed("Log in to make a project of your own.")
        now = datetime.now(UTC)
        row = ProjectRow(
            id=new_id(),
            title=display_title(title),
            created=now,
            updated=now,
            description=None if description is None else dict(description),
            owner_id=self.who.id or None,
        )
        with self._session.begin() as session:
            session.add(row)
        return project_of(row)

    def projects(self) -> list[Project]:
        """All projects that are this person's or lent to them, the one changed last first."""
        with self._session() as session:
            query = select(ProjectRow).where(visible(session, self.who)).order_by(ProjectRow.updated.desc())
            return [project_of(row) for row in session.scalars(query)]

    def project(self, project_id: str) -> Project:
        """One project; NotFound when there is none with this id."""
        with self._session() as session:
            return project_of(self._get(session, ProjectRow, project_id, "project"))

    def update_project(
        self, project_id: str, *, title: str | None = None, description: Mapping[str, Any] | None = None
    ) -> Project:
        """Change what is given and leave the rest."""
        with self._session.begin() as session:
            row = self._get(session, ProjectRow, project_id, "project", Reach.WRITE)
            if title is not None:
                row.title = display_title(title)
            if description is not None:
                add_edit(session, project_id, row.description, description)
                row.description = dict(description)
            row.updated = datetime.now(UTC)
            return project_of(row)

    def delete_project(self, project_id: str) -> None:
        """Delete a project with its runs, and the contents that no other project uses.

        StoreError while one of its runs is queued or running.
        """
        with self._session.begin() as session:
            row = self._get(session, ProjectRow, project_id, "project", Reach.OWN)
            title = row.title
            # On Postgres nobody adds a run from here on; on SQLite, the DELETE itself is the first that locks.
            session.execute(select(ProjectRow.id).where(ProjectRow.id == project_id).with_for_update())
            run_ids = list(session.scalars(select(RunRow.id).where(RunRow.project_id == project_id)))
            hashes = set(session.scalars(select(FileRow.sha256).where(FileRow.project_id == project_id)))
            active = exists().where(RunRow.project_id == project_id, RunRow.status.in_(ACTIVE))
            gone = session.execute(
                delete(ProjectRow).where(ProjectRow.id == project_id, ~active).returning(ProjectRow.id)
            )
            if gone.scalar() is None:
                raise StoreError(
                    f"{title} has a fit that is still running. Cancel it first, then delete the project."
                )
        self._remove_results(run_ids)
        self._forget(hashes)

    def reach(self, project_id: str) -> Reach:
        """How far this store's person may go with a project."""
        with self._session() as session:
            return reach_of(session, self.who, project_id)

    def require(self, project_id: str, need: Reach) -> None:
        """NotFound or NotAllowed unless this store's person may go that far with a project."""
        with self._session() as session:
            self._permit(session, project_id, need)
