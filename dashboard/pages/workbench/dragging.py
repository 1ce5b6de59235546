"""Components pulled about in the images: the model follows the hand, and one step of undo takes a pull back."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any

import engine
from dashboard import ui
from dashboard.figures.handles import Handles
from dashboard.pages.later import Later
from dashboard.pages.workbench.pictures import PicturesPart
from dashboard.state import dragging
from dashboard.state.session import Session
from dashboard.state.table import markers
from dashboard.views.component import Message
from dashboard.views.handles import HandleTool


class DraggingPart:
    """Shows handles on the selected component and draws the model where the hand is: only ever the latest place."""

    def __init__(self, session: Session, pictures: PicturesPart, later: Later) -> None:
        self.session = session
        self.state = session.state
        self.pictures = pictures
        self.later = later
        self.tool = HandleTool(self._on_message, width=0, height=0, margin=0)
        pictures.viewer.panels.on_each(Handles().draw_on)
        self._wanted: dict[str, float] | None = None
        self._before: float | None = None
        self._drawing: asyncio.Task[None] | None = None
        names = ["opened", "selected", "placing"]
        self.state.param.watch(lambda *_: self.later(self.show), names)

    def show(self) -> None:
        """Bring the handles to where the components are."""
        state = self.state
        found = markers(state.opened.problem, state.selected, ui.COMPONENT_COLORS)
        self.tool.param.update(
            components=[
                {
                    "name": one.name,
                    "x": one.x,
                    "y": one.y,
                    "radius": one.radius,
                    "axis_ratio": one.axis_ratio,
                    "position_angle": one.position_angle,
                }
                for one in found
            ],
            selected=state.selected,
            enabled=not state.placing,
        )

    async def _on_message(self, message: Message) -> None:
        match message:
            case {"type": "select", "name": name}:
                self.state.selected = str(name)
            case {"type": "drag", "name": name, "shape": shape}:
                self.state.selected = str(name)
                self._follow(str(name), shape)
            case {"type": "drop", "name": name, "shape": shape}:
                await self._drop(str(name), shape)
            case {"type": "abandon"}:
                self._stop()
                self.pictures.redraw()

    async def nudge(self, dx: float, dy: float) -> None:
        """Move the selected component by this many pixels."""
        marks = markers(self.state.opened.problem, "", ui.COMPONENT_COLORS)
        one = next((mark for mark in marks if mark.name == self.state.selected), None)
        if one is not None:
            await self._drop(one.name, {"x": one.x + dx, "y": one.y + dy})

    async def snap(self, name: str = "") -> None:
        """Let a few steps of lm find the best values of one component, everything else held."""
        problem, name = self.state.opened.problem, name or self.state.selected
        if problem is None or not name:
            return
        try:
            values = await asyncio.to_thread(dragging.snapped, problem, name)
        except engine.EngineError as error:
            self.state.refused = str(error)
            return
        await self.session.change(lambda description: dragging.moved(description, values))

    # --- following the hand

    def _follow(self, name: str, shape: Mapping[str, float]) -> None:
        problem = self.state.opened.problem
        if problem is None:
            return
        self._wanted = dragging.pulled(problem, name, shape)
        if self._drawing is None or self._drawing.done():
            self._drawing = asyncio.ensure_future(self._draw(problem))

    async def _draw(self, problem: engine.Problem) -> None:
        """Draw the latest wish, again and again, until there is no newer one."""
        if self._before is None:
            self._before = await asyncio.to_thread(problem.chi2)
        while self._wanted is not None:
            values, self._wanted = self._wanted, None
            drawn = await asyncio.to_thread(dragging.preview, problem, values)
            self.later(partial(self._put, drawn))

    def _put(self, drawn: dragging.Preview) -> None:
        if self._before is None:  # let go meanwhile
            return
        said = f"Δχ² {_signed(drawn.chi2 - self._before)}"
        self.pictures.viewer.panels.sources["model"].data = drawn.model
        self.pictures.viewer.set_title("pull", f"χ²/dof {drawn.chi2_dof:.4g}")
        self.tool.said = said

    def _stop(self) -> None:
        self._wanted, self._before = None, None
        self.later(lambda: setattr(self.tool, "said", ""))

    async def _drop(self, name: str, shape: Mapping[str, Any]) -> None:
        self._stop()
        problem = self.state.opened.problem
        if problem is None:
            return
        values = dragging.pulled(problem, name, shape)
        if not values or not await self.session.change(lambda d: dragging.moved(d, values)):
            self.pictures.redraw()
            self.tool.param.trigger("components")


def _signed(value: float) -> str:
    """A change of chi2 with its sign, as many digits as one reads."""
    size = f"{abs(value):.4g}" if abs(value) < 1e4 else f"{abs(value):,.0f}"
    return ("+" if value >= 0 else "−") + size
