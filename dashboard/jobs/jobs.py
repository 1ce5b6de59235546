"""The queue: the database holds it, and this class moves runs from there to workers and records their ends.

One thread of its own makes every move (start, end, cancel), one after another, so no two of them can meet in
the middle. At most as many runs as there are workers are handed to Dask: the rest wait in the database, where
they can be seen, cancelled at once, and found again by the next server.
"""

from __future__ import annotations

import contextlib
import json
import logging
import secrets
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

from distributed import Client, Future, LocalCluster
from distributed.scheduler import KilledWorker

from dashboard.jobs.cluster import CLOSE_SECONDS, capacity, connect, start_cluster, stop_cluster
from dashboard.jobs.events import Event, EventHub
from dashboard.jobs.tasks import Tasks
from dashboard.jobs.worker import CANCEL_FLAG, TOPIC, Job, Outcome, WarmUp, ready, run_fit
from dashboard.store import Run, RunStatus, Store, StoreError
from dashboard.store.references import map_references

STOPPED_SERVER = "Residua was stopped while this fit was running. Start it again."
KILLED_WORKER = (
    "The worker process ended in the middle of this fit, most likely for want of memory. "
    "Try a smaller window or fewer components."
)
ENDED_WORKER = "Stopped on request. The fit did not answer, so its worker was ended and no values were kept."

logger = logging.getLogger("residua.jobs")


@dataclass
class _Active:
    future: Future[Outcome]
    ended_by_force: bool = False


class Jobs:
    """Runs fits on `n_workers` processes of its own, or on the workers of a Dask scheduler elsewhere."""

    def __init__(
        self,
        store: Store,
        *,
        n_workers: int = 1,
        scheduler: str | None = None,
        torch_threads: int = 1,
        cancel_grace: float = 10.0,
    ) -> None:
        self._store = store
        self._n_workers = n_workers
        self._torch_threads = torch_threads
        self.cancel_grace = cancel_grace
        self._hub = EventHub()
        self._active: dict[str, _Active] = {}
        self._timers: dict[str, threading.Timer] = {}
        self._closed = False
        self._cluster: LocalCluster | None = None
        if scheduler:
            self._client: Client = connect(scheduler)
        else:
            self._cluster = start_cluster(n_workers, torch_threads)
            self._client = connect(self._cluster)
        self._client.subscribe_topic(TOPIC, self._received)
        self.tasks = Tasks(self._client)
        self._moves = ThreadPoolExecutor(1, thread_name_prefix="residua-jobs")
        self._helpers = ThreadPoolExecutor(2, thread_name_prefix="residua-jobs-helper")
        self._warm = self._helpers.submit(
            self._client.register_plugin, WarmUp(torch_threads), name=WarmUp.name
        )
        self._recover()

    # --- what pages call

    def submit(
        self,
        project_id: str,
        description: Mapping[str, Any],
        fitter: str = "lm",
        options: Mapping[str, Any] | None = None,
        *,
        store: Store | None = None,
    ) -> Run:
        """Put a fit into the queue and return at once.

        The description's files are references (dashboard.store.references); StoreError when one is missing.
        `store` is the store as whoever asks for the run may use it, so that the run is theirs.
        """
        store = store or self._store
        store.resolved_description(project_id, description)
        run = store.create_run(project_id, description, fitter, options or {})
        self._hub.publish(run.id, _state(run))
        self._later(self._dispatch)
        return run

    def cancel(self, run_id: str) -> None:
        """Ask a run to stop: at once while it waits, at its next step while it runs, by force if that hangs.

        A run that is over stays as it is.
        """
        self._store.run(run_id)
        self._later(self._cancel, run_id)

    def subscribe(self, run_id: str | None, callback: Callable[[Event], None]) -> Callable[[], None]:
        """Call back with each event of a run (None: of all runs); returns the function that ends it.

        The callback runs on the event loop this is called from. An event is a dict with "run" and "type":
        "step" has number, chi2, chi2_dof, seconds, evaluations, jacobians, values and info;
        "state" has status, message, chi2_dof and converged.
        """
        return self._hub.subscribe(run_id, callback)

    def events(self, run_id: str) -> list[Event]:
        """The events of a run so far; of a run from before this server's start, what its result tells."""
        return self._hub.events(run_id) or self._events_on_disk(run_id)

    def wait_until_warm(self, timeout: float | None = None) -> None:
        """Return once the workers have loaded everything a fit needs; TimeoutError after `timeout` seconds."""
        self._warm.result(timeout)
        waiting = [
            self._client.submit(ready, key=f"ready-{address}", pure=False, workers=[address])
            for address in self._client.nthreads()
        ]
        for future in waiting:
            future.result(timeout)

    @property
    def workers(self) -> int:
        """How many worker processes are there now."""
        return len(self._client.nthreads())

    def close(self) -> None:
        """Stop the workers. Waiting runs stay in the queue for the next server; running ones have failed."""
        if self._closed:
            return
        self._closed = True
        for timer in self._timers.values():
            timer.cancel()
        self.tasks.close()
        self._moves.submit(self._give_up_running).result()
        self._moves.shutdown(wait=True, cancel_futures=True)
        self._helpers.shutdown(wait=False, cancel_futures=True)
        # Workers that are still loading would be cut off in the middle of an answer, with much noise in the log.
        wait([self._warm], timeout=CLOSE_SECONDS)
        with contextlib.suppress(Exception):  # the scheduler may be gone already
            self._client.close()
        if self._cluster is not None:
            stop_cluster(self._cluster)

    # --- moves: each runs on the one thread of self._moves

    def _later(self, move: Callable[..., None], *arguments: Any) -> None:
        """Queue a move behind those that were asked for before."""

        def guarded() -> None:
            try:
                move(*arguments)
            except Exception:
                logger.exception("A step of the queue failed: %s", getattr(move, "__name__", move))

        with contextlib.suppress(RuntimeError):  # shut down already
            self._moves.submit(guarded)

    def _recover(self) -> None:
        """Deal with what an earlier server left: its running fits died with it, its queue goes on."""
        for run in self._store.runs_with_status(RunStatus.RUNNING):
            self._store.advance_run(run.id, RunStatus.FAILED, message=STOPPED_SERVER, error=STOPPED_SERVER)
        self._later(self._dispatch)

    def _dispatch(self) -> None:
        """Hand waiting runs to idle workers, oldest first."""
        while not self._closed and len(self._active) < self._capacity():
            waiting = self._store.runs_with_status(RunStatus.QUEUED, limit=1)
            if not waiting:
                return
            self._start(waiting[0])

    def _start(self, run: Run) -> None:
        try:
            job = self._job(run)
        except StoreError as error:
            self._end(run.id, RunStatus.FAILED, message=str(error), error=str(error))
            return
        started = self._store.advance_run(run.id, RunStatus.RUNNING, message="Fitting.")
        if started is None:
            return
        self._hub.publish(run.id, _state(started))
        future = self._client.submit(run_fit, job, key=f"residua-{run.id}", pure=False, retries=0)
        self._active[run.id] = _Active(future)
        future.add_done_callback(lambda done: self._later(self._ended, run.id, done))

    def _job(self, run: Run) -> Job:
        files = {file.id: file for file in self._store.files(run.project_id)}
        used: set[str] = set()

        def path_of(key: str, identifier: str, extension: str) -> str:
            if identifier not in files:
                raise StoreError(
                    f"The image's {key} is a file that was deleted. Upload it again or choose another."
                )
            used.add(identifier)
            return f"{files[identifier].path}{extension}"

        description = map_references(run.description, path_of)
        return Job(
            run=run.id,
            description=description,
            fitter=run.fitter,
            options=run.options,
            folder=str(self._store.run_folder(run.id)),
            hashes={str(files[one].path): files[one].sha256 for one in sorted(used)},
            names={str(files[one].path): files[one].name for one in sorted(used)},
            torch_threads=self._torch_threads,
        )

    def _ended(self, run_id: str, future: Future[Outcome]) -> None:
        """Record how a worker's task ended and start the next run."""
        active = self._active.get(run_id)
        if active is None or active.ended_by_force:
            return  # _ended_by_force records it, once the worker is back
        outcome = self._outcome(run_id, future)
        last = outcome["last_step"]
        if last is not None and last["number"] > self._hub.last_step(run_id):
            self._hub.publish(run_id, last)
        self._end(
            run_id,
            RunStatus(outcome["status"]),
            message=outcome["message"],
            converged=outcome["converged"],
            chi2_dof=outcome["chi2_dof"],
            error=outcome["error"],
        )
        self._dispatch()

    def _outcome(self, run_id: str, future: Future[Outcome]) -> Outcome:
        failed = Outcome(
            status="failed", message="", converged=None, chi2_dof=None, error=None, last_step=None
        )
        if future.status == "finished":
            try:
                outcome: Outcome = future.result()
            except Exception:  # the result was lost on its way here
                logger.exception("The result of run %s was lost", run_id)
                return {**failed, "message": KILLED_WORKER, "error": "result lost"}
            return outcome
        error = future.exception() if future.status == "error" else None
        if isinstance(error, KilledWorker):
            return {**failed, "message": KILLED_WORKER, "error": "worker ended"}
        if error is None:
            return {
                **failed,
                "message": "The workers went away during this fit. Start it again.",
                "error": "lost",
            }
        code = secrets.token_hex(4)
        logger.error("[%s] Run %s failed outside the fit", code, run_id, exc_info=error)
        return {
            **failed,
            "message": f"The fit could not be run. The server's log has it as {code}.",
            "error": code,
        }

    def _end(self, run_id: str, status: RunStatus, **facts: Any) -> None:
        timer = self._timers.pop(run_id, None)
        if timer is not None:
            timer.cancel()
        self._active.pop(run_id, None)
        (self._store.run_folder(run_id) / CANCEL_FLAG).unlink(missing_ok=True)
        facts["message"] = facts["message"][:2000]
        if facts.get("error") is not None:
            facts["error"] = facts["error"][:4000]
        run = self._store.advance_run(run_id, status, **facts)
        if run is not None:
            self._hub.publish(run_id, _state(run))

    def _cancel(self, run_id: str) -> None:
        if run_id not in self._active:
            if self._store.run(run_id).status is RunStatus.QUEUED:
                self._end(run_id, RunStatus.CANCELLED, message="Cancelled before it started.")
            return
        folder = self._store.run_folder(run_id)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / CANCEL_FLAG).touch()
        if run_id not in self._timers:
            timer = threading.Timer(self.cancel_grace, self._later, (self._end_by_force, run_id))
            timer.daemon = True
            self._timers[run_id] = timer
            timer.start()

    def _end_by_force(self, run_id: str) -> None:
        """End the worker process of a run that did not stop by itself."""
        active = self._active.get(run_id)
        if active is None or active.ended_by_force:
            return
        active.ended_by_force = True

        def restart() -> None:
            key = active.future.key
            busy = [address for address, keys in self._client.processing().items() if key in keys]
            # Forget the task first: Dask gives the tasks of a restarted worker to another one.
            active.future.cancel()
            try:
                if busy:
                    self._client.restart_workers(busy, timeout=30, raise_for_error=False)
            except Exception:
                logger.exception("The worker of run %s could not be restarted", run_id)
            self._later(self._ended_by_force, run_id)

        self._helpers.submit(restart)

    def _ended_by_force(self, run_id: str) -> None:
        self._end(run_id, RunStatus.CANCELLED, message=ENDED_WORKER)
        self._dispatch()

    def _give_up_running(self) -> None:
        for run_id in list(self._active):
            # A fit that notices before its process ends still writes its best values.
            with contextlib.suppress(OSError):
                (self._store.run_folder(run_id) / CANCEL_FLAG).touch()
            self._store.advance_run(run_id, RunStatus.FAILED, message=STOPPED_SERVER, error=STOPPED_SERVER)

    # --- inside

    def _capacity(self) -> int:
        return self._n_workers if self._cluster is not None else max(1, capacity(self._client))

    def _received(self, event: tuple[float, Any]) -> None:
        """A worker's message, on the Dask client's own thread."""
        _, message = event
        # A shared scheduler also carries the messages of other servers' runs.
        if isinstance(message, dict) and self._hub.knows(message["run"]):
            self._hub.publish(message["run"], message)

    def _events_on_disk(self, run_id: str) -> list[Event]:
        run = self._store.run(run_id)
        events: list[Event] = []
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            history = json.loads((self._store.run_folder(run_id) / "result.json").read_text())["history"]
            columns = [key for key in history if key != "step"]
            for index, number in enumerate(history["step"]):
                values = {key: history[key][index] for key in columns}
                events.append({"run": run_id, "type": "step", "number": number, **values})
        return [*events, {"run": run_id, **_state(run)}]


def _state(run: Run) -> Event:
    return {
        "type": "state",
        "status": str(run.status),
        "message": run.message,
        "chi2_dof": run.chi2_dof,
        "converged": run.converged,
    }
