"""What a server does after pages were closed: give back to the machine the memory that they took."""

from __future__ import annotations

import threading

from dashboard.jobs.workers import every
from dashboard.memory import give_back

EVERY_SECONDS = 10.0
# Panel collects the garbage of closed pages 5 s after the last one went: the first round can be too early for it.
ROUNDS = 3


class GivingBack:
    """Gives memory back on a thread of its own, from :meth:`start` to :meth:`stop`, after :meth:`closed` was called."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._rounds = 0

    def start(self) -> None:
        """Begin; nothing is done before a page was closed."""
        every(EVERY_SECONDS, self._round, self._stop)

    def stop(self) -> None:
        """End."""
        self._stop.set()

    def closed(self, _: object) -> None:
        """A page was closed."""
        self._rounds = ROUNDS

    def _round(self) -> None:
        if self._rounds:
            self._rounds -= 1
            give_back()
