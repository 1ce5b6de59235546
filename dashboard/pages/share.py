"""The dialog in which an owner shares a project: at the workbench, and from the cards of the first page."""

from __future__ import annotations

from typing import Any

import panel as pn

from dashboard import ui
from dashboard.pages.later import Later
from dashboard.services import Services
from dashboard.state.sharing import SharingState
from dashboard.views.component import Message
from dashboard.views.share import ShareForm


class SharePart:
    """A dialog that shows one project's shares."""

    def __init__(self, services: Services, later: Later) -> None:
        self.later = later
        self.state = SharingState(services)
        self.form = ShareForm(self._on_message, width=520, margin=0)
        self.dialog = ui.dialog("Share", pn.Column(self.form, margin=0))
        names = ["owner", "people", "links", "made", "error"]
        self.state.param.watch(lambda *_: self.later(self._show), names)

    async def open(self, project_id: str) -> None:
        """Show a project's shares."""
        await self.state.open(project_id)
        self.later(self._open)

    def _open(self) -> None:
        self.dialog.title = f"Share {self.state.title}"
        self.dialog.open = True

    def _show(self) -> None:
        state = self.state
        self.form.param.update(
            owner=state.owner, people=state.people, links=state.links, made=state.made, error=state.error
        )

    async def _on_message(self, message: Message) -> None:
        match message:
            case {"type": "share", "name": str(name), "write": bool(write)}:
                if await self.state.share(name, write):
                    self.later(self._added)
            case {"type": "unshare", "id": str(account_id)}:
                await self.state.unshare(account_id)
            case {"type": "link"}:
                await self.state.make_link()
            case {"type": "revoke", "id": str(link_id)}:
                await self.state.revoke(link_id)

    def _added(self) -> Any:
        self.form.shared += 1
