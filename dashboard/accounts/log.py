"""The end of the server's log, kept in memory for the admin page."""

from __future__ import annotations

import logging
from collections import deque

KEPT_LINES = 400
LONGEST_LINE = 2000


class LogTail(logging.Handler):
    """Keeps the last lines that any logger writes."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        self._lines: deque[str] = deque(maxlen=KEPT_LINES)

    def emit(self, record: logging.LogRecord) -> None:
        """Take a record down; one of several lines, such as a traceback, becomes several."""
        try:
            self._lines.extend(line[:LONGEST_LINE] for line in self.format(record).splitlines())
        except Exception:
            self.handleError(record)

    @property
    def lines(self) -> list[str]:
        """What is kept, the newest last."""
        return list(self._lines)
