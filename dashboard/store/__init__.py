"""Projects, their files and their runs: SQLite or Postgres for the records, a folder for the bytes."""

from dashboard.store.errors import NotAllowed, NotFound, StoreError
from dashboard.store.people import LOCAL, NOBODY, Account, Reach, Role, Who
from dashboard.store.records import File, Project, Run, RunStatus
from dashboard.store.references import ROLES, file_reference, resolve, with_file
from dashboard.store.store import Store

__all__ = [
    "LOCAL",
    "NOBODY",
    "ROLES",
    "Account",
    "File",
    "NotAllowed",
    "NotFound",
    "Project",
    "Reach",
    "Role",
    "Run",
    "RunStatus",
    "Store",
    "StoreError",
    "Who",
    "file_reference",
    "resolve",
    "with_file",
]
