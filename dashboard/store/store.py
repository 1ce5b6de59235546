"""The one owner of a data folder: its database, its file contents and its run folders.

    residua.db                 projects, files, runs (SQLite; a lab may keep them in Postgres)
    files/ab/ab12...           contents by SHA-256: uploads, and results by links to what lies in
    runs/<run id>/             what a run wrote: result.json, images.fits, parameters.ecsv, fit.yaml, SHA256SUMS
    incoming/                  uploads on their way

Calls may come from any thread. Each is one short transaction. What `seen_by` gives is the same store for somebody: each
call on it first asks how far they may go with the project, in the same transaction.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy.orm import sessionmaker

from dashboard.store.accounts import Accounts
from dashboard.store.attempts import Attempts
from dashboard.store.database import open_database
from dashboard.store.errors import StoreError
from dashboard.store.files import Files
from dashboard.store.journal import Journal
from dashboard.store.lines import kept_line
from dashboard.store.lock import FolderLock
from dashboard.store.logins import Logins
from dashboard.store.people import LOCAL, Who
from dashboard.store.project_files import ProjectFiles
from dashboard.store.projects import Projects
from dashboard.store.queue import Queue
from dashboard.store.records import Project
from dashboard.store.references import resolve
from dashboard.store.runs import Runs
from dashboard.store.secrets import new_secret
from dashboard.store.sharing import Sharing

# How long a deleted run can be brought back, over a restart too.
UNDO_TIME = timedelta(days=1)


class Store(Projects, ProjectFiles, Runs):
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
        made = f"{new_secret()}{new_secret()}"
        # With a shorter key, such as none at all, anybody could sign what only the server may.
        return kept_line(self.data_dir / "signing-key", made, least=len(new_secret()))

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

    # --- descriptions

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
