"""Section Film strip: scrub through draws, and see model, residual and profile change together."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import numpy as np
import panel as pn

from dashboard import ui
from dashboard.figures.limits import display_limits
from dashboard.figures.maps import BRIGHTNESS, SIGNED, map_panel, shared_ranges, show
from dashboard.figures.palettes import stretched
from dashboard.figures.profile import profile_columns, profile_figure
from dashboard.pages.run.section import WIDE, Section, high, title
from dashboard.state.film import FilmStrip, Frame
from dashboard.views.component import soon
from dashboard.views.run import Player

HEIGHT = 310
LOOKED_AT = 4.0


class FilmSection(Section):
    key = "film"
    follows = ("frame", "order")

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        image = self.opened.problem.image
        ranges = shared_ranges(image.shape, image.origin)
        self.player = Player(self._on_player, order=self.state.order, frame=self.state.frame, **WIDE)
        # As the workbench shows them: on a linear scale only the brightest pixels of a galaxy are seen.
        self.data = map_panel("film-data", ranges, stretched(BRIGHTNESS), height=HEIGHT)
        self.model = map_panel("film-model", ranges, stretched(BRIGHTNESS), height=HEIGHT)
        self.residual = map_panel("film-residual", ranges, SIGNED, height=HEIGHT)
        self.profile = profile_figure("film-profile", ui.CURVE, height=210)
        boxes = [
            pn.Column(title(text), high(panel.figure), **WIDE, min_width=150)
            for text, panel in (
                ("Data", self.data),
                ("Model of the draw", self.model),
                ("Residual in sigma", self.residual),
            )
        ]
        self.view = pn.Column(
            self.words,
            self.player,
            pn.Row(*boxes, **WIDE, styles={"gap": "10px"}),
            title("Profile around the brightest component"),
            high(self.profile.figure),
            **WIDE,
            styles={"gap": "4px"},
        )
        self._strip: FilmStrip | None = None
        self._limits = (0.0, 1.0)

    async def show(self) -> None:
        """Show the draw that the state names, rendered on a thread."""
        if self._strip is None:
            self._strip = await asyncio.to_thread(FilmStrip, self.opened.problem, self.opened.result)
            image = self.opened.problem.image
            self._limits = (await asyncio.to_thread(display_limits, image.data, image.mask))["99.5 %"]
            self.later(self._put_data)
        strip, state = self._strip, self.state
        place = min(state.frame, len(strip) - 1)
        number = int((await asyncio.to_thread(strip.numbers, state.order))[place])
        frame = await asyncio.to_thread(strip.frame, number)
        words = f"{strip.words(place, state.order)} · χ²/dof {frame.chi2_dof:.4f}"
        self.later(lambda: self._put(frame, place, words))

    def _put_data(self) -> None:
        assert self._strip is not None
        image, profile = self.opened.problem.image, self._strip.data_profile
        show(self.data, image.data, self._limits, image.origin)
        self.profile.data.data = profile_columns(profile.radius, profile.mean, profile.error)
        self.player.frames = len(self._strip)
        self.say(
            f"{len(self._strip)} of the draws, one after the other: what changes is what the data leave open.",
            "Arrow keys step, the space bar plays.",
        )

    def _put(self, frame: Frame, place: int, words: str) -> None:
        image = self.opened.problem.image
        show(self.model, frame.model, self._limits, image.origin)
        show(self.residual, frame.pull, (-LOOKED_AT, LOOKED_AT), image.origin)
        profile = frame.profile
        self.profile.model.data = profile_columns(profile.radius, profile.mean, np.zeros(len(profile.mean)))
        self.player.param.update(frame=place, words=words)
        self.player.arrived = place

    def _on_player(self, message: Mapping[str, Any]) -> None:
        if message["type"] == "order":
            self.state.order = "weakest" if message["order"] == "weakest" else "drawn"
        elif message["type"] == "frame":
            frame = max(0, int(message["frame"]))
            if frame == self.state.frame:
                soon(self.show())
            self.state.frame = frame
