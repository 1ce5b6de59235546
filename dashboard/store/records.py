"""What the store hands out: frozen records, safe to keep and to pass between threads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any


class RunStatus(StrEnum):
    """Where a run is in its life."""

    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to the run."""
        return not NEXT[self]


# The whole life of a run.
NEXT: dict[RunStatus, frozenset[RunStatus]] = {
    RunStatus.QUEUED: frozenset({RunStatus.RUNNING, RunStatus.FAILED, RunStatus.CANCELLED}),
    RunStatus.RUNNING: frozenset(
        # Back to the queue when its worker, or the server, went away under it.
        {RunStatus.QUEUED, RunStatus.FINISHED, RunStatus.FAILED, RunStatus.CANCELLED}
    ),
    RunStatus.FINISHED: frozenset(),
    RunStatus.FAILED: frozenset(),
    RunStatus.CANCELLED: frozenset(),
}

ACTIVE = tuple(status for status in RunStatus if not status.ended)


@dataclass(frozen=True, kw_only=True)
class Project:
    """One piece of work: images, a model, and the runs made with them. Times are UTC.

    `owner_id` is the account whose it is, "" where nobody's.
    """

    id: str
    title: str
    created: datetime
    updated: datetime
    description: dict[str, Any] | None
    owner_id: str = ""


@dataclass(frozen=True, kw_only=True)
class File:
    """A file of a project. `name` is what the sender called it: to show, never to build a path from."""

    id: str
    project_id: str
    role: str
    name: str
    sha256: str
    size: int
    created: datetime
    path: Path


@dataclass(frozen=True, kw_only=True)
class Run:
    """One fit of a project's description as it was then, and what people say of it. Times are UTC.

    A run with a time in `deleted` is out of sight and goes for good a day later. `account_id` is the account that asked
    for it, "" where there was none. `attempts` counts how often it was given to a worker, `bytes` is what it left on
    disk, `expected_seconds` what was forecast of it. `number` counts the runs of its project, those deleted since too.
    """

    id: str
    project_id: str
    status: RunStatus
    fitter: str
    options: dict[str, Any]
    description: dict[str, Any]
    created: datetime
    started: datetime | None
    finished: datetime | None
    message: str
    converged: bool | None
    chi2_dof: float | None
    error: str | None
    tags: tuple[str, ...] = ()
    note: str = ""
    starred: bool = False
    deleted: datetime | None = None
    account_id: str = ""
    attempts: int = 0
    expected_seconds: float | None = None
    device: str = "auto"
    bytes: int = 0
    number: int = 0

    @property
    def seconds(self) -> float | None:
        """Wall time from the start to the end, when both are known."""
        if self.started is None or self.finished is None:
            return None
        return (self.finished - self.started).total_seconds()
