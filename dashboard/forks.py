"""The process that others are forked from: those that fits run in, and those that look into strangers' files.

It has loaded what they need before the first of them is wanted: a new one is there in a fraction of a second, and all
share that memory. It only loads and forks, so it has one thread and has not touched a GPU: neither the threads of
OpenMP nor CUDA would survive.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext

# Read once, when the libraries are loaded.
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
# typer too: a new process runs the module that this one was started with. Not what only samplers write their draws
# with: it would count against the memory of every worker.
_LOADED = ["dashboard.api.inspection", "dashboard.jobs.worker", "distributed.nanny", "typer"]
# Elsewhere the system's own libraries do not survive a fork.
FITS = "forkserver" if sys.platform == "linux" else "spawn"


def context() -> ForkServerContext:
    """What makes processes that are forked from it."""
    return multiprocessing.get_context("forkserver")


def begin(torch_threads: int) -> None:
    """Start it, and return while it loads; nothing happens where it runs already."""
    forkserver.set_forkserver_preload(_LOADED)
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, str(torch_threads)))
    try:
        forkserver.ensure_running()
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
