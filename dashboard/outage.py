"""Tells every open page what is wrong with the server: the database, the workers, the disk."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import panel as pn

from dashboard.api.health import Checkup, Health
from dashboard.pages.later import Later
from dashboard.views.outage import OutageStrip

EVERY_SECONDS = 2.0
# A worker that is started again is away for a moment: what is told has been found so often in a row.
TIMES = 2
NO_DATABASE = (
    "The database does not answer. Fits that run go on, and their results are kept; what you change is kept when the "
    "database is back, as long as this page stays open."
)
NO_WORKERS = "There are no workers, so fits wait. They start by themselves when workers are back."
CARER = " Whoever cares for the server can see more in its log."

logger = logging.getLogger("residua.health")


class Outages:
    """Looks at the server's health while pages are open, and shows what is wrong on all of them."""

    def __init__(self, checkup: Checkup, trouble: Callable[[], str], loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._checkup = checkup
        self._trouble = trouble
        self._strips: dict[OutageStrip, Later] = {}
        self._found: list[tuple[str, ...]] = []
        self._told: tuple[str, ...] = ()
        self._task: Future[None] | None = None

    def show_on(self, page: Any) -> None:
        """Put a strip on a page that is being made, on whatever thread."""
        strip = OutageStrip(sentences=list(self._told), width=0, height=0, margin=0)
        page.main = [*page.main, strip]
        self._strips[strip] = Later(pn.state.curdoc)
        pn.state.on_session_destroyed(lambda _: self._strips.pop(strip, None))
        if self._task is None or self._task.done():
            self._task = asyncio.run_coroutine_threadsafe(self._watch(), self._loop)

    def stop(self) -> None:
        """End."""
        if self._task is not None:
            self._task.cancel()

    async def _watch(self) -> None:
        while self._strips:
            try:
                self._tell(sentences(await self._checkup(), self._trouble()))
            except Exception:
                logger.exception("The server's health could not be looked at")
            await asyncio.sleep(EVERY_SECONDS)

    def _tell(self, found: tuple[str, ...]) -> None:
        self._found = [*self._found, found][-TIMES:]
        if found == self._told or self._found != [found] * TIMES:
            return
        self._told = found
        for strip, later in list(self._strips.items()):
            later(lambda strip=strip: setattr(strip, "sentences", list(self._told)))  # type: ignore[misc]


def sentences(health: Health, trouble: str) -> tuple[str, ...]:
    """What people read: what is wrong, what becomes of their work, and what helps."""
    found = []
    if health.runs is None:
        found.append(NO_DATABASE + CARER)
    if trouble or not health.workers:
        found.append(trouble or NO_WORKERS + CARER)
    found += [f"{one}{CARER}" for one in health.problems if "disk" in one or "data folder" in one]
    return tuple(found)
