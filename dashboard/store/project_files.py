"""The files of projects: contents on disk under the names that their senders gave them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select

from dashboard.store.database import lock
from dashboard.store.errors import StoreError
from dashboard.store.files import FULL_DISK, Blob, Incoming, is_full
from dashboard.store.models import FileRow, ProjectRow
from dashboard.store.names import display_name, new_id
from dashboard.store.part import Part
from dashboard.store.people import Reach
from dashboard.store.queue import bytes_of
from dashboard.store.records import File
from dashboard.store.references import ROLES

# Raises StoreError where the owner of a project may not keep so many bytes.
Allow = Callable[[int], None]


class ProjectFiles(Part):
    """Taken in, found, given a role and deleted."""

    def receive(self) -> Incoming:
        """Start taking in a content chunk by chunk; finish with :meth:`take_in`."""
        return Incoming(self._blobs)

    def add_file(
        self, project_id: str, role: str, name: str, source: Path | bytes, allow: Allow | None = None
    ) -> File:
        """Copy a file or bytes into a project, as :meth:`take_in` does."""
        with self._session() as session:
            self._get(session, ProjectRow, project_id, "project", Reach.WRITE)
        try:
            with self._blobs.copy(source) as incoming:
                return self.take_in(project_id, role, name, incoming, allow)
        except OSError as error:
            if is_full(error):
                raise StoreError(FULL_DISK) from error
            raise

    def take_in(
        self, project_id: str, role: str, name: str, incoming: Incoming, allow: Allow | None = None
    ) -> File:
        """Make a content that has come a file of a project, under the (sanitised) name its sender gave it.

        ``allow`` is called with all that the project's owner then keeps, in bytes. What is refused leaves no content.
        """
        _check_role(role)
        try:
            with self._blobs.kept(incoming.sha256):
                return self._file(self._record(project_id, role, name, incoming.commit(), allow))
        except StoreError:
            self._forget({incoming.sha256})
            raise

    def _record(self, project_id: str, role: str, name: str, blob: Blob, allow: Allow | None) -> FileRow:
        now = datetime.now(UTC)
        row = FileRow(
            id=new_id(),
            project_id=project_id,
            role=role,
            name=display_name(name),
            sha256=blob.sha256,
            size=blob.size,
            created=now,
        )
        with self._session.begin() as session:
            if allow is not None:
                lock(session.connection())  # of files that come at once, each is counted with those before it
            project = self._get(session, ProjectRow, project_id, "project", Reach.WRITE)
            project.updated = now
            session.add(row)
            if allow is not None:
                session.flush()
                allow(bytes_of(session, project.owner_id or ""))
        return row

    def files(self, project_id: str) -> list[File]:
        """The files of a project, in the order they came."""
        with self._session() as session:
            self._permit(session, project_id, Reach.READ)
            rows = session.scalars(
                select(FileRow).where(FileRow.project_id == project_id).order_by(FileRow.created, FileRow.id)
            )
            return [self._file(row) for row in rows]

    def file(self, file_id: str) -> File:
        """One file; NotFound when there is none with this id."""
        with self._session() as session:
            return self._file(self._get(session, FileRow, file_id, "file"))

    def set_file_role(self, file_id: str, role: str) -> File:
        """Say what a file is: image, sigma, variance, weight, mask or psf."""
        _check_role(role)
        with self._session.begin() as session:
            row = self._get(session, FileRow, file_id, "file", Reach.WRITE)
            row.role = role
            return self._file(row)

    def delete_file(self, file_id: str) -> None:
        """Take a file out of its project; its content goes when nothing else uses it."""
        with self._session.begin() as session:
            row = self._get(session, FileRow, file_id, "file", Reach.WRITE)
            sha256 = row.sha256
            session.delete(row)
        self._forget({sha256})

    def display_names(self, project_id: str) -> dict[str, str]:
        """What people call the files: from content path to the sender's name."""
        return {str(file.path): file.name for file in self.files(project_id)}

    def _file(self, row: FileRow) -> File:
        return File(
            id=row.id,
            project_id=row.project_id,
            role=row.role,
            name=row.name,
            sha256=row.sha256,
            size=row.size,
            created=row.created,
            path=self._blobs.path(row.sha256),
        )


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise StoreError(f"A file cannot have the role {role!r}. Known are: {', '.join(ROLES)}.")
