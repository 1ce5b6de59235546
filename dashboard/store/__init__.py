"""Projects, their files and their runs: SQLite or Postgres for the records, a folder for the bytes."""

from dashboard.store.errors import NotFound, StoreError
from dashboard.store.records import File, Project, Run, RunStatus
from dashboard.store.references import ROLES, file_reference, resolve, with_file
from dashboard.store.store import Store

__all__ = [
    "ROLES",
    "File",
    "NotFound",
    "Project",
    "Run",
    "RunStatus",
    "Store",
    "StoreError",
    "file_reference",
    "resolve",
    "with_file",
]
