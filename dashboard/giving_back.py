"""What a server does after pages were closed: find what is left of them, and give their memory back to the machine.

A page is full of cycles, so only Python's collector of garbage finds one that was closed; and whenever that walks
through what is old, it walks through all pages that are open while everybody waits, the longer the more. So pages are
kept out of its way once they are made (gc.freeze in dashboard.page_making), and walked through only when nobody has
one open, or when enough were closed.
"""

from __future__ import annotations

import gc
import threading

from dashboard.jobs.workers import every
from dashboard.memory import give_back

EVERY_SECONDS = 10.0
# Pages that were closed stay until there are so many of them, and so many for each that is open; or none is open.
LEAST, PART = 8, 0.25
# What goes on in other threads as a page goes can hold on to it for a while.
ROUNDS = 3


class GivingBack:
    """Gives memory back on a thread of its own, from :meth:`start` to :meth:`stop`.

    It is to be told of pages that were :meth:`opened` and :meth:`closed`.
    """

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._open = self._closed = self._rounds = 0

    def start(self) -> None:
        """Begin; nothing is done before a page was closed."""
        gc.freeze()  # what is loaded by now stays
        every(EVERY_SECONDS, self._round, self._stop)

    def stop(self) -> None:
        """End."""
        self._stop.set()

    def opened(self, _: object) -> None:
        """A page is about to be made."""
        self._open += 1

    def closed(self, _: object) -> None:
        """A page was closed."""
        self._open -= 1
        self._closed += 1
        self._rounds = ROUNDS

    def _round(self) -> None:
        if self._closed and self._open and self._closed < max(LEAST, PART * self._open):
            return
        if self._rounds:
            self._rounds -= 1
            self._closed = 0
            gc.unfreeze()
            gc.collect()
            gc.freeze()
            give_back()
