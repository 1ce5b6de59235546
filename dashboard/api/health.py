"""Whether the server can do its work: database, workers and disk, each asked with patience that ends."""

from __future__ import annotations

import asyncio
import logging
import shutil
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from dashboard.api.handler import ApiHandler
from dashboard.services import Services

# A health check that nobody gets an answer from in time is no check: Docker's gives up after a few seconds.
PATIENCE_SECONDS = 2.0
Answer = TypeVar("Answer")

logger = logging.getLogger("residua.health")


class Probe(Generic[Answer]):
    """One question, asked on a thread of its own; while it hangs it is not asked again."""

    def __init__(self, name: str, question: Callable[[], Answer]) -> None:
        self._name = name
        self._question = question
        self._running: Future[Answer] | None = None

    async def ask(self, seconds: float = PATIENCE_SECONDS) -> Answer | None:
        """The answer; None when there is none in time, or the question failed (the log says why)."""
        if self._running is None or self._running.done():
            self._running = Future()
            # A daemon: a server that is told to stop does not wait for an answer.
            threading.Thread(target=self._answer, args=(self._running,), daemon=True).start()
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.shield(asyncio.wrap_future(self._running))
        except TimeoutError:
            logger.warning("%s does not answer within %g s", self._name, seconds)
        except Exception as error:
            logger.warning("%s: %s", self._name, str(error).partition("\n")[0])
        return None

    def _answer(self, future: Future[Answer]) -> None:
        try:
            future.set_result(self._question())
        except Exception as error:
            future.set_exception(error)


@dataclass(frozen=True)
class Disk:
    """Room in the data folder, in bytes, and whether it can be written to."""

    free: int
    total: int
    writable: bool


def disk_of(folder: Path) -> Disk:
    """What the file system of a folder says, after writing to it."""
    usage = shutil.disk_usage(folder)
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"x")
            file.flush()
    except OSError:
        return Disk(usage.free, usage.total, writable=False)
    return Disk(usage.free, usage.total, writable=True)


@dataclass(frozen=True)
class Health:
    """What was found; `problems` are sentences, empty when all is well."""

    runs: dict[str, int] | None
    workers: int
    disk: Disk | None
    problems: tuple[str, ...]

    def record(self) -> dict[str, Any]:
        """The answer of /api/health."""
        return {
            "status": "failing" if self.problems else "ok",
            "problems": list(self.problems),
            "database": self.runs is not None,
            "workers": self.workers,
            "disk_free_bytes": None if self.disk is None else self.disk.free,
        }


class Checkup:
    """Asks everything that a server stands on."""

    def __init__(self, services: Services) -> None:
        store, jobs = services.store, services.jobs
        self._min_free = services.settings.min_free_mb * 1_000_000
        self._database = Probe("The database", store.run_counts)
        self._workers = Probe("The workers", lambda: jobs.workers)
        self._trouble = lambda: jobs.trouble
        self._disk = Probe("The disk", lambda: disk_of(store.data_dir / "incoming"))

    async def __call__(self) -> Health:
        """Ask all at once."""
        runs, workers, disk = await asyncio.gather(
            self._database.ask(), self._workers.ask(), self._disk.ask()
        )
        problems = []
        if runs is None:
            problems.append("The database does not answer.")
        if not workers:
            problems.append("There are no workers, so fits wait.")
        if trouble := self._trouble():
            problems.append(trouble)
        if disk is None:
            problems.append("The disk of the data folder does not answer.")
        elif not disk.writable:
            problems.append("The data folder cannot be written to.")
        elif disk.free < self._min_free:
            problems.append(
                f"The disk of the data folder has {disk.free // 1_000_000} MB left, less than "
                f"{self._min_free // 1_000_000} MB (--min-free-mb)."
            )
        counts = None if runs is None else {str(status): count for status, count in runs.items()}
        return Health(counts, workers or 0, disk, tuple(problems))


class HealthHandler(ApiHandler):
    """GET /api/health: 200 when all is well, 503 with the reasons otherwise."""

    def initialize(self, services: Services, **parts: Any) -> None:
        super().initialize(services)
        self._checkup: Checkup = parts["checkup"]

    async def get(self) -> None:
        health = await self._checkup()
        self.answer(health.record(), 503 if health.problems else 200)
