"""What a server does soon after its start, then daily: forget what was deleted, and remove what nobody refers to."""

from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime

from dashboard.settings import Settings
from dashboard.store import Store
from dashboard.store.clean import clean
from dashboard.store.store import UNDO_TIME

# Servers that are stopped each night clean up too; what begins with a server has its time first.
FIRST_SECONDS, EVERY_SECONDS = 600.0, 86_400.0

logger = logging.getLogger("residua.housekeeping")


class Housekeeping:
    """Cleans a data folder up on a thread of its own, from :meth:`start` to :meth:`stop`."""

    def __init__(self, store: Store, settings: Settings, first_seconds: float = FIRST_SECONDS) -> None:
        self._store = store
        self._settings = settings
        self._first_seconds = first_seconds
        self._stop = threading.Event()

    def start(self) -> None:
        """Begin; the first time is some minutes from now."""
        threading.Thread(target=self._go_on, name="residua-housekeeping", daemon=True).start()

    def stop(self) -> None:
        """End; a round that is under way goes on to its end."""
        self._stop.set()

    def _go_on(self) -> None:
        seconds = self._first_seconds
        while not self._stop.wait(seconds):
            self.clean_up()
            seconds = EVERY_SECONDS

    def clean_up(self) -> None:
        """One round. What goes wrong is logged: tomorrow is another day."""
        try:
            runs = self._store.purge_runs(before=datetime.now(UTC) - UNDO_TIME)
            found = clean(self._settings.data_path, self._settings.database)
        except Exception:
            logger.exception("The data folder could not be cleaned up")
            return
        size = sum(one.size for one in found)
        logger.info("Forgot %d deleted runs; removed %d leftovers, %d bytes", len(runs), len(found), size)
