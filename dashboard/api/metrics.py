"""GET /metrics: figures for Prometheus, in its text format."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from dashboard.api.handler import ApiHandler
from dashboard.api.health import Checkup, Health
from dashboard.jobs.workers import Seen
from dashboard.services import Services
from dashboard.store import RunStatus

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
LOOP_SECONDS = 0.1
# Close to each other around what a person begins to notice.
BOUNDS = (
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.075,
    0.1,
    0.125,
    0.15,
    0.2,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
)
# What follows a family's name, and the value.
Samples = list[tuple[str, float]]
# Name, type, help, samples.
Family = tuple[str, str, str, Samples]


@dataclass
class LoopDelay:
    """How late the event loop wakes a timer that is set ten times a second, as a histogram since the start.

    `counts` are per bucket, the last one beyond all bounds; `total` is in seconds.
    """

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    total: float = 0.0

    def watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Set the first timer; each one sets the next."""
        due = loop.time() + LOOP_SECONDS

        def woken() -> None:
            self.observe(loop.time() - due)
            self.watch(loop)

        loop.call_at(due, woken)

    def observe(self, seconds: float) -> None:
        """Count one delay."""
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.total += max(0.0, seconds)


def exposition(health: Health, delay: LoopDelay, workers: Sequence[Seen] = ()) -> str:
    """All figures in the text format, version 0.0.4. A figure that could not be had is left out."""
    lines = []
    for name, kind, text, samples in _families(health, delay, workers):
        lines += [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]
        lines += [f"{name}{labels} {value}" for labels, value in samples]
    return "\n".join(lines) + "\n"


def _families(health: Health, delay: LoopDelay, workers: Sequence[Seen]) -> list[Family]:
    found: list[Family] = [
        ("residua_healthy", "gauge", "1 when /api/health answers 200.", _one(int(not health.problems))),
        (
            "residua_database_up",
            "gauge",
            "1 when the database answers in time.",
            _one(int(health.runs is not None)),
        ),
        ("residua_workers", "gauge", "Worker processes that are there.", _one(health.workers)),
    ]
    if health.runs is not None:
        by_status: Samples = [(f'{{status="{status}"}}', count) for status, count in health.runs.items()]
        waiting = health.runs[RunStatus.QUEUED]
        found += [
            ("residua_runs", "gauge", "Fits in the database, by status.", by_status),
            ("residua_queue_length", "gauge", "Fits that wait for a free worker.", _one(waiting)),
        ]
    if health.disk is not None:
        free, total = _one(health.disk.free), _one(health.disk.total)
        found += [
            ("residua_disk_free_bytes", "gauge", "Room left on the disk of the data folder.", free),
            ("residua_disk_total_bytes", "gauge", "Size of the disk of the data folder.", total),
        ]
    with_gpu = [one for one in workers if one.gpu]
    if with_gpu:
        used, whole = (
            [(f'{{worker="{one.address}"}}', float(getattr(one, name))) for one in with_gpu]
            for name in ("gpu_used", "gpu_total")
        )
        found += [
            ("residua_gpu_memory_used_bytes", "gauge", "Memory in use on the GPU of a worker.", used),
            ("residua_gpu_memory_total_bytes", "gauge", "Memory of the GPU of a worker.", whole),
        ]
    below = list(accumulate(delay.counts))
    delays: Samples = [
        (f'_bucket{{le="{bound}"}}', count) for bound, count in zip((*BOUNDS, "+Inf"), below, strict=True)
    ]
    delays += [("_sum", round(delay.total, 6)), ("_count", below[-1])]
    name = "residua_event_loop_delay_seconds"
    return [*found, (name, "histogram", "How late the web server's event loop wakes a timer.", delays)]


def _one(value: float) -> Samples:
    return [("", value)]


class MetricsHandler(ApiHandler):
    """Figures as they are now; always 200, for a server that is ill must be measured too."""

    def initialize(self, services: Services, **parts: Any) -> None:
        super().initialize(services)
        self._checkup: Checkup = parts["checkup"]
        self._delay: LoopDelay = parts["delay"]

    async def get(self) -> None:
        text = exposition(
            await self._checkup(), self._delay, await asyncio.to_thread(self.services.jobs.seen_workers)
        )
        self.set_header("Content-Type", CONTENT_TYPE)
        self.finish(text)
