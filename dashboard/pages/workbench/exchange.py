"""The fit description as text: a dialog to copy it, change it, and paste another."""

from __future__ import annotations

import asyncio

import panel as pn

from dashboard import ui
from dashboard.pages.later import Later
from dashboard.state.exchange import paste, to_text
from dashboard.state.session import Session
from dashboard.views.component import Message
from dashboard.views.text_dialog import TextExchange

HELP = (
    "What the next fit starts from. Files go by their id or by their name in this project. Apply takes a changed or "
    "pasted text over; undo brings this one back."
)


class ExchangePart:
    """Shows the description of the image that is worked on, and takes a pasted one."""

    def __init__(self, session: Session, later: Later) -> None:
        self.session = session
        self.later = later
        self.exchange = TextExchange(
            self._on_text,
            label="Fit description",
            help=HELP,
            file_name="fit.yaml",
            accept=".yaml,.yml,.json",
            width=680,
            margin=0,
        )
        self.dialog = ui.dialog("Fit description", pn.Column(self.exchange, margin=0), width_option="md")

    async def open(self) -> None:
        """Show the description as it is now."""
        text = await asyncio.to_thread(self._text)

        def show() -> None:
            self.exchange.param.update(text=text, error="", notice="")
            self.exchange.shown += 1
            self.dialog.open = True

        self.later(show)

    def _text(self) -> str:
        return to_text(self.session.state.description, self.session.store.files(self.session.project_id))

    async def _on_text(self, message: Message) -> None:
        taken = await paste(self.session, str(message["text"]))
        self.later(self._close if taken else self._refuse)

    def _close(self) -> None:
        self.dialog.open = False

    def _refuse(self) -> None:
        self.exchange.error = ""  # the same sentence again is shown again
        self.exchange.error = self.session.state.refused
