"""The Dask side: worker processes of our own, or a scheduler somebody else runs.

Dask's messages hold pickles: whoever may send one runs programs here. So a cluster of our own, too, speaks TLS with
certificates that it makes for itself and keeps in memory: 127.0.0.1 is open to everybody who is logged in on the host.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import dask
from distributed import Client, LocalCluster, Nanny, Security, Status
from distributed.comm.core import CommClosedError
from distributed.utils import get_mp_context

from dashboard import forks

CONNECT_SECONDS = 5
CLOSE_SECONDS = 10
METHOD = "distributed.worker.multiprocessing-method"


class JobsError(RuntimeError):
    """The workers cannot be reached; the text says what to do."""


def configure(torch_threads: int) -> None:
    """Set Dask up for a process that starts schedulers or workers."""
    # Importing Dask set its loggers up to tell of every connection.
    logging.getLogger("distributed").setLevel(logging.ERROR)
    threads = str(torch_threads)
    dask.config.set(
        {
            # Whether a run whose worker died is tried again is for the queue to say, which counts.
            "distributed.scheduler.allowed-failures": 0,
            # A worker that starts again takes more than Dask's 15 s on a busy machine; it would be ended for good,
            # with the fit it has begun, and none would take its place.
            "distributed.deploy.lost-worker-timeout": "1 day",
            # No pages: whoever may see the jobs sees them through Residua.
            "distributed.scheduler.http.routes": [],
            "distributed.worker.http.routes": [],
            # What Dask measures of itself for those pages, up to a hundred times a second, and what it would move from
            # worker to worker, where each gets one fit at a time from the queue: it costs each process all the time.
            "distributed.worker.profile.enabled": False,
            "distributed.admin.tick.interval": "500ms",
            "distributed.admin.system-monitor.interval": "2s",
            "distributed.scheduler.active-memory-manager.start": False,
            "distributed.scheduler.work-stealing": False,
            METHOD: "spawn",
            "distributed.nanny.pre-spawn-environ": {
                **dask.config.get("distributed.nanny.pre-spawn-environ", {}),
                **dict.fromkeys(forks.THREADS, threads),
            },
        }
    )


class BareNanny(Nanny):
    """Starts a worker process, and again when it dies; one that does not load Bokeh for pages that nobody sees."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **{**options, "dashboard": False})


def start_cluster(n_workers: int, torch_threads: int, memory: int = 0) -> LocalCluster:
    """Worker processes that only this process can reach, each one fit at a time.

    `memory` is what one may take in bytes, 0 for its share of the machine's.
    """
    configure(torch_threads)
    dask.config.set({METHOD: forks.FITS})
    if forks.FITS == "forkserver":
        get_mp_context()  # the first time, Dask says what is to be loaded: what we say comes after that
        forks.begin(torch_threads)
    try:
        return LocalCluster(
            n_workers=n_workers,
            threads_per_worker=1,
            worker_class=BareNanny,
            host="127.0.0.1",
            security=Security.temporary(),
            memory_limit=memory or "auto",
            # Dask opens a status port whatever is asked: keep it on this machine, and empty (see above).
            dashboard_address="127.0.0.1:0",
            worker_dashboard_address="127.0.0.1:0",
            scheduler_kwargs={"dashboard": False},
            silence_logs=logging.ERROR,
            local_directory=os.environ.get("DASK_TEMPORARY_DIRECTORY"),
        )
    except (OSError, TimeoutError) as error:
        raise JobsError(f"The worker processes did not start ({error}).") from error


def stop_cluster(cluster: LocalCluster) -> None:
    """End the cluster, and its worker processes without waiting for them to unload torch."""
    nannies = list(cluster.workers.values())
    processes = [nanny.pid for nanny in nannies]
    closing = threading.Thread(target=_close, args=(cluster,), daemon=True)
    closing.start()
    # A nanny starts its worker again when that dies, until it knows that it is closing.
    deadline = time.monotonic() + CLOSE_SECONDS
    while any(nanny.status is Status.running for nanny in nannies) and time.monotonic() < deadline:
        time.sleep(0.01)
    for process in processes:
        with contextlib.suppress(OSError, TypeError):
            os.kill(process, signal.SIGKILL)
    closing.join(CLOSE_SECONDS)


def _close(cluster: LocalCluster) -> None:
    with contextlib.suppress(Exception):  # half of it may be gone already
        cluster.close()


def _is_not_of_a_closed_line(record: logging.LogRecord) -> bool:
    return record.exc_info is None or not isinstance(record.exc_info[1], CommClosedError)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Let Dask say nothing: that a worker is gone which was just ended is no error.

    One that is ended while it still loads is in the middle of answers that somebody waits for. What nobody asks after
    any more is told by asyncio once it is collected, which may be later.
    """
    logging.getLogger("asyncio").addFilter(_is_not_of_a_closed_line)
    loggers = [logging.getLogger(name) for name in logging.root.manager.loggerDict]
    ours = [one for one in loggers if one.name.partition(".")[0] == "distributed" and not one.disabled]
    for one in ours:
        one.disabled = True
    try:
        yield
    finally:
        for one in ours:
            one.disabled = False


def connect(address: str | LocalCluster, security: Security | None = None) -> Client:
    """A client of this scheduler, with an event loop of its own on its own thread."""
    try:
        return Client(
            address,
            timeout=CONNECT_SECONDS,
            set_as_default=False,
            direct_to_workers=False,
            security=security,
        )
    except (OSError, TimeoutError, ValueError, TypeError, RuntimeError) as error:
        raise JobsError(
            f"No Dask scheduler answers at {address}. Start one there with residua scheduler (its address begins "
            "with tls:// where --tls-ca is given), or leave --scheduler out to use workers of Residua's own."
        ) from error
