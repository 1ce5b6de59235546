"""Notices workers whose limit leaves them no room for a fit: one that is nearly full, or ended, with nothing to do."""

from __future__ import annotations

import time
from collections.abc import Callable

from dashboard.jobs.limits import megabytes

# A worker may be ended once for what an earlier fit left behind; one whose limit is too low is ended again and again.
ENDED_TIMES = 2
ENDED_SECONDS = 60.0
NO_ROOM = "Worker processes have no room for fits: with nothing to do, one"
GIVE_MORE = (
    "Whoever cares for the server gives workers more: --worker-memory-mb of residua serve, --memory-limit of residua "
    "worker; 0 is their share of the machine's."
)


class Room:
    """Told of workers without a fit: that they were ended for want of memory, or take nothing since theirs is full."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._ended: list[tuple[float, int]] = []

    def ended(self, memory: int) -> None:
        """A worker with nothing to do was ended when it took `memory` bytes."""
        self._ended = [*self._ended, (self._now(), memory)][-ENDED_TIMES:]

    def sentence(self, full: tuple[int, int] | None = None) -> str:
        """What people are told, "" while there is room; `full` are the bytes that one has in use, and its limit."""
        if full is not None:
            used, limit = map(megabytes, full)
            return f"{NO_ROOM} takes {used} of the {limit} of memory that it may have. {GIVE_MORE}"
        if len(self._ended) == ENDED_TIMES and self._ended[0][0] > self._now() - ENDED_SECONDS:
            return f"{NO_ROOM} was ended for taking {megabytes(self._ended[-1][1])} of memory. {GIVE_MORE}"
        return ""
