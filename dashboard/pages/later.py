"""Changes of the screen, in the order they were asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Generic, TypeVar

import panel as pn
from bokeh.document import Document
from sqlalchemy.exc import OperationalError

from dashboard.views.component import soon

Found = TypeVar("Found")
# A database that did not answer is asked again after this long.
AGAIN_SECONDS = 2.0


class Later:
    """Change what is on screen once the document is free, in the order asked for; the same change once only.

    Changes come from clicks, from threads that finished and from workers. Done at once, some would be sent directly
    and others queued, and an older one could overtake a newer one on its way to the browser.
    """

    def __init__(self, document: Document | None) -> None:
        self._document = document
        self._served = document is not None and document.session_context is not None
        self._waiting: list[Callable[[], Any]] = []

    @property
    def on_screen(self) -> bool:
        """Whether the page is there still."""
        document = self._document
        return document is not None and not (self._served and document.session_context is None)

    def __call__(self, change: Callable[[], Any]) -> None:
        if self._document is None or change in self._waiting or not self.on_screen:
            return
        self._waiting.append(change)

        def act() -> None:
            self._waiting.remove(change)
            change()

        self._document.add_next_tick_callback(act)


class Looked(Generic[Found]):
    """Read on a thread what a change of the screen needs, then make the change.

    Called again while it reads, it reads once more afterwards, so that what is shown last was read last.
    """

    def __init__(self, later: Later, read: Callable[[], Found], show: Callable[[Found], Any]) -> None:
        self._later, self._read, self._show = later, read, show
        self._asked = self._reading = False

    def __call__(self) -> None:
        self._asked = True
        if not self._reading:
            self._reading = True
            soon(self._look())

    async def _look(self) -> None:
        try:
            while self._asked and self._later.on_screen:
                self._asked = False
                try:
                    self._later(partial(self._show, await asyncio.to_thread(self._read)))
                except OperationalError:  # the page says that the database does not answer
                    await asyncio.sleep(AGAIN_SECONDS)
                    self._asked = True
        finally:
            self._reading = False


def patient(action: Callable[[], Coroutine[Any, Any, Any]]) -> Callable[[], Coroutine[Any, Any, Any]]:
    """The same action, from its start again until the database answers; it ends with the page that it is for."""
    later = Later(pn.state.curdoc)

    async def act() -> None:
        while later.on_screen:
            try:
                await action()
                return
            except OperationalError:
                await asyncio.sleep(AGAIN_SECONDS)

    return act
