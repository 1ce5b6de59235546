"""Sections Posterior images and Residual: what is not known of the model, and whether what is left is noise."""

from __future__ import annotations

import asyncio
from html import escape
from typing import Any

import numpy as np
import panel as pn

import engine
from dashboard import ui
from dashboard.figures.limits import display_limits
from dashboard.figures.maps import BRIGHTNESS, SIGNED, map_panel, shared_ranges, show
from dashboard.figures.palettes import stretched
from dashboard.figures.profile import profile_columns, profile_figure
from dashboard.figures.pulls import pull_histogram
from dashboard.pages.run.section import WIDE, Section, high, title
from dashboard.state.film import brightest
from engine.residuals import RadialProfile, Whiteness, radial_profile, whiteness

HEIGHT = 300
DRAWS = 100


class ImagesSection(Section):
    key = "images"

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        image = self.opened.problem.image
        ranges = shared_ranges(image.shape, image.origin)
        self.mean = map_panel("posterior-mean", ranges, stretched(BRIGHTNESS), height=HEIGHT)
        self.sd = map_panel("posterior-sd", ranges, height=HEIGHT)
        self.above = map_panel("posterior-above", ranges, SIGNED, height=HEIGHT)
        self.check = ui.html("", **WIDE)
        boxes = [
            pn.Column(title(text), high(panel.figure), **WIDE, min_width=150)
            for text, panel in (
                ("Mean of the model", self.mean),
                ("Its scatter / σ of the pixel", self.sd),
                ("Replicated data above the data", self.above),
            )
        ]
        self.view = pn.Column(
            self.words,
            pn.Row(*boxes, **WIDE, styles={"gap": "10px"}),
            title("Would data drawn from the posterior look like the data?"),
            self.check,
            **WIDE,
            styles={"gap": "6px"},
        )
        self._asked = False

    async def show(self) -> None:
        """Render, once: it takes a second or two."""
        if self._asked:
            return
        self._asked = True
        problem, result = self.opened.problem, self.opened.result
        images = await asyncio.to_thread(engine.posterior_images, problem, result, DRAWS)
        check = await asyncio.to_thread(engine.predictive_check, problem, result, DRAWS)
        self.later(lambda: self._put(images, check))

    def _put(self, images: Any, check: Any) -> None:
        image = self.opened.problem.image
        limits = display_limits(image.data, image.mask)["99.5 %"]
        scatter = np.where(image.weight > 0, images.sd * np.sqrt(image.weight), np.nan)
        largest = float(np.nanmax(scatter))
        show(self.mean, images.mean, limits, image.origin)
        show(self.sd, scatter, (0.0, largest), image.origin)
        show(self.above, check.above, (0.0, 1.0), image.origin)
        row, column = np.unravel_index(int(np.nanargmax(scatter)), scatter.shape)
        x, y = column + image.origin[0], row + image.origin[1]
        self.say(
            f"{images.draws} draws: the model is least known at x {x}, y {y}, to {largest:.2f} of the pixel's noise.",
            check.message,
        )
        lines = "".join(
            f"<tr><td>{escape(one.title)}</td><td class='num'>{np.median(one.observed):.4g}</td>"
            f"<td class='num'>{np.median(one.replicated):.4g}</td><td class='num'>{one.p_value:.2f}</td></tr>"
            for one in (check.chi2, check.neighbors, check.largest)
        )
        self.check.object = (
            '<table class="derived check" aria-label="Predictive check"><thead><tr><th>Figure</th><th>data</th>'
            f"<th>replicated data</th><th>p-value</th></tr></thead><tbody>{lines}</tbody></table>"
            '<p class="muted small">Medians over the draws. A p-value near 1/2 is as expected, near 0 the data are '
            "farther from the model than its noise would put them.</p>"
        )


class ResidualSection(Section):
    key = "residual"

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        image = self.opened.problem.image
        self.map = map_panel("residual", shared_ranges(image.shape, image.origin), SIGNED, height=HEIGHT)
        lag = shared_ranges((25, 25), (-12, -12))
        self.lags = map_panel("autocorrelation", lag, SIGNED, height=HEIGHT)
        self.histogram = pn.Column(**WIDE, min_width=150)
        self.profile = profile_figure(
            "residual-profile", ui.CURVE, label="residual / pixel", log=False, names=("residual", "zero")
        )
        self.view = pn.Column(
            self.words,
            pn.Row(
                pn.Column(title("Residual in sigma"), high(self.map.figure), **WIDE, min_width=150),
                pn.Column(title("Its values, against N(0, 1)"), self.histogram, **WIDE, min_width=150),
                pn.Column(
                    title("Autocorrelation, by lag in pixels"),
                    high(self.lags.figure),
                    **WIDE,
                    min_width=150,
                ),
                **WIDE,
                styles={"gap": "10px"},
            ),
            title("Mean residual around the brightest component"),
            high(self.profile.figure),
            **WIDE,
            styles={"gap": "6px"},
        )
        self._asked = False

    async def show(self) -> None:
        """Compute and draw, once."""
        if self._asked:
            return
        self._asked = True
        found, rings = await asyncio.to_thread(self._checks)
        self.later(lambda: self._put(found, rings))

    def _checks(self) -> tuple[Whiteness, RadialProfile]:
        problem, image = self.opened.problem, self.opened.problem.image
        model = problem.render(self.opened.result.values)
        center, ratio, angle = brightest(problem, self.opened.result)
        return (
            whiteness(image.data, model, image.weight),
            radial_profile(image.data - model, image.weight, center, ratio, angle),
        )

    def _put(self, found: Whiteness, rings: RadialProfile) -> None:
        self.say(found.message)
        show(self.map, found.pull, (-4.0, 4.0), self.opened.problem.image.origin)
        lags = found.autocorrelation.copy()
        lags[12, 12] = np.nan  # it is 1, and would hide the others
        reach = max(0.05, float(np.nanmax(np.abs(lags))))
        show(self.lags, lags, (-reach, reach), (-12, -12))
        self.histogram[:] = [high(pull_histogram(found.pull, ui.CURVE, HEIGHT))]
        self.profile.data.data = profile_columns(rings.radius, rings.mean, rings.error, positive=False)
        self.profile.model.data = {
            "x": rings.radius,
            "y": np.zeros(len(rings.radius)),
            "low": rings.radius,
            "high": rings.radius,
        }
