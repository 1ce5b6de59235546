"""Memory that was taken for a crowd goes back to the machine; the truth is what the kernel says of the process."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import time
import weakref
from pathlib import Path
from typing import IO

import pytest

from dashboard.giving_back import LEAST, GivingBack
from tests.dashboard.server import ROOT, projects_of, start

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

PAGES = 12
PATIENCE = 180
# Pages that nobody opened are kept for a minute, looked at every 15 s: here for less, and more often.
IMPATIENT = """
from dashboard import app
from dashboard.cli import main
app.UNUSED_SESSION_SECONDS, app.CHECK_SESSIONS_SECONDS = 20, 2
main()
"""


def resident(process: int) -> float:
    """Megabytes that a process holds."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def run(code: str, **environment: str) -> tuple[int, list[str]]:
    """The process id and the printed words of a Python of its own."""
    kept = {name: value for name, value in os.environ.items() if "MALLOC" not in name}
    process = subprocess.Popen(
        [sys.executable, "-c", code], env={**kept, **environment}, stdout=subprocess.PIPE, text=True
    )
    text, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    return process.pid, text.split()


CHOICE = """
import os, sys
from dashboard.memory import take_from_the_c_library
take_from_the_c_library()
print(os.getpid(), sys.getallocatedblocks() > 0, "PYTHONMALLOC" in os.environ)
"""


def test_the_process_begins_anew_with_another_allocator_and_hands_it_on_to_none():
    number, words = run(CHOICE)
    assert words == [str(number), "False", "False"]


@pytest.mark.parametrize("chosen", ["pymalloc", "malloc_debug"])
def test_an_allocator_that_somebody_chose_stays(chosen: str):
    number, words = run(CHOICE, PYTHONMALLOC=chosen)
    assert words[0] == str(number)
    assert words[2] == "True"


CROWD = """
import os
from dashboard.memory import give_back, take_from_the_c_library
take_from_the_c_library()
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
crowd = [None] * 400_000
before = resident()
for place in range(len(crowd)):
    crowd[place] = {"number": float(place)}
full = resident()
crowd = crowd[::5000]  # some 80 that stay, spread over all
assert give_back()
print(before, full, resident())
"""


def test_what_a_few_survivors_are_spread_over_is_given_back():
    before, full, after = map(float, run(CROWD)[1])
    assert full - before > 50
    assert after - before < 0.2 * (full - before)


class Page:
    """Full of cycles, as pages are."""

    def __init__(self) -> None:
        self.me = self


def test_closed_pages_are_looked_for_when_enough_were_closed_or_none_is_open():
    giving_back = GivingBack()
    try:
        for open_pages, closed_pages, gone in (
            (20, 1, False),
            (20, LEAST, True),
            (2, 1, False),
            (1, 1, True),
        ):
            page = Page()
            left = weakref.ref(page)
            gc.freeze()  # as when a page was made
            del page
            for _ in range(open_pages):
                giving_back.opened(None)
            for _ in range(closed_pages):
                giving_back.closed(None)
            gc.collect()
            assert left() is not None, "what is old is not walked through"
            giving_back._round()
            assert (left() is None) is gone, (open_pages, closed_pages)
            giving_back = GivingBack()
    finally:
        gc.unfreeze()


def impatient(
    arguments: list[str], environment: dict[str, str], errors: IO[str] | int
) -> subprocess.Popen[str]:
    """`residua`, begun from nothing, that keeps pages for a short while only."""
    return subprocess.Popen(
        [sys.executable, "-c", IMPATIENT, *arguments],
        cwd=ROOT,
        env={**environment, "PYTHONMALLOC": "malloc"},
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
    )


@pytest.mark.slow
def test_a_server_gives_back_what_closed_pages_took(tmp_path: Path):
    server = start(tmp_path / "data", way=impatient)
    process = server.process.pid
    try:
        project = projects_of(server)[0]
        assert server.request("GET", f"/fit/{project}").status == 200  # the first one loads what all need
        start_memory = resident(process)
        for _ in range(PAGES):
            assert server.request("GET", f"/fit/{project}").status == 200
        full = end = resident(process)
        deadline = time.monotonic() + PATIENCE
        while end - start_memory > 0.5 * (full - start_memory) and time.monotonic() < deadline:
            time.sleep(2)
            end = resident(process)
            full = max(full, end)
        assert full - start_memory > 10
        assert end - start_memory <= 0.5 * (full - start_memory), (start_memory, full, end)
    finally:
        server.stop()
    log = (tmp_path / "server.log").read_text()
    assert "Traceback" not in log, log
