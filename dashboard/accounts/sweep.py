"""Open pages are asked for again, every few seconds and when something changed: who may not any more is cut off."""

from __future__ import annotations

import asyncio
import logging

from sqlalchemy.exc import SQLAlchemyError

from dashboard.access import Verdict
from dashboard.accounts.doorkeeper import KEPT_SECONDS, BadToken
from dashboard.accounts.gate import Gate, Opened, page_requests

logger = logging.getLogger("residua.gate")


class Sweep:
    """Looks at open pages on the event loop that it is started on."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._wake = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin, once the loop runs."""
        self._loop = loop
        loop.call_soon(self._begin)

    def soon(self) -> None:
        """Look at once: something changed. From any thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._wake.set)

    def stop(self) -> None:
        """End."""
        if self._task is not None:
            self._task.cancel()

    def _begin(self) -> None:
        self._task = asyncio.ensure_future(self._go_on())

    async def _go_on(self) -> None:
        while True:
            try:
                async with asyncio.timeout(KEPT_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            try:
                await self.once()
            except Exception:
                logger.exception("Open pages could not be looked at")

    async def once(self) -> None:
        """Look at every open page, and close those that their reader may not have any more."""
        for opened in page_requests(self._gate.application):
            if not await self._may_stay(opened):
                await close(self._gate, opened)

    async def _may_stay(self, opened: Opened) -> bool:
        try:
            verdict, who = await self._gate.judge(opened.request)
        except BadToken:
            return False
        except (TimeoutError, SQLAlchemyError):
            return True  # nothing can be done on the page either: the store asks for itself
        return verdict is Verdict.ALLOW and bool(who.id == opened.request.who.id)


async def close(gate: Gate, opened: Opened) -> None:
    """End a page's session and its websockets; the browser finds the gate closed when it comes back."""
    session = opened.context._sessions.get(opened.session_id)
    if session is None:
        return
    for connection in list(session._subscribed_connections):
        socket = connection._socket
        gate.application.client_lost(connection)
        socket.connection = None  # it is not lost a second time when the socket says so
        socket.close(1008, "closed")
    await opened.context._discard_session(session, lambda _: True)
