"""What our own browser components share: where scripts lie, and how their messages arrive."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import param
from bokeh.document import Document
from panel.custom import JSComponent

from dashboard import ui

SCRIPTS = Path(__file__).parent / "js"
Message = dict[str, Any]
# keep_locked stands between what a component draws and the page.
_RENDER = "\nexport function render(context) { return keep_locked(drawn(context), context.model) }\n"

logger = logging.getLogger("residua.pages")
_running: set[asyncio.Task[Any]] = set()


def script(*names: str) -> str:
    """Source of our scripts in order, the last with ``render``, after the helpers that all of them use."""
    text = "\n".join((SCRIPTS / part).read_text(encoding="utf-8") for part in ("dom.js", *names))
    return text.replace("export function render(", "function drawn(") + _RENDER


def styles(*names: str) -> list[str]:
    """The shared classes and the style sheets named, as texts."""
    return [ui.stylesheet(), *(ui.static_text(name) for name in names)]


def soon(answer: Any) -> asyncio.Future[Any] | None:
    """Let a coroutine that a callback returned run on the event loop; anything else is done already.

    What goes wrong in it is logged.
    """
    if not inspect.isawaitable(answer):
        return None
    task = asyncio.ensure_future(answer)
    _running.add(task)  # the event loop keeps only a weak reference
    task.add_done_callback(_finished)
    return task


def _finished(task: asyncio.Task[Any]) -> None:
    _running.discard(task)
    if not task.cancelled() and task.exception() is not None:
        logger.error("A page's action failed", exc_info=task.exception())


class Component(JSComponent):
    """A component of ours. ``on_message`` is called with each message of the browser, a dict.

    ``changing`` is a CSS selector of the controls that change a project: those that are off for its readers.
    """

    locked = param.String("", doc="Why controls that change something are off; empty when they are not.")
    locks = param.String("", doc="CSS selector of these controls.")

    changing: ClassVar[str] = ""
    __abstract = True

    def __init__(self, on_message: Callable[[Message], Any] | None = None, **params: Any) -> None:
        if self.changing and ui.lock_reason():
            params = {"locked": ui.lock_reason(), "locks": self.changing, **params}
        super().__init__(**params)
        self._on_message = on_message

    def _get_properties(self, doc: Document | None) -> dict[str, Any]:
        """What the browser is sent. Called a bundle, our script is run as it is: a compiler has nothing to do in it."""
        return {
            **super()._get_properties(doc),
            "bundle": f"{type(self).__module__}.{type(self).__qualname__}",
        }

    def _handle_msg(self, data: Any) -> None:
        if self._on_message is None or not isinstance(data, dict):
            return
        soon(self._on_message(data))
