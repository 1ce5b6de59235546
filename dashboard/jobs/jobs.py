"""What pages know of fits: submit, watch, cancel."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from distributed import Security

from dashboard.jobs.dispatcher import Dispatcher, state_event
from dashboard.jobs.events import Event, EventHub, is_end
from dashboard.jobs.limits import Limits, check_submission
from dashboard.jobs.order import QUICK_SECONDS, SAMPLER_SECONDS
from dashboard.jobs.tasks import Tasks
from dashboard.jobs.workers import Seen, Workers
from dashboard.store import Run, Store
from engine.device import kind_of
from engine.fitters import registry


@dataclass(frozen=True)
class Standing:
    """Where runs are in the queue (1 is next) and what their last steps and memory (bytes) are, each by id; how many
    wait, how many run and how many workers there are in all; what keeps the queue from going on, "" where nothing does;
    whether a worker takes fits for a GPU.
    """

    positions: dict[str, int]
    waiting: int
    running: int
    steps: dict[str, Event]
    memory: dict[str, int]
    workers: int
    trouble: str
    has_gpu: bool


class Jobs:
    """Runs fits on `n_workers` processes of its own, or on the workers of a Dask scheduler elsewhere.

    `worker_memory` is in bytes a process of its own, 0 for a share of the machine's.
    """

    def __init__(
        self,
        store: Store,
        *,
        n_workers: int = 1,
        scheduler: str | None = None,
        security: Security | None = None,
        torch_threads: int = 1,
        cancel_grace: float = 3.0,
        worker_memory: int = 0,
        limits: Limits = Limits(),  # noqa: B008 (frozen)
    ) -> None:
        self._store = store
        self.limits = limits
        self._hub = EventHub()
        self._closed = False
        self.pool = Workers(
            n_workers=n_workers,
            scheduler=scheduler,
            security=security,
            torch_threads=torch_threads,
            memory=worker_memory,
        )
        self.tasks = Tasks(self.pool)
        self.dispatcher = Dispatcher(
            store, self.pool, self._hub, limits, torch_threads=torch_threads, cancel_grace=cancel_grace
        )
        self.dispatcher.begin()

    def submit(
        self,
        project_id: str,
        description: Mapping[str, Any],
        fitter: str = "lm",
        options: Mapping[str, Any] | None = None,
        *,
        store: Store | None = None,
        seconds: float | None = None,
        device: str | None = None,
    ) -> Run:
        """Put a fit into the queue and return at once.

        `store` is the store as whoever asks for the run may use it, so that the run is theirs; `seconds` is what it is
        forecast to take, where that is known; `device` is auto, cpu or cuda, None for what the description says: of
        several GPUs any will do. The description's files are references (dashboard.store.references).

        StoreError when a file is missing; LimitError when this person has too much here already; engine.DeviceError.
        """
        store = store or self._store
        check_submission(self.limits, *self._held_by(store.who.id))
        store.resolved_description(project_id, description)
        if seconds is None:
            seconds = self._store.queue.usual_seconds(project_id, fitter) or guessed_seconds(fitter)
        with self.dispatcher.taking:
            run = store.create_run(
                project_id,
                description,
                fitter,
                options or {},
                expected_seconds=seconds,
                device=device or kind_of(str(description.get("device") or "auto")),
            )
            self._hub.publish(run.id, state_event(run))
        self.dispatcher.submitted()
        return run

    def cancel(self, run_id: str) -> None:
        """Ask a run to stop: at once while it waits, at its next step while it runs, by force if that hangs.

        A run that is over stays as it is.
        """
        self._store.run(run_id)
        self.dispatcher.cancel(run_id)

    def subscribe(self, run_id: str | None, callback: Callable[[Event], None]) -> Callable[[], None]:
        """Call back with each event of a run (None: of all runs); returns the function that ends it.

        The callback runs on the event loop this is called from. An event is a dict with "run" and "type":
        "step" has number, chi2, chi2_dof, seconds, evaluations, jacobians, values and info;
        "state" has status, message, chi2_dof and converged.
        """
        return self._hub.subscribe(run_id, callback)

    def recent(self, run_id: str) -> list[Event]:
        """The events of a run that this server has heard of, without asking database or disk."""
        return self._hub.events(run_id)

    def events(self, run_id: str) -> list[Event]:
        """The events of a run so far; of a run from before this server's start, what its result tells."""
        found = self._hub.events(run_id)
        over = bool(found) and is_end(found[-1])
        if not found or (over and not any(event["type"] == "step" for event in found)):
            return self._events_on_disk(run_id)
        return found

    def standing(self, run_ids: Collection[str]) -> Standing:
        """How these runs stand in the queue as a whole. Reads the database."""
        order = self.dispatcher.order()
        steps = {one: self._hub.last(one) for one in run_ids}
        return Standing(
            positions={one: place for place, one in enumerate(order, 1) if one in run_ids},
            waiting=len(order),
            running=self.dispatcher.running,
            steps={one: step for one, step in steps.items() if step is not None},
            memory={one: self.dispatcher.memory_of(one) for one in run_ids},
            workers=self.workers,
            trouble=self.trouble,
            has_gpu=self.has_gpu,
        )

    def wait_until_warm(self, timeout: float | None = None) -> None:
        """Return once the workers have loaded everything a fit needs; TimeoutError after `timeout` seconds."""
        self.pool.wait_until_warm(timeout)

    def seen_workers(self) -> list[Seen]:
        """Every worker process as it told of itself last."""
        return self.pool.seen()

    @property
    def has_gpu(self) -> bool:
        """Whether a worker takes fits for a GPU."""
        return self.pool.slots().gpu > 0

    @property
    def workers(self) -> int:
        """How many worker processes are there now."""
        return self.pool.count

    @property
    def trouble(self) -> str:
        """What keeps the queue from going on; "" where nothing does."""
        return self.dispatcher.trouble

    def close(self) -> None:
        """Stop the workers. Waiting and running fits stay in the queue for the next server."""
        if self._closed:
            return
        self._closed = True
        try:
            self.tasks.close()
            self.dispatcher.close()
        finally:
            self.pool.close()

    # --- inside

    def _held_by(self, user: str) -> tuple[int, int]:
        queue, limits = self._store.queue, self.limits
        return (
            queue.waiting_of(user) if limits.queued_per_user else 0,
            queue.bytes_of(user) if limits.disk_per_user else 0,
        )

    def _events_on_disk(self, run_id: str) -> list[Event]:
        run = self._store.run(run_id)
        events: list[Event] = []
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            history = json.loads((self._store.run_folder(run_id) / "result.json").read_text())["history"]
            columns = [key for key in history if key != "step"]
            for index, number in enumerate(history["step"]):
                values = {key: history[key][index] for key in columns}
                events.append({"run": run_id, "type": "step", "number": number, **values})
        return [*events, {"run": run_id, **state_event(run)}]


def guessed_seconds(fitter: str) -> float:
    """What a fit takes of which nothing is known but its method."""
    kinds = [registry().get(one) for one in fitter.split("+")]
    draws = any(kind is not None and "draws" in kind.option_names() for kind in kinds)
    return SAMPLER_SECONDS if draws else QUICK_SECONDS
