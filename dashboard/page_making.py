"""Pages are made beside the event loop, on a thread of their own: whoever has one open does not wait meanwhile.

Bokeh makes a page's document on the event loop, and turns it into what the browser is sent there too; for the workbench
that takes longer than a server may be silent. Here one thread does both, one page after another: Python runs one thread
at a time anyway, and what pages share is not touched by two of them at once. A page that was begun is finished before
the next one is: in a crowd, the first ones come soon and nobody waits for all.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import ContextVar, copy_context
from functools import partial
from queue import PriorityQueue
from typing import Any, TypeVar

from bokeh.document import Document
from bokeh.io import doc as bokeh_doc
from bokeh.server import session as bokeh_session
from panel.io import server as panel_server
from panel.io.application import Application
from panel.io.handlers import FunctionHandler
from panel.io.state import set_curdoc, state

Made = TypeVar("Made")

# What is made of a page, the last first.
SENT, WRITTEN, BEGUN = range(3)

_numbers = itertools.count()
_waiting: PriorityQueue[tuple[int, int, Future[Any], Callable[[], Any]]] = PriorityQueue()


async def beside(step: int, make: Callable[..., Made], *arguments: Any) -> Made:
    """What ``make`` returns, called on the thread of pages; it sees the context variables of whoever asks."""
    made: Future[Made] = Future()
    _waiting.put((step, next(_numbers), made, partial(copy_context().run, make, *arguments)))
    return await asyncio.wrap_future(made)


def _make_pages() -> None:
    while True:
        _, _, made, make = _waiting.get()
        if made.set_running_or_notify_cancel():
            try:
                made.set_result(make())
            except BaseException as error:  # whoever asked for it is told
                made.set_exception(error)
        del made, make  # what was made is not kept until the next page
        gc.freeze()  # nor is it looked through for garbage: dashboard.giving_back


class PageApplication(Application):
    """Serves one kind of page: ``page`` returns a new one, for the document that is Panel's current one."""

    def __init__(self, page: Callable[[], Any]) -> None:
        super().__init__(FunctionHandler(lambda document: page().server_doc(document)))

    async def on_session_created(self, session_context: Any) -> None:
        """Make the document. Bokeh waits for this, as it does not for what comes next."""
        await super().on_session_created(session_context)
        document = session_context._document
        await beside(BEGUN, super().initialize_document, document)
        # From here on the document is the event loop's.
        state._thread_id_[document] = threading.get_ident()

    def initialize_document(self, doc: Document) -> None:
        """Nothing: it was made as its session was created."""


class PageHandler(panel_server.DocHandler):
    """Answers with the HTML that a browser asks for first."""

    async def get(self, *arguments: Any, **named: Any) -> None:
        """As Panel's, without what it does for applications that Residua does not have."""
        panel_server._set_request_route_context(self, *arguments, **named)
        session = await self.get_session()
        session.block_expiration()  # nobody is connected to it yet
        try:
            html = await beside(WRITTEN, self._html, session)
        finally:
            session.unblock_expiration()
        # It holds a token of a session that is soon gone.
        self.set_header("Cache-Control", "no-store")
        self.set_header("Content-Type", "text/html")
        self.write(html)

    def _html(self, session: Any) -> str:
        document = session.document
        with set_curdoc(document):
            html: str = panel_server.server_html_page_for_session(
                session,
                resources=panel_server.Resources.from_bokeh(self.application.resources()),
                title=document.title,
                token=session.token,
                template=document.template,
                template_variables=document.template_variables,
            )
        return html


class _EachItsOwn:
    """A stack that each thread and each task of the event loop has for itself, in place of one list for all."""

    def __init__(self) -> None:
        self._items: ContextVar[tuple[Any, ...]] = ContextVar("patched documents", default=())

    def append(self, item: Any) -> None:
        self._items.set((*self._items.get(), item))

    def pop(self) -> Any:
        *rest, last = self._items.get()
        self._items.set(tuple(rest))
        return last

    def __len__(self) -> int:
        return len(self._items.get())

    def __getitem__(self, place: int) -> Any:
        return self._items.get()[place]


@bokeh_session._needs_document_lock
async def _pulled(self: Any, message: Any, connection: Any) -> Any:
    """What a browser is sent of its document, in place of what Bokeh does on the event loop."""

    def reply() -> Any:
        made = connection.protocol.create("PULL-DOC-REPLY", message.header["msgid"], self.document)
        assert made.content_json  # written here, and kept
        return made

    return await beside(SENT, reply)


def prepare() -> None:
    """Have Bokeh leave what takes long to the thread of pages; harmless when called again."""
    if isinstance(bokeh_doc._PATCHED_CURDOCS, _EachItsOwn):
        return
    threading.Thread(target=_make_pages, name="residua-pages", daemon=True).start()
    bokeh_doc._PATCHED_CURDOCS = _EachItsOwn()  # type: ignore[assignment]
    bokeh_session.ServerSession._handle_pull = _pulled  # type: ignore[method-assign]
    patterns = panel_server.per_app_patterns
    patterns[:] = [(path, PageHandler if one is panel_server.DocHandler else one) for path, one in patterns]
