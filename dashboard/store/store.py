"""The one owner of a data folder: its database, its file contents and its run folders.

    residua.db                 projects, files, runs (SQLite; a lab may keep them in Postgres)
    files/ab/ab12...           contents by SHA-256
    runs/<run id>/             what a run wrote: result.json, images.fits, parameters.ecsv, fit.yaml
    incoming/                  uploads on their way

Calls may come from any thread. Each is one short transaction. What `seen_by` gives is the same store for somebody: each
call on it first asks how far they may go with the project, in the same transaction.
"""

from __future__ import annotations

import copy
import shutil
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session, sessionmaker

from dashboard.store.accounts import Accounts
from dashboard.store.attempts import Attempts
from dashboard.store.database import open_database
from dashboard.store.errors import NotAllowed, NotFound, StoreError
from dashboard.store.files import Blob, Files, Incoming
from dashboard.store.journal import Journal, add_edit, add_run
from dashboard.store.lock import FolderLock
from dashboard.store.logins import Logins
from dashboard.store.models import FileRow, ProjectRow, RunRow
from dashboard.store.names import display_name, display_note, display_tags, display_title, is_id, new_id
from dashboard.store.people import LOCAL, Reach, Who
from dashboard.store.queue import Queue
from dashboard.store.reach import check, reach_of, reach_of_run, visible
from dashboard.store.records import NEXT, File, Project, Run, RunStatus
from dashboard.store.references import ROLES, resolve
from dashboard.store.rows import project_of, run_of
from dashboard.store.secrets import new_secret
from dashboard.store.sharing import Sharing

Row = TypeVar("Row", ProjectRow, FileRow, RunRow)

ACTIVE = (RunStatus.QUEUED, RunStatus.RUNNING)
# How long a deleted run can be brought back, over a restart too.
UNDO_TIME = timedelta(days=1)


class Store:
    """Projects, files and runs below `data_dir`, which is made when missing.

    The records are in SQLite there too, or in the Postgres that `database` is the URL of.
    """

    def __init__(self, data_dir: Path | str, database: str = "") -> None:
        self.data_dir = Path(data_dir).expanduser().resolve()
        try:
            self.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = FolderLock(self.data_dir)
        except OSError as error:
            raise StoreError(
                f"The data folder {self.data_dir} cannot be used ({error.strerror}). "
                "Choose another with --data-dir."
            ) from error
        try:
            self._blobs = Files(self.data_dir)
            self._runs = self.data_dir / "runs"
            self._runs.mkdir(exist_ok=True)
            self._engine = open_database(self.data_dir, database)
        except BaseException:
            self._lock.release()
            raise
        self._session = sessionmaker(self._engine, expire_on_commit=False)
        self.attempts = Attempts(self._session)
        self._stand_for(LOCAL)
        self.whole = self
        self.purge_runs(before=datetime.now(UTC) - UNDO_TIME)

    def close(self) -> None:
        """Close the database and let another server use the folder."""
        self._engine.dispose()
        self._lock.release()

    def signing_key(self) -> str:
        """A secret of this data folder, made at the first call."""
        self._only_inside()
        path = self.data_dir / "signing-key"
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(f"{new_secret()}{new_secret()}\n", encoding="ascii")
        return path.read_text(encoding="ascii").strip()

    # --- who

    def seen_by(self, who: Who) -> Store:
        """This store as somebody may use it: what is not theirs is not there, what is only lent to them for reading
        cannot be changed.
        """
        seen = copy.copy(self)
        seen._stand_for(who)
        return seen

    def _stand_for(self, who: Who) -> None:
        self.who = who
        self.accounts = Accounts(self._session, who)
        self.logins = Logins(self._session, who)
        self.journal = Journal(self._session, self._permit)
        self.sharing = Sharing(self._session, self._permit)
        self.queue = Queue(self._session, who)

    def reach(self, project_id: str) -> Reach:
        """How far this store's person may go with a project."""
        with self._session() as session:
            return reach_of(session, self.who, project_id)

    def require(self, project_id: str, need: Reach) -> None:
        """NotFound or NotAllowed unless this store's person may go that far with a project."""
        with self._session() as session:
            self._permit(session, project_id, need)

    def reach_of_run(self, run_id: str) -> Reach:
        """How far this store's person may go with the project of a run."""
        with self._session() as session:
            return reach_of_run(session, self.who, run_id)

    def _permit(self, session: Session, project_id: str, need: Reach, noun: str = "project") -> None:
        if not self.who.local:
            check(session, self.who, project_id, need, noun)

    def _only_inside(self) -> None:
        """For what the server itself does, whoever's run it is."""
        if not self.who.is_admin:
            raise NotAllowed("Only the server itself does this.")

    # --- projects

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
            runs = list(session.scalars(select(RunRow).where(RunRow.project_id == project_id)))
            if any(run.status in ACTIVE for run in runs):
                raise StoreError(
                    f"{row.title} has a fit that is still running. Cancel it first, then delete the project."
                )
            hashes = set(session.scalars(select(FileRow.sha256).where(FileRow.project_id == project_id)))
            session.execute(delete(ProjectRow).where(ProjectRow.id == project_id))
            run_ids = [run.id for run in runs]
        for run_id in run_ids:
            shutil.rmtree(self._runs / run_id, ignore_errors=True)
        self._forget(hashes)

    # --- files

    def receive(self) -> Incoming:
        """Start taking in a content chunk by chunk; finish with `add_blob(..., incoming.commit())`."""
        return Incoming(self._blobs)

    def add_file(self, project_id: str, role: str, name: str, source: Path | bytes) -> File:
        """Copy a file or bytes into a project."""
        with self._session() as session:
            self._get(session, ProjectRow, project_id, "project", Reach.WRITE)
        return self.add_blob(project_id, role, name, self._blobs.add(source))

    def add_blob(self, project_id: str, role: str, name: str, blob: Blob) -> File:
        """Make a stored content a file of a project, under the (sanitised) name its sender gave it."""
        _check_role(role)
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
            self._get(session, ProjectRow, project_id, "project", Reach.WRITE).updated = now
            session.add(row)
        return self._file(row)

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

    def resolved_description(
        self, project: Project | str, description: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """The project's description (or this one) with real paths in place of file references.

        StoreError when there is no description yet, or a file it names was deleted.
        """
        project_id = project if isinstance(project, str) else project.id
        if description is None:
            description = (self.project(project_id) if isinstance(project, str) else project).description
        if description is None:
            raise StoreError("This project has no image yet. Drop a FITS file on the page first.")
        return resolve(description, {file.id: file for file in self.files(project_id)})

    def display_names(self, project_id: str) -> dict[str, str]:
        """What people call the files: from content path to the sender's name."""
        return {str(file.path): file.name for file in self.files(project_id)}

    # --- runs

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
            message="Waiting for a free worker.",
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
        """Move a run on and record `message`, `error`, `converged`, `chi2_dof`, `bytes`; None when it may not.

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
        for run_id in purged:
            shutil.rmtree(self._runs / run_id, ignore_errors=True)
        return purged

    def run_folder(self, run_id: str) -> Path:
        """The folder a run writes to (made by the run)."""
        if not is_id(run_id):
            raise NotFound("There is no such run.")
        if not self.who.local:
            self.run(run_id)
        return self._runs / run_id

    # --- inside

    def _get(
        self, session: Session, kind: type[Row], identifier: str, noun: str, need: Reach = Reach.READ
    ) -> Row:
        row = session.get(kind, identifier) if is_id(identifier) else None
        if row is None:
            raise NotFound(f"There is no such {noun}. It may have been deleted.")
        self._permit(session, row.id if isinstance(row, ProjectRow) else row.project_id, need, noun)
        return row

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

    def _forget(self, hashes: set[str]) -> None:
        """Remove those of the contents that no file refers to."""
        for sha256 in hashes:
            with self._session.begin() as session:
                if session.scalar(select(func.count()).where(FileRow.sha256 == sha256)) == 0:
                    self._blobs.remove(sha256)


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise StoreError(f"A file cannot have the role {role!r}. Known are: {', '.join(ROLES)}.")
