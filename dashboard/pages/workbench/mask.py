"""The mask at the workbench: tools at the left, hatching over the images, regions as text."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import panel as pn

from dashboard import ui
from dashboard.figures.mask import MaskLayer, mask_columns
from dashboard.pages.later import Later
from dashboard.pages.workbench.pictures import PicturesPart
from dashboard.state.masking import Masking
from dashboard.state.session import Session
from dashboard.views.component import Message
from dashboard.views.mask_bar import MaskBar
from dashboard.views.text_dialog import TextExchange

HELP = (
    "Shapes of DS9: circle, ellipse, box, polygon, annulus; in image coordinates or, where the image has a WCS, in fk5 "
    "or icrs. A minus before a shape uses its pixels again."
)


class MaskPart:
    """Shows what is ignored, and reports what a person draws."""

    def __init__(self, session: Session, later: Later, pictures: PicturesPart) -> None:
        self.session = session
        self.state = session.state
        self.later = later
        self.masking = Masking(session)
        self.layer = MaskLayer()
        pictures.viewer.panels.on_each(self.layer.draw_on)
        self.bar = MaskBar(self._on_message, sizing_mode="stretch_width", margin=0)
        self.exchange = TextExchange(
            self._on_text,
            label="Regions",
            help=HELP,
            file_name="mask.reg",
            accept=".reg,.ds9,.txt",
            width=560,
            margin=0,
        )
        self.dialog = ui.dialog("Mask as DS9 regions", pn.Column(self.exchange, margin=0))
        self._shown: Any = None
        self.state.param.watch(self._opened, ["opened"])
        self.masking.param.watch(lambda *_: self.later(self._show_tools), ["shapes"])

    async def _opened(self, *_: Any) -> None:
        image = self.state.opened.image
        if image is not self._shown:
            self._shown = image
            columns = (
                {"left": [], "right": [], "bottom": [], "top": []}
                if image is None
                else await asyncio.to_thread(mask_columns, image.mask, image.origin)
            )
            if image is self._shown:
                self.later(lambda: setattr(self.layer.overlay, "data", columns))
        await self.masking.read()
        self.later(self._show_tools)

    async def files_arrived(self, arrived: Sequence[Mapping[str, Any]]) -> None:
        """Take uploaded files in; the shapes drawn stay over a mask that came."""
        shapes = self.masking.shapes
        await self.session.files_arrived(arrived)
        if any(answer["file"]["role"] == "mask" for answer in arrived):
            await self.masking.carry_over(shapes)

    def _show_tools(self) -> None:
        image = self.state.opened.image
        words = ""
        if image is not None:
            ignored = image.mask.size - image.n_used
            words = f"{ignored} px ignored, {100 * ignored / image.mask.size:.3g} %" if ignored else ""
        self.bar.param.update(ready=image is not None, words=words, drawn=len(self.masking.shapes))

    async def _on_message(self, message: Message) -> None:
        match message:
            case {"type": "shape", "kind": str(kind), "numbers": list(numbers), "ignored": ignored}:
                await self.masking.draw(kind, numbers, bool(ignored))
                self.later(lambda: setattr(self.bar, "answered", self.bar.answered + 1))
            case {"type": "invert"}:
                await self.masking.invert()
            case {"type": "clear"}:
                await self.masking.clear()
            case {"type": "regions"}:
                self.later(self._open_text)

    def _open_text(self) -> None:
        self.exchange.param.update(text=self.masking.text, error="", notice="")
        self.exchange.shown += 1
        self.dialog.open = True

    async def _on_text(self, message: Message) -> None:
        left_out = await self.masking.replace(str(message["text"]))
        self.later(lambda: self._answer_text(left_out))

    def _answer_text(self, left_out: list[str] | None) -> None:
        if left_out is None:
            self.exchange.error = ""  # the same sentence again is shown again
            self.exchange.error = self.state.refused
        elif left_out:
            self.exchange.param.update(text=self.masking.text, error="", notice=" ".join(left_out))
            self.exchange.shown += 1
        else:
            self.dialog.open = False
