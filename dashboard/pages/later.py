"""Changes of the screen, in the order they were asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bokeh.document import Document


class Later:
    """Change what is on screen once the document is free, in the order asked for; the same change once only.

    Changes come from clicks, from threads that finished and from workers. Done at once, some would be sent directly
    and others queued, and an older one could overtake a newer one on its way to the browser.
    """

    def __init__(self, document: Document | None) -> None:
        self._document = document
        self._served = document is not None and document.session_context is not None
        self._waiting: list[Callable[[], Any]] = []

    def __call__(self, change: Callable[[], Any]) -> None:
        if self._document is None or change in self._waiting:
            return
        if self._served and self._document.session_context is None:
            return  # the page was closed meanwhile
        self._waiting.append(change)

        def act() -> None:
            self._waiting.remove(change)
            change()

        self._document.add_next_tick_callback(act)
