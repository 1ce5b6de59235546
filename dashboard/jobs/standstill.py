"""Notices that the queue's thread stands still, and leaves in the log what every thread does."""

from __future__ import annotations

import logging
import sys
import threading
import time
import traceback
from collections.abc import Callable

# A move may wait for the database and the scheduler, which are given up after ten seconds each.
STILL_SECONDS = 60.0
STANDS_STILL = (
    "The queue stands still: fits neither start nor end. What is queued is kept; whoever cares for the server finds "
    "the reason in its log, and a restart of the server goes on with it."
)

logger = logging.getLogger("residua.jobs")


class Standstill:
    """Counts from each :meth:`ask` to its :meth:`answer`."""

    def __init__(self, seconds: float = STILL_SECONDS, now: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._now = now
        self._since: float | None = None
        self._told = False

    def ask(self) -> bool:
        """Whether the last question was answered, so that another can be put; logs a standstill, once."""
        if self._since is None:
            self._since = self._now()
            return True
        if self.sentence and not self._told:
            self._told = True
            logger.error("The queue has stood still for %g s. Its threads:\n%s", self._seconds, threads())
        return False

    def answer(self) -> None:
        """The thread moves."""
        if self._told:
            logger.warning("The queue moves again")
        self._since, self._told = None, False

    @property
    def sentence(self) -> str:
        """What people are told; "" while all is well."""
        since = self._since
        return STANDS_STILL if since is not None and self._now() - since > self._seconds else ""


def threads() -> str:
    """Where each thread of this process is."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    return "\n".join(
        f"{names.get(number, number)}:\n{''.join(traceback.format_stack(frame))}"
        for number, frame in sys._current_frames().items()
    )
