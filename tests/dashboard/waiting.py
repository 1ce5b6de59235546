"""Waiting in tests: for a condition, for a run to end."""

from __future__ import annotations

import time
from collections.abc import Callable

from dashboard.jobs import Jobs
from dashboard.store import Run, Store

SECONDS = 120


def wait_for(found: Callable[[], bool], seconds: float = SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def ended(jobs: Jobs, store: Store, run: Run) -> Run:
    """The run when its end is recorded and told."""
    ends = ("finished", "failed", "cancelled")
    wait_for(lambda: any(event.get("status") in ends for event in jobs.events(run.id)))
    return store.run(run.id)


def stepped(jobs: Jobs, run: Run) -> bool:
    return any(event["type"] == "step" for event in jobs.events(run.id))
