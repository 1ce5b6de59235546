"""The one thread that makes the queue's moves, one after another; what the database did not take comes again."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlalchemy.exc import DBAPIError

from dashboard.store.database import reason

# A move that the database did not take is made again after this long.
AGAIN_SECONDS = 3.0

logger = logging.getLogger("residua.jobs")


class Moves:
    """Queues moves behind those that were asked for before.

    `unsure` is set when the database failed in the middle of one: what it was told last may be recorded or not.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="residua-jobs")
        self._told = False
        self.unsure = False

    def later(self, move: Callable[..., None], *arguments: Any, again: bool = True) -> None:
        """Queue a move; one that the database did not take is made `again` (others are asked for by a clock)."""

        def guarded() -> None:
            try:
                move(*arguments)
                self._told = False
            except DBAPIError as error:
                if not self._told:
                    logger.error("The database does not answer: %s", reason(error))
                self._told = self.unsure = True
                if again:
                    timer = threading.Timer(AGAIN_SECONDS, self.later, (move, *arguments))
                    timer.daemon = True
                    timer.start()
            except Exception:
                logger.exception("A step of the queue failed: %s", getattr(move, "__name__", move))

        with contextlib.suppress(RuntimeError):  # shut down already
            self._pool.submit(guarded)

    def close(self, last: Callable[[], None]) -> None:
        """Make one last move, and none of those that wait."""
        self._pool.submit(last).result()
        self._pool.shutdown(wait=True, cancel_futures=True)
