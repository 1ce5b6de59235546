"""The queue as the database has it: what waits, what runs, and who has had how much."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from dashboard.store.errors import NotAllowed
from dashboard.store.models import FileRow, ProjectRow, RunRow
from dashboard.store.people import LOCAL, Who
from dashboard.store.records import RunStatus

# Of runs from before accounts, and where nobody logs in, "" is whose they are.
_account = func.coalesce(RunRow.account_id, "")
# In the order of Entry's fields.
_ENTRY = (
    RunRow.id,
    RunRow.project_id,
    ProjectRow.title,
    _account,
    RunRow.status,
    RunRow.fitter,
    RunRow.created,
    RunRow.started,
    RunRow.attempts,
    RunRow.expected_seconds,
    RunRow.device,
    RunRow.message,
)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A run that waits or goes on, without its description. Times are UTC."""

    id: str
    project_id: str
    project: str
    account_id: str
    status: RunStatus
    fitter: str
    created: datetime
    started: datetime | None
    attempts: int
    expected_seconds: float | None
    device: str
    message: str


class Queue:
    """Reads what the dispatcher decides by. Others than the server itself and admins see only what is their own."""

    def __init__(self, session: Callable[[], Session], who: Who = LOCAL) -> None:
        self._session = session
        self._who = who

    def entries(self, *statuses: RunStatus) -> list[Entry]:
        """The runs in these states (waiting and going on where none is named), the oldest first."""
        wanted = statuses or (RunStatus.QUEUED, RunStatus.RUNNING)
        query = (
            select(*_ENTRY)
            .join(ProjectRow, ProjectRow.id == RunRow.project_id)
            .where(RunRow.status.in_(wanted))
            .order_by(RunRow.created, RunRow.id)
        )
        if not self._who.is_admin:
            query = query.where(_account == (self._who.id or None))
        with self._session() as session:
            return [_entry(row) for row in session.execute(query)]

    def waiting_of(self, account_id: str) -> int:
        """How many runs of an account wait; those of nobody where it is ""."""
        self._only_inside()
        query = select(func.count()).where(RunRow.status == RunStatus.QUEUED, _account == account_id)
        with self._session() as session:
            return session.scalar(query) or 0

    def used_since(self, time: datetime) -> list[tuple[str, datetime, datetime | None]]:
        """Of each run that took worker time since then: whose it was, its start and its end (None: goes on)."""
        self._only_inside()
        query = select(_account, RunRow.started, RunRow.finished).where(
            RunRow.started.is_not(None), or_(RunRow.finished > time, RunRow.status == RunStatus.RUNNING)
        )
        with self._session() as session:
            return [(who, started, ended) for who, started, ended in session.execute(query) if started]

    def usual_seconds(self, project_id: str, fitter: str) -> float | None:
        """What the last such fit of this project took; None when there was none."""
        self._only_inside()
        query = (
            select(RunRow.started, RunRow.finished)
            .where(
                RunRow.project_id == project_id,
                RunRow.fitter == fitter,
                RunRow.status == RunStatus.FINISHED,
                RunRow.started.is_not(None),
            )
            .order_by(RunRow.finished.desc())
            .limit(1)
        )
        with self._session() as session:
            found = session.execute(query).first()
        if found is None or found[0] is None or found[1] is None:
            return None
        return float((found[1] - found[0]).total_seconds())

    def bytes_of(self, account_id: str) -> int:
        """What an account keeps on disk: contents of its projects' files, each once, and what its runs wrote."""
        self._only_inside()
        with self._session() as session:
            return bytes_of(session, account_id)

    def _only_inside(self) -> None:
        if not self._who.is_admin:
            raise NotAllowed("Only the server itself does this.")


def bytes_of(session: Session, account_id: str) -> int:
    """What an account keeps on disk, as a transaction sees it."""
    contents = (
        select(FileRow.sha256, FileRow.size)
        .join(ProjectRow, ProjectRow.id == FileRow.project_id)
        .where(func.coalesce(ProjectRow.owner_id, "") == account_id)
        .distinct()
        .subquery()
    )
    files = session.scalar(select(func.sum(contents.c.size))) or 0
    # Deleted runs too, until they are gone for good: they can be brought back, so they take the disk, and whoever
    # fitted and deleted by turns would fill it otherwise.
    runs = session.scalar(select(func.sum(RunRow.bytes)).where(_account == account_id)) or 0
    return int(files) + int(runs)


def _entry(row: Any) -> Entry:
    facts = dict(zip(Entry.__dataclass_fields__, row, strict=True))
    return Entry(**{**facts, "status": RunStatus(facts["status"])})
