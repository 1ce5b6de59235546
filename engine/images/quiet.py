"""Keeping astropy from printing remarks about headers: notices say what matters."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

# Warning filters and the log level belong to the whole process, so two threads must not swap them at once.
_LOCK = threading.RLock()


@contextmanager
def quiet() -> Iterator[None]:
    """Silence warnings and astropy's log inside a `with` block, one thread at a time."""
    from astropy import log

    with _LOCK:
        level = log.level
        log.setLevel("ERROR")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield
        finally:
            log.setLevel(level)
