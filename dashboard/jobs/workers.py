"""The worker processes: how many are free, who does what, and how to end one that hangs."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future as Pending
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from distributed import Client, Future, LocalCluster, Security

from dashboard.jobs.cluster import CLOSE_SECONDS, JobsError, connect, quiet, start_cluster, stop_cluster
from dashboard.jobs.order import Slots
from dashboard.jobs.worker import GPU, GPU_METRIC, TOPIC, Job, Outcome, WarmUp, ready, run_fit

# What a nanny tells when it ends a worker that took too much memory.
MEMORY_TOPIC = "worker-restart-memory"
GONE_SECONDS = 5.0
# A scheduler that takes longer to tell of its workers does not answer at all.
ANSWER_SECONDS = 10.0
Handler = Callable[[tuple[float, Any]], None]

logger = logging.getLogger("residua.jobs")


@dataclass(frozen=True)
class Seen:
    """A worker process: whether it takes fits for a GPU, its memory in use, and its GPU's; sizes in bytes.

    ``gpu`` is the GPU's name, "" where it has none.
    """

    address: str
    for_gpu: bool
    memory: int
    gpu: str = ""
    gpu_used: int = 0
    gpu_total: int = 0


def _of_gpu(told: dict[str, Any] | None) -> dict[str, Any]:
    return {} if not told else {"gpu": told["name"], "gpu_used": told["used"], "gpu_total": told["total"]}


class Workers:
    """`n_workers` processes of our own, or those of the Dask scheduler at an address.

    A scheduler elsewhere may go away and come back: :meth:`reconnected` sees to it.
    """

    def __init__(
        self,
        *,
        n_workers: int = 1,
        scheduler: str | None = None,
        security: Security | None = None,
        torch_threads: int = 1,
        memory: int = 0,
    ) -> None:
        self._n_workers = n_workers
        self._address = scheduler
        self._security = security
        self._torch_threads = torch_threads
        self._handlers: dict[str, Handler] = {}
        self._cluster: LocalCluster | None = None
        if scheduler:
            self.client: Client = connect(scheduler, security)
        else:
            self._cluster = start_cluster(n_workers, torch_threads, memory)
            self.client = connect(self._cluster)
        self._scheduler_id = self._info()["id"]
        self._helpers = ThreadPoolExecutor(2, thread_name_prefix="residua-jobs-helper")
        self._warm = self._prepare()

    def listen(self, topic: str, handler: Handler) -> None:
        """Call back with each event of a topic, on the Dask client's own thread."""
        self._handlers[topic] = handler
        self.client.subscribe_topic(topic, handler)

    def submit(self, job: Job, *, gpu: bool, plain: bool) -> Future[Outcome]:
        """Give a job to a worker, one with a GPU or (where ``plain``) one without."""
        only = [address for address, one in self._workers().items() if not one["resources"].get(GPU)]
        where: dict[str, Any] = {"resources": {GPU: 1}} if gpu else {"workers": only} if plain else {}
        # A task of the same name that was lost must not stand for this one.
        key = f"residua-{job['run']}-{job['attempt']}"
        return self.client.submit(run_fit, job, key=key, pure=False, retries=0, **where)

    def slots(self) -> Slots:
        """How many fits can run at once."""
        # The others take none: their memory is nearly full, or they are about to be stopped.
        workers = [one for one in self._workers().values() if one["status"] == "running"]
        with_gpu = sum(
            int(min(one["resources"][GPU], one["nthreads"])) for one in workers if one["resources"].get(GPU)
        )
        plain = sum(int(one["nthreads"]) for one in workers if not one["resources"].get(GPU))
        # A worker of our own that is being started again counts: what is given to it waits a second.
        return Slots(self._n_workers if self._cluster is not None else plain, with_gpu)

    @property
    def count(self) -> int:
        """How many worker processes are there now."""
        return len(self._workers())

    def seen(self) -> list[Seen]:
        """Every worker process as it told of itself last, by address."""
        return [
            Seen(
                address,
                bool(one["resources"].get(GPU)),
                int(one.get("metrics", {}).get("memory") or 0),
                **_of_gpu(one.get("metrics", {}).get(GPU_METRIC)),
            )
            for address, one in sorted(self._workers().items())
        ]

    def full(self) -> tuple[int, int] | None:
        """Memory in use and its limit, in bytes, of a worker that takes no fit for what it holds without one."""
        for one in self._workers().values():
            metrics = one.get("metrics", {})
            if one["status"] == "paused" and not metrics.get("executing"):
                return int(metrics.get("memory") or 0), int(one["memory_limit"] or 0)
        return None

    @property
    def connected(self) -> bool:
        """Whether the scheduler is there."""
        return self.client.status == "running"

    def reconnected(self) -> bool:
        """Look whether the scheduler is another one than before, or gone; True when work given to it is lost.

        Where it is gone, one at the same address is looked for, at each call.
        """
        if self._cluster is not None:
            return False
        if self.connected and self._is_same():
            return False
        with contextlib.suppress(Exception):
            self.client.close(timeout=1)
        try:
            self.client = connect(self._address or "", self._security)
            self._scheduler_id = self._info()["id"]
        except (JobsError, OSError, TimeoutError):
            return True
        for topic, handler in self._handlers.items():
            self.client.subscribe_topic(topic, handler)
        self._warm = self._prepare()
        logger.warning("Connected to the scheduler at %s again", self._address)
        return True

    def _is_same(self) -> bool:
        """Whether the scheduler is the one from before; one that is busy is asked a second time."""
        for _ in range(2):
            with contextlib.suppress(Exception):
                return bool(self._info()["id"] == self._scheduler_id)
        return False

    def end(self, future: Future[Outcome], address: str | None, gone: Callable[[], None]) -> None:
        """End the worker process that works on this, without waiting; it is started again.

        ``gone`` is called when the process is no more, on another thread.
        """

        def restart() -> None:
            try:
                self._end(future, address)
            except Exception:
                logger.exception("The worker of %s could not be ended", future.key)
            finally:
                gone()  # whatever happened: its place would be lost for good

        self._helpers.submit(restart)

    def _end(self, future: Future[Outcome], address: str | None) -> None:
        busy = [one for one, keys in self.processing().items() if future.key in keys]
        if address is not None and address not in busy:
            busy.append(address)
        # Forget the task first: Dask gives the tasks of a restarted worker to another one.
        future.cancel()
        own = {} if self._cluster is None else {one.worker_address: one.pid for one in self._nannies()}
        for one in busy:
            if own.get(one):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(own[one], signal.SIGKILL)
        elsewhere = [one for one in busy if not own.get(one)]
        if elsewhere:
            self.client.restart_workers(elsewhere, timeout=30, raise_for_error=False)
        deadline = time.monotonic() + GONE_SECONDS
        while time.monotonic() < deadline and any(one in own and one in self._workers() for one in busy):
            time.sleep(0.02)

    def wait_until_warm(self, timeout: float | None = None) -> None:
        """Return once the workers have loaded everything a fit needs; TimeoutError after `timeout` seconds."""
        self._warm.result(timeout)
        self.client.wait_for_workers(max(1, self._n_workers if self._cluster is not None else 1), timeout)
        waiting = [
            self.client.submit(ready, key=f"ready-{address}", pure=False, workers=[address])
            for address in self._workers()
        ]
        for future in waiting:
            future.result(timeout)

    def close(self) -> None:
        """Stop the workers that are ours, and leave the others."""
        self._helpers.shutdown(wait=False, cancel_futures=True)
        with quiet():
            with contextlib.suppress(Exception):  # the scheduler may be gone already
                self.client.close(timeout=CLOSE_SECONDS)
            if self._cluster is not None:
                stop_cluster(self._cluster)

    def _prepare(self) -> Pending[Any]:
        return self._helpers.submit(
            self.client.register_plugin, WarmUp(self._torch_threads), name=WarmUp.name
        )

    def _nannies(self) -> list[Any]:
        return [] if self._cluster is None else list(self._cluster.workers.values())

    def processing(self) -> dict[str, tuple[str, ...]]:
        """The names of the tasks that each worker has, by its address; TimeoutError where no scheduler answers."""
        found: dict[str, tuple[str, ...]] = self._ask("processing", workers=None)
        return found

    def _info(self) -> dict[str, Any]:
        # Not client.scheduler_info(): what that returns may just have been replaced by what the client asks for itself
        # every two seconds, which has no workers in it.
        found: dict[str, Any] = self._ask("identity", n_workers=-1)
        return found

    def _ask(self, question: str, **about: Any) -> Any:
        """What the scheduler answers; not for ever, since the queue stands still meanwhile."""
        return self.client.sync(
            getattr(self.client.scheduler, question), callback_timeout=ANSWER_SECONDS, **about
        )

    def _workers(self) -> dict[str, dict[str, Any]]:
        """Facts of each worker by address; none while the scheduler is away."""
        if not self.connected:
            return {}
        try:
            workers: dict[str, dict[str, Any]] = self._info()["workers"]
        except Exception:  # whatever way it went
            return {}
        return workers


def every(seconds: float, call: Callable[[], None], stop: threading.Event) -> threading.Thread:
    """Call again and again on a thread of its own, until ``stop`` is set."""

    def run() -> None:
        while not stop.wait(seconds):
            call()

    thread = threading.Thread(target=run, name="residua-jobs-clock", daemon=True)
    thread.start()
    return thread


__all__ = ["MEMORY_TOPIC", "TOPIC", "Seen", "Workers", "every"]
