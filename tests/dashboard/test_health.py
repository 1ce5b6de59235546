"""The health endpoint and the figures for Prometheus, of real servers, well and ill."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from pathlib import Path

import pytest

from dashboard.accounts.admin_html import workers_table
from dashboard.api.health import Disk, Health, Probe, disk_of
from dashboard.api.metrics import BOUNDS, LOOP_SECONDS, LoopDelay, exposition
from dashboard.jobs.workers import Seen
from tests.dashboard.server import start

SAMPLE = re.compile(
    r'(?P<name>[a-z_:][a-z0-9_:]*)(?:\{(?P<labels>[a-z]+="[^"\\\n]*")\})? (?P<value>[-+.0-9e]+)'
)
WELL = Health({"queued": 2, "running": 1, "finished": 0}, 3, Disk(5, 10, True), ())


def parsed(text: str) -> dict[str, float]:
    """The samples; checks that every line is one the text format knows, and every family is told before its samples."""
    assert text.endswith("\n")
    samples: dict[str, float] = {}
    kinds: dict[str, str] = {}
    for line in text.splitlines():
        if line.startswith("# HELP "):
            assert len(line.split(" ", 3)[3]) > 10
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in kinds
            kinds[name] = kind
        else:
            match = SAMPLE.fullmatch(line)
            assert match, line
            family = match["name"]
            if family not in kinds:
                family = re.sub("_(bucket|sum|count)$", "", family)
                assert kinds[family] == "histogram"
            key = match["name"] + (f"{{{match['labels']}}}" if match["labels"] else "")
            assert key not in samples
            samples[key] = float(match["value"])
    return samples


def test_the_figures_can_be_read():
    delay = LoopDelay()
    for seconds in (0.0, 0.0009, 0.2, 99.0):
        delay.observe(seconds)
    samples = parsed(exposition(WELL, delay))
    assert samples['residua_runs{status="queued"}'] == samples["residua_queue_length"] == 2
    assert samples["residua_workers"] == 3
    assert (samples["residua_disk_free_bytes"], samples["residua_disk_total_bytes"]) == (5, 10)
    name = "residua_event_loop_delay_seconds"
    buckets = [samples[f'{name}_bucket{{le="{bound}"}}'] for bound in (*BOUNDS, "+Inf")]
    assert buckets == sorted(buckets)
    assert (buckets[0], buckets[-2], buckets[-1], samples[f"{name}_count"]) == (2, 3, 4, 4)
    assert samples[f"{name}_sum"] == pytest.approx(99.2009)


def test_what_could_not_be_had_is_left_out():
    samples = parsed(exposition(Health(None, 0, None, ("The database does not answer.",)), LoopDelay()))
    assert samples["residua_healthy"] == samples["residua_database_up"] == 0
    assert not [key for key in samples if key.startswith(("residua_runs", "residua_queue", "residua_disk"))]


def test_a_blocked_loop_is_seen():
    delay = LoopDelay()

    async def work() -> None:
        delay.watch(asyncio.get_running_loop())
        time.sleep(LOOP_SECONDS + 0.3)
        for _ in range(5):  # the late timer is heard, and the next is not due yet
            await asyncio.sleep(0)

    asyncio.run(work())
    assert sum(delay.counts) == 1
    assert delay.total > 0.25


def test_a_question_that_hangs_is_not_asked_twice():
    asked, go_on = [], threading.Event()

    def question() -> str:
        asked.append(1)
        go_on.wait(30)
        return "here"

    async def ask() -> None:
        probe = Probe("The thing", question)
        began = time.monotonic()
        assert await probe.ask(0.1) is None
        assert await probe.ask(0.1) is None
        assert time.monotonic() - began < 5
        assert len(asked) == 1
        go_on.set()
        assert await probe.ask(10) == "here"

    asyncio.run(ask())


def test_a_question_that_fails_has_no_answer():
    assert asyncio.run(Probe("The thing", lambda: 1 // 0).ask(10)) is None


def test_the_disk_is_written_to(tmp_path):
    assert disk_of(tmp_path).writable
    assert 0 < disk_of(tmp_path).free <= disk_of(tmp_path).total
    assert list(tmp_path.iterdir()) == []
    assert not disk_of(Path("/proc/self")).writable


def test_a_disk_with_little_room_is_told(tmp_path):
    server = start(tmp_path / "data", "--min-free-mb", "900000000", "--no-example")
    try:
        answer = server.request("GET", "/api/health")
        assert answer.status == 503
        (problem,) = answer.json["problems"]
        assert re.fullmatch(
            r"The disk of the data folder has \d+ MB left, less than 900000000 MB \(--min-free-mb\)\.",
            problem,
        )
        answer = server.request("GET", "/metrics")
        assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        samples = parsed(answer.body.decode())
        assert samples["residua_healthy"] == 0
        assert samples["residua_database_up"] == samples["residua_workers"] == 1
        time.sleep(3 * LOOP_SECONDS)
        later = parsed(server.request("GET", "/metrics").body.decode())
        assert later["residua_event_loop_delay_seconds_count"] > 0
    finally:
        server.stop()


def test_metrics_tell_of_the_memory_of_gpus():
    workers = [Seen("tcp://a:1", False, 5), Seen("tcp://b:2", True, 5, "H100", 3_000_000_000, 80_000_000_000)]
    samples = parsed(exposition(WELL, LoopDelay(), workers))
    assert samples['residua_gpu_memory_used_bytes{worker="tcp://b:2"}'] == 3e9
    assert samples['residua_gpu_memory_total_bytes{worker="tcp://b:2"}'] == 8e10
    assert not any("tcp://a:1" in one for one in samples)
    assert "residua_gpu_memory_used_bytes" not in exposition(WELL, LoopDelay(), workers[:1])


def test_admins_see_each_worker_with_its_device():
    table = workers_table(
        [Seen("tcp://a:1", False, 5), Seen("<b>", True, 5, "H100", 3_000_000_000, 80_000_000_000)]
    )
    assert "<td>tcp://a:1</td><td>CPU</td><td>5 B</td><td>no GPU</td>" in table
    assert "<td>&lt;b&gt;</td><td>H100</td><td>5 B</td><td>3.0 GB of 80.0 GB</td>" in table
    assert "None: fits wait" in workers_table([])
