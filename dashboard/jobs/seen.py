"""The jobs as somebody may use them: each call first asks the store how far they may go."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from dashboard.jobs.events import Event
from dashboard.jobs.jobs import Jobs, Standing
from dashboard.jobs.tasks import Tasks
from dashboard.jobs.workers import Seen
from dashboard.store import Reach, Run, Store


class SeenJobs:
    """What pages may do with :class:`Jobs`, for the person that a store stands for."""

    def __init__(self, jobs: Jobs, store: Store) -> None:
        self._jobs = jobs
        self._store = store
        self._looked_at: set[str] = set()

    def submit(
        self,
        project_id: str,
        description: Mapping[str, Any],
        fitter: str = "lm",
        options: Mapping[str, Any] | None = None,
        *,
        seconds: float | None = None,
        device: str | None = None,
    ) -> Run:
        """As :meth:`Jobs.submit`; the run is this person's."""
        run = self._jobs.submit(
            project_id, description, fitter, options, store=self._store, seconds=seconds, device=device
        )
        self._looked_at.add(run.id)
        return run

    def cancel(self, run_id: str) -> None:
        """As :meth:`Jobs.cancel`."""
        self._store.require(self._store.run(run_id).project_id, Reach.WRITE)
        self._jobs.cancel(run_id)

    def subscribe(self, run_id: str | None, callback: Callable[[Event], None]) -> Callable[[], None]:
        """As :meth:`Jobs.subscribe`; of runs that were not asked for by their id, only that they moved on."""
        if run_id is not None:
            self._look_at(run_id)
            return self._jobs.subscribe(run_id, callback)

        def heard(event: Event) -> None:
            if event["run"] in self._looked_at:
                callback(event)
            elif event["type"] == "state":
                callback({"run": event["run"], "type": "state", "status": event["status"]})

        return self._jobs.subscribe(None, heard)

    def recent(self, run_id: str) -> list[Event]:
        """As :meth:`Jobs.recent`, of runs whose :meth:`events` were asked for before."""
        return self._jobs.recent(run_id) if run_id in self._looked_at else []

    def events(self, run_id: str) -> list[Event]:
        """As :meth:`Jobs.events`."""
        self._look_at(run_id)
        return self._jobs.events(run_id)

    def standing(self, run_ids: Collection[str]) -> Standing:
        """As :meth:`Jobs.standing`, of this person's own runs."""
        own = {entry.id for entry in self._store.queue.entries()}
        return self._jobs.standing([one for one in run_ids if one in own])

    @property
    def tasks(self) -> Tasks:
        """Work on values that a page read itself, so on what its person may read."""
        return self._jobs.tasks

    @property
    def workers(self) -> int:
        """As :attr:`Jobs.workers`."""
        return self._jobs.workers

    @property
    def has_gpu(self) -> bool:
        """As :attr:`Jobs.has_gpu`."""
        return self._jobs.has_gpu

    def seen_workers(self) -> list[Seen]:
        """As :meth:`Jobs.seen_workers`."""
        return self._jobs.seen_workers()

    @property
    def trouble(self) -> str:
        """As :attr:`Jobs.trouble`."""
        return self._jobs.trouble

    def _look_at(self, run_id: str) -> None:
        if run_id not in self._looked_at:
            self._store.run(run_id)
            self._looked_at.add(run_id)
