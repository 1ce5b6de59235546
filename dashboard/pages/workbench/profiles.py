"""The profiles of the workbench follow the state while they are open; they stand in the place of the table."""

from __future__ import annotations

import asyncio
from html import escape

import numpy as np
import panel as pn

import engine
from dashboard import ui
from dashboard.figures.profile import radial_figure
from dashboard.figures.pulls import pull_histogram
from dashboard.pages.later import Later
from dashboard.state.profiles import Around, around
from dashboard.state.session import Session
from dashboard.state.table import component_rows
from dashboard.views.profiles import ProfilesDrawer
from dashboard.views.viewer import ViewerBar

SETTLED = 0.25


class ProfilesPart:
    """Measures around the selected component, off the event loop, and draws it."""

    def __init__(self, session: Session, later: Later, bar: ViewerBar, table: pn.Column) -> None:
        self.state = session.state
        self.later = later
        self.bar = bar
        self.table = table
        self.drawer = ProfilesDrawer()
        self._measuring: asyncio.Task[None] | None = None
        self.bar.param.watch(lambda *_: self._open(), "profiles")
        self.state.param.watch(lambda *_: self._measure(), ["opened", "selected"])

    def _open(self) -> None:
        on = self.bar.profiles
        self.drawer.open(on)
        classes = [name for name in self.table.css_classes if name != "away"]
        self.table.css_classes = [*classes, "away"] if on else classes
        self._measure()

    def _measure(self) -> None:
        if self._measuring is not None:
            self._measuring.cancel()
        if self.bar.profiles:
            self._measuring = asyncio.ensure_future(self._measured())

    async def _measured(self) -> None:
        problem = self.state.opened.problem
        if problem is None:
            self.later(lambda: self.drawer.show(None, None, "Add a component to see its profile."))
            return
        await asyncio.sleep(SETTLED)  # while a component is dragged, the next value ends this one here
        found = await asyncio.to_thread(around, problem, self.state.selected)
        self.later(lambda: self._put(problem, found))

    def _put(self, problem: engine.Problem, found: Around) -> None:
        colors = {row["name"]: row["color"] for row in component_rows(problem, "", ui.COMPONENT_COLORS)}
        radial = radial_figure(
            "radial-profile", found.profiles, colors, ui.CURVE, found.pixel_scale, problem.image.zero_point
        )
        self.drawer.show(
            radial,
            pull_histogram(found.pull, ui.CURVE) if np.isfinite(found.pull).any() else None,
            escape(found.words),
        )
        self.bar.place = list(found.place)
