"""The queue: the database holds it, and this moves runs from there to workers and records their ends.

One thread of its own makes every move (start, end, cancel, look round), one after another, so no two of them can
meet in the middle. At most as many runs as there are free places are handed to Dask: the rest wait in the database,
where they can be seen, put in order, cancelled at once, and found again by the next server.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from distributed import Future
from sqlalchemy.exc import DBAPIError

from dashboard.jobs import endings
from dashboard.jobs.endings import End, Verdict
from dashboard.jobs.events import Event, EventHub
from dashboard.jobs.job import job_of
from dashboard.jobs.limits import Limits, too_long
from dashboard.jobs.moves import Moves
from dashboard.jobs.order import (
    UNKNOWN_SECONDS,
    Choice,
    Going,
    Slots,
    Usage,
    Waiting,
    in_order,
    next_run,
)
from dashboard.jobs.room import Room
from dashboard.jobs.standstill import Standstill
from dashboard.jobs.watch import CANCEL_FLAG, LEAVE_FLAG, is_claimed, unclaim
from dashboard.jobs.worker import LEFT, LOST, Outcome, recorded
from dashboard.jobs.workers import MEMORY_TOPIC, TOPIC, Workers, every
from dashboard.store import NotFound, Run, RunStatus, Store, StoreError
from dashboard.store.database import reason
from dashboard.store.files import bytes_below
from dashboard.store.queue import Entry
from dashboard.store.results import parted

TICK_SECONDS = 1.0
# Many pages ask for the order of the queue: it is made this often.
ORDER_SECONDS = 0.5
# A fit that has noticed that it has to stop may take this long to judge and write what it has.
WRITE_SECONDS = 120.0
# A worker that has room says within this long that it has begun.
BEGIN_SECONDS = 5.0
# So many addresses of workers that were ended for want of memory are remembered, until their fits are judged.
MANY_ENDED = 100
# A stopping server waits this long for its fits to leave a checkpoint.
LEAVE_SECONDS = 3.0

logger = logging.getLogger("residua.jobs")


@dataclass
class Active:
    """A run on a worker, as this server knows it."""

    going: Going
    attempt: int
    future: Future[Outcome] = field(init=False)
    beat: float = field(default_factory=time.monotonic)
    began: float = field(default_factory=time.monotonic)
    address: str | None = None
    memory: int = 0
    cancel_at: float | None = None


class Dispatcher:
    """Decides what runs. `cancel_grace` is how many seconds a fit has to notice that it was cancelled."""

    def __init__(
        self,
        store: Store,
        workers: Workers,
        hub: EventHub,
        limits: Limits,
        *,
        torch_threads: int,
        cancel_grace: float,
    ) -> None:
        self._store = store
        self._workers = workers
        self._hub = hub
        self._limits = limits
        self._torch_threads = torch_threads
        self.cancel_grace = cancel_grace
        # Held while a run is submitted: that it waits is told before it is seen, and so before it begins.
        self.taking = threading.Lock()
        self._active: dict[str, Active] = {}
        self._ending: list[Going] = []
        self._out_of_memory: deque[str] = deque(maxlen=MANY_ENDED)
        self._usage = Usage(limits.half_life)
        self._slots = Slots(0)
        self._closed = False
        self._trouble = ""
        self._standstill = Standstill()
        self._room = Room()
        self._order: tuple[list[str], float] = ([], 0.0)
        self._moves = Moves()
        self._stop_clock = threading.Event()
        workers.listen(TOPIC, self._received)
        workers.listen(MEMORY_TOPIC, self._memory_told)

    def begin(self) -> None:
        """Take over what an earlier server left, and start."""
        self._count_earlier()
        self._take_up(endings.STOPPED_SERVER)
        self._moves.later(self._dispatch, again=False)
        every(TICK_SECONDS, self._clock, self._stop_clock)

    def later(self, move: Callable[..., None], *arguments: Any) -> None:
        """Queue a move behind those that were asked for before; one that the database did not take comes again."""
        self._moves.later(move, *arguments)

    def submitted(self) -> None:
        """Something waits."""
        self._moves.later(self._dispatch, again=False)

    def cancel(self, run_id: str) -> None:
        """Ask a run to stop."""
        self.later(self._cancel, run_id)

    def order(self) -> list[str]:
        """The ids of the waiting runs in the order in which they would start. Reads the database."""
        now = time.time()
        found, then = self._order
        if time.monotonic() - then > ORDER_SECONDS:
            waiting = [_waiting(one) for one in self._store.queue.entries(RunStatus.QUEUED)]
            found = in_order(waiting, self._going(), self._usage.all(now), now)
            self._order = found, time.monotonic()
        return found

    @property
    def running(self) -> int:
        """How many fits are on workers."""
        return len(self._active)

    @property
    def trouble(self) -> str:
        """What keeps the queue from going on; "" where nothing does."""
        return self._standstill.sentence or self._trouble

    def memory_of(self, run_id: str) -> int:
        """Bytes that the process of a running fit holds, as it told last; 0 when nothing is known."""
        active = self._active.get(run_id)
        return 0 if active is None else active.memory

    def close(self) -> None:
        """Let what runs leave a checkpoint, and put it back into the queue for the next server."""
        self._closed = True
        self._stop_clock.set()
        self._moves.close(self._leave)

    # --- moves: each runs on the one thread of self._moves

    def _count_earlier(self) -> None:
        since = datetime.now(UTC) - timedelta(seconds=10 * self._limits.half_life)
        found = [
            (who, a.timestamp(), b.timestamp()) for who, a, b in self._store.queue.used_since(since) if b
        ]
        for who, began, ended in sorted(found, key=lambda one: one[2]):
            self._usage.add(who, began, ended)

    def _take_up(self, why: str) -> None:
        """Settle what is running by its record and nobody has: what has ended is recorded, the rest goes on."""
        for run in self._store.runs_with_status(RunStatus.RUNNING):
            if run.id not in self._active:
                self._settle(run, End(None, why))

    def _dispatch(self) -> None:
        """Hand waiting runs to free workers, by whose turn it is."""
        while not self._closed:
            with self.taking:
                entries = self._store.queue.entries(RunStatus.QUEUED)
            if not entries:
                return
            self._slots = self._workers.slots()
            now = time.time()
            choice = next_run(
                [_waiting(one) for one in entries],
                self._going(),
                self._usage.all(now),
                now,
                self._slots,
                self._limits.rules,
            )
            if choice is None:
                return
            self._start(choice)

    def _start(self, choice: Choice) -> None:
        run = self._store.run(choice.run.run)
        if self._finished_earlier(run):
            return
        try:
            job = job_of(self._store, run, self._limits, self._torch_threads, gpu=choice.gpu)
        except StoreError as error:
            self._end(run, Verdict(RunStatus.FAILED, str(error), error=str(error)))
            return
        folder = self._store.run_folder(run.id)
        for flag in (CANCEL_FLAG, LEAVE_FLAG):
            (folder / flag).unlink(missing_ok=True)
        started = self._store.advance_run(
            run.id, RunStatus.RUNNING, message=endings.fitting(run.attempts, self._limits.retries)
        )
        if started is None:
            return
        job["attempt"] = started.attempts
        self._hub.publish(run.id, state_event(started))
        going = Going(run.id, choice.run.user, time.time(), choice.run.seconds, choice.gpu)
        active = self._active[run.id] = Active(going, started.attempts)  # before its worker says anything
        plain = bool(self._slots.gpu and self._slots.cpu)
        try:
            active.future = future = self._workers.submit(job, gpu=choice.gpu, plain=plain)
        except Exception:
            self._put_back(started, endings.NO_SCHEDULER)
            raise
        future.add_done_callback(lambda done: self.later(self._ended, run.id, done))

    def _finished_earlier(self, run: Run) -> bool:
        """Whether a process that outlived its server has brought this run to its end; it is recorded then."""
        outcome = recorded(self._store.run_folder(run.id)) if run.attempts else None
        if outcome is None:
            return False
        if self._store.advance_run(run.id, RunStatus.RUNNING, message="Fitting.") is not None:
            self._end(run, endings.of_outcome(outcome))
        return True

    def _ended(self, run_id: str, future: Future[Outcome]) -> None:
        """Record how a worker's task ended and start the next run."""
        active = self._active.get(run_id)
        if active is None or active.future is not future:
            return  # given up before
        end = endings.of_future(future, self._out_of_memory)
        last = None if end.outcome is None else end.outcome["last_step"]
        if last is not None and last["number"] > self._hub.last_step(run_id):
            self._hub.publish(run_id, last)
        run = self._record_of(run_id)
        if run is not None:
            self._settle(run, end)
        self._dispatch()

    def _record_of(self, run_id: str) -> Run | None:
        """A run on a worker; None when it was deleted with its project, and then its place is free."""
        try:
            return self._store.run(run_id)
        except NotFound:
            self._forget(run_id)
            return None

    def _settle(self, run: Run, end: End) -> None:
        """Record an end, or put a run whose worker went away back into the queue."""
        folder = self._store.run_folder(run.id)
        active = self._active.get(run.id)
        if active is not None and end.outcome is not None and end.outcome["status"] == LEFT:
            unclaim(folder, active.attempt)
            self._put_back(run, endings.PUT_BACK if self._closed else endings.LEFT_WORKER)
            return
        cancelled = (folder / CANCEL_FLAG).exists() or (active is not None and active.cancel_at is not None)
        verdict = endings.verdict(
            End(recorded(folder), end.why, end.hopeless) if end.outcome is None else end,
            run.attempts,
            self._limits.retries,
            cancelled=cancelled,
            kept_step=endings.kept_step(folder),
        )
        if verdict.status is RunStatus.QUEUED:
            again = self._store.advance_run(run.id, RunStatus.QUEUED, message=verdict.message)
            self._forget(run.id)
            unclaim(folder, run.attempts)  # a process that is still at it stops, and its place is free
            if again is not None:
                logger.warning("Run %s: %s", run.id, verdict.message)
                self._hub.publish(run.id, state_event(again))
        else:
            self._end(run, verdict)

    def _put_back(self, run: Run, why: str) -> None:
        """Have a run that was left go on later; that it was is not the fit's doing, so the attempt does not count."""
        attempt = self._active[run.id].attempt
        # Where a process may still be at it, the next one needs a number of its own.
        free = not is_claimed(self._store.run_folder(run.id), attempt)
        facts = {"attempts": attempt - 1} if free else {}
        again = self._store.advance_run(run.id, RunStatus.QUEUED, message=why, **facts)
        self._forget(run.id)
        if again is not None:
            self._hub.publish(run.id, state_event(again))

    def _end(self, run: Run, verdict: Verdict) -> None:
        folder = self._store.run_folder(run.id)
        stays, passes = parted(folder)  # what comes from now on is somebody's download
        ended = self._store.advance_run(
            run.id,
            verdict.status,
            message=verdict.message[:2000],
            error=verdict.error and verdict.error[:4000],
            converged=verdict.converged,
            chi2_dof=verdict.chi2_dof,
            bytes=sum(map(bytes_below, stays)),
        )
        self._forget(run.id)
        for path in passes:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
        if ended is not None:
            self._hub.publish(run.id, state_event(ended))

    def _forget(self, run_id: str) -> None:
        active = self._active.pop(run_id, None)
        if active is not None:
            self._usage.add(active.going.user, active.going.since, time.time())

    def _cancel(self, run_id: str) -> None:
        active = self._active.get(run_id)
        if active is None:
            run = self._store.run(run_id)
            if run.status is RunStatus.QUEUED:
                self._end(run, Verdict(RunStatus.CANCELLED, endings.NOT_STARTED))
            return
        if active.cancel_at is None:
            folder = self._store.run_folder(run_id)
            with contextlib.suppress(OSError):  # a full disk: it is ended by force then
                folder.mkdir(parents=True, exist_ok=True)
                (folder / CANCEL_FLAG).touch()
            self._force_after(active, run_id, self.cancel_grace)

    def _force_after(self, active: Active, run_id: str, seconds: float) -> None:
        active.cancel_at = time.monotonic() + seconds
        timer = threading.Timer(seconds, self.later, (self._end_by_force, run_id, active.attempt))
        timer.daemon = True
        timer.start()

    def _end_by_force(self, run_id: str, attempt: int) -> None:
        """Record the end of a run that did not stop by itself, and end its worker process."""
        active = self._active.get(run_id)
        if active is None or active.attempt != attempt or time.monotonic() < (active.cancel_at or 0.0):
            return
        logger.warning("Run %s did not stop by itself, so its worker is ended", run_id)
        run = self._record_of(run_id)
        if run is not None:
            self._end(run, Verdict(RunStatus.CANCELLED, endings.ENDED_WORKER))
        self._end_worker(active)
        self._dispatch()

    # --- looking round

    def _clock(self) -> None:
        if self._standstill.ask():
            self._moves.later(self._look_round, again=False)

    def _look_round(self) -> None:
        """See who went away without a word, and start what can be started by now."""
        self._standstill.answer()
        if self._closed:
            return
        away = self._workers.reconnected()
        now = time.monotonic()
        self._trouble = (
            self._room.sentence(self._full(now)) if self._workers.connected else endings.NO_SCHEDULER
        )
        for run_id, active in list(self._active.items()):
            # A worker that is being started has to load everything first.
            patience = self._limits.heartbeat_seconds * (3 if active.address is None else 1)
            silent = now - active.beat > patience
            overdue = self._overdue(active, now)
            if not (away or silent or overdue):
                continue
            run = self._record_of(run_id)
            if run is not None and (away or silent):
                self._settle(run, End(None, endings.LOST_SCHEDULER if away else endings.SILENT))
            elif run is not None:
                self._end(run, Verdict(RunStatus.CANCELLED, too_long(self._limits.fit_seconds)))
            if silent or overdue:
                self._end_worker(active)
        if self._moves.unsure:
            self._take_up(endings.LOST_DATABASE)
            self._moves.unsure = False
        self._dispatch()

    def _full(self, now: float) -> tuple[int, int] | None:
        """What the worker holds that keeps a fit waiting which was given away, if that is why."""
        waits = any(one.address is None and now - one.began > BEGIN_SECONDS for one in self._active.values())
        return self._workers.full() if waits else None

    def _end_worker(self, active: Active) -> None:
        """End the process of a run that does not answer; until it is gone, nothing else is given to it."""
        self._ending.append(active.going)

        def gone() -> None:
            self._ending.remove(active.going)
            self._dispatch()

        self._workers.end(active.future, active.address, lambda: self.later(gone))

    def _overdue(self, active: Active, now: float) -> bool:
        """Whether a fit does not even notice that its time is over."""
        most = self._limits.fit_seconds
        return bool(most) and active.cancel_at is None and now - active.began > most + WRITE_SECONDS

    def _leave(self) -> None:
        for run_id in self._active:
            with contextlib.suppress(OSError):
                (self._store.run_folder(run_id) / LEAVE_FLAG).touch()
        deadline = time.monotonic() + LEAVE_SECONDS
        while self._workers.connected and time.monotonic() < deadline:
            if all(active.future.done() for active in self._active.values()):
                break
            time.sleep(0.02)
        for run_id, active in list(self._active.items()):
            try:
                self._settle_left(run_id, active)
            except DBAPIError as error:
                logger.error("Run %s is for the next server to settle: %s", run_id, reason(error))

    def _settle_left(self, run_id: str, active: Active) -> None:
        run = self._record_of(run_id)
        if run is None:
            return
        if active.future.status == "finished":
            end = endings.of_future(active.future)
            if end.outcome is not None and end.outcome["status"] != LOST:
                self._settle(run, end)
                return
        self._put_back(run, endings.PUT_BACK)

    # --- what workers say, on the Dask client's own thread

    def _received(self, event: tuple[float, Any]) -> None:
        _, message = event
        if not isinstance(message, dict):
            return
        # A shared scheduler carries the messages of other servers' runs too, and of processes that were given up.
        active = self._active.get(message["run"])
        if active is None or active.attempt != message["attempt"]:
            return
        active.beat = time.monotonic()
        if message["type"] == "beat":
            active.memory, active.address = int(message["memory"]), message["address"]
        elif message["type"] == "stopping":
            if active.cancel_at is not None:
                self._force_after(active, message["run"], WRITE_SECONDS)
        else:
            told = {key: value for key, value in message.items() if key not in ("attempt", "address")}
            self._hub.publish(message["run"], told)

    def _memory_told(self, event: tuple[float, Any]) -> None:
        _, message = event
        if isinstance(message, dict):
            worker = message.get("worker")
            self._out_of_memory.append(str(worker))
            if all(one.address != worker for one in list(self._active.values())):
                self._room.ended(int(message.get("rss") or 0))

    def _going(self) -> list[Going]:
        return [*(active.going for active in list(self._active.values())), *self._ending]


def _waiting(entry: Entry) -> Waiting:
    seconds = entry.expected_seconds
    return Waiting(
        entry.id,
        entry.account_id,
        entry.created.timestamp(),
        UNKNOWN_SECONDS if seconds is None else seconds,
        entry.device,
    )


def state_event(run: Run) -> Event:
    """What pages are told of a run."""
    return {
        "type": "state",
        "status": str(run.status),
        "message": run.message,
        "chi2_dof": run.chi2_dof,
        "converged": run.converged,
    }
