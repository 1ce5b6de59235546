"""`/jobs`: the queue, with whose turn it is; each sees their own fits, admins everybody's."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import panel as pn
from sqlalchemy.exc import OperationalError

from dashboard import ui
from dashboard.pages import links
from dashboard.pages.later import Later, patient
from dashboard.services import Services
from dashboard.state import queue
from dashboard.store import StoreError
from dashboard.views.component import Message, soon
from dashboard.views.queue import QueueTable

WIDE: dict[str, Any] = {"sizing_mode": "stretch_width", "margin": 0}
FULL: dict[str, Any] = {"sizing_mode": "stretch_both", "margin": 0}
EVERY_SECONDS = 1.5


def jobs(services: Services) -> Any:
    """The page of the queue."""
    ui.setup()
    page = JobsPage(services)
    pn.state.onload(patient(page.start))
    pn.state.on_session_destroyed(lambda _: page.close())
    return page.view()


class JobsPage:
    """One person's look at the queue."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.store = services.store
        self.later = Later(pn.state.curdoc)
        self.table = QueueTable(self._on_table, **WIDE)
        self._stopping: set[str] = set()
        self._following: asyncio.Future[Any] | None = None

    def view(self) -> Any:
        """The page."""
        crumb = ui.html('<div class="row crumb-box"><h1>Jobs</h1></div>', **WIDE, styles=ui.CENTERED)
        around = ui.html(links.around("Jobs"), margin=0, styles=ui.CENTERED)
        card = pn.Column(
            self.table,
            **FULL,
            css_classes=["card", "side"],
            stylesheets=[ui.stylesheet()],
            scroll="y-auto",
        )
        return ui.page(
            "Jobs", header=[crumb, around], main=[pn.Column(card, **FULL, styles={"padding": "10px"})]
        )

    async def start(self) -> None:
        """Fill the page and follow the queue: called when the browser has the empty page."""
        await self._show()
        self._following = soon(self._follow())

    def close(self) -> None:
        """Stop following."""
        if self._following is not None:
            self._following.cancel()
            self._following = None

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            with suppress(OperationalError):  # the page says so, and the next look may find more
                await self._show()

    async def _show(self) -> None:
        found = await asyncio.to_thread(self._look)
        shown = {name: getattr(self.table, name) for name in found}
        if found != shown:  # most looks find what is on screen
            self.later(lambda: self.table.param.update(**found))

    def _look(self) -> dict[str, Any]:
        entries = self.store.queue.entries()
        standing = self.services.jobs.standing([entry.id for entry in entries])
        everybody = self.store.who.is_admin and not self.store.who.local
        names = self.store.accounts.names() if everybody else {}
        self._stopping &= {entry.id for entry in entries}
        return {
            "rows": queue.queue_rows(entries, standing, names, self._stopping),
            "headline": queue.headline(standing),
            "trouble": queue.trouble(standing, entries),
            "everybody": everybody,
        }

    async def _on_table(self, message: Message) -> None:
        match message:
            case {"type": "cancel", "ids": list(ids)}:
                chosen = [str(one) for one in ids]
                self._stopping.update(chosen)
                self.table.error = ""
                try:
                    for run_id in chosen:
                        await asyncio.to_thread(self.services.jobs.cancel, run_id)
                except StoreError as error:
                    self.table.error = str(error)
                await self._show()
