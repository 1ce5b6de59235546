"""The processes of fits are forked from one that has everything loaded; the truth is what the kernel says of them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from dashboard import forks
from dashboard.jobs import Jobs, Limits
from dashboard.store import RunStatus, Store
from tests.dashboard.test_faults import SECONDS, kept, start_sampling
from tests.dashboard.waiting import ended, wait_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere processes of fits are not forked")


@pytest.fixture
def jobs(store: Store) -> Iterator[Jobs]:
    jobs = Jobs(store, n_workers=2, limits=Limits(checkpoint_seconds=0.1))
    jobs.wait_until_warm(SECONDS)
    yield jobs
    jobs.close()


def fits_of(jobs: Jobs) -> list[psutil.Process]:
    wait_for(lambda: jobs.workers == 2 and len(multiprocessing.active_children()) == 2)
    return [psutil.Process(child.pid) for child in multiprocessing.active_children()]


def test_they_come_from_one_process_that_has_no_threads_to_lose(jobs):
    (source,) = {one.ppid() for one in fits_of(jobs)}
    assert source != os.getpid()
    assert psutil.Process(source).num_threads() == 1
    given = psutil.Process(source).environ()
    assert {given[name] for name in forks.THREADS} == {"1"}
    maps = Path(f"/proc/{source}/maps").read_text()
    assert "libtorch" in maps, "torch is loaded once for all"
    assert "/dev/nvidia" not in maps


def test_a_fit_goes_on_when_the_process_that_they_come_from_is_killed(jobs, store):
    run = start_sampling(jobs, store)
    assert kept(store, run)
    (source,) = {one.ppid() for one in fits_of(jobs)}
    os.kill(source, signal.SIGKILL)
    run = ended(jobs, store, run)
    assert run.status is RunStatus.FINISHED, run.message
    again = fits_of(jobs)
    assert len(again) == 2
    assert {one.ppid() for one in again} != {source}
