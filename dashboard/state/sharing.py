"""With whom a project is shared, as a dialog shows it; what its owner does there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import param

from dashboard.services import Services
from dashboard.state.runs import clock
from dashboard.store import StoreError
from dashboard.store.people import Link


class SharingState(param.Parameterized):
    """The shares of one project at a time. Refusals are kept as sentences in `error`."""

    project_id = param.String("", doc="The project that is shown.")
    title = param.String("", doc="Its title.")
    owner = param.String("", doc="Whose it is; empty for nobody's.")
    people = param.List([], doc="One dict each: id, name, write.")
    links = param.List([], doc="One dict each: id, words.")
    made = param.String("", doc="Path of the link that was made last; it is told only now.")
    error = param.String("", doc="Why the last thing was not done.")

    def __init__(self, services: Services, **params: Any) -> None:
        super().__init__(**params)
        self._services = services

    async def open(self, project_id: str) -> None:
        """Show a project."""
        self.param.update(project_id=project_id, made="", error="")
        await self._do(lambda: None)

    async def share(self, name: str, write: bool) -> bool:
        """Lend the project to somebody; True when that was done."""
        if not name.strip():
            self.error = "Type the name that somebody logs in with."
            return False
        return await self._do(
            lambda: self._services.store.sharing.share(self.project_id, name, write=write), changes=True
        )

    async def unshare(self, account_id: str) -> None:
        """Take it back."""
        await self._do(
            lambda: self._services.store.sharing.unshare(self.project_id, account_id), changes=True
        )

    async def make_link(self) -> None:
        """Make a link; its path is in `made` then."""
        made = []
        if await self._do(lambda: made.append(self._services.store.sharing.make_link(self.project_id))):
            self.made = f"/s/{made[0]}"

    async def revoke(self, link_id: str) -> None:
        """End a link."""
        await self._do(lambda: self._services.store.sharing.revoke(self.project_id, link_id), changes=True)
        self.made = ""

    async def _do(self, act: Callable[[], Any], *, changes: bool = False) -> bool:
        """Act on a thread, and show what is so then."""
        store, project_id = self._services.store, self.project_id

        def work() -> Any:
            act()
            return store.project(project_id).title, store.sharing.of(project_id)

        try:
            title, shared = await asyncio.to_thread(work)
        except StoreError as error:
            self.error = str(error)
            return False
        if changes:
            self._services.changed()
        self.param.update(
            title=title,
            owner=shared.owner,
            people=[{"id": one.account_id, "name": one.name, "write": one.write} for one in shared.people],
            links=[{"id": one.id, "words": link_words(one)} for one in shared.links],
            error="",
        )
        return True


def link_words(link: Link) -> str:
    """When a link was made, and who came by it last."""
    made = f"Made {clock(link.created)}"
    if link.opened is None:
        return f"{made}, not opened yet"
    times = "once" if link.count == 1 else f"{link.count} times, last"
    return f"{made}, opened {times} {clock(link.opened)} by {link.opened_by}"
