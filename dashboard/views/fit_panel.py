"""Choosing fitters and their options, starting fits, and how they went."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import panel as pn

from dashboard import ui
from dashboard.figures.convergence import convergence_curves
from dashboard.figures.palettes import fitter_color
from dashboard.state.fit_form import CHAIN, COMPARED, FitForm
from dashboard.views import verdict
from dashboard.views.component import Message
from dashboard.views.fit_controls import FitControls
from dashboard.views.fitters import FitterList
from dashboard.views.runs import RunList

WIDE = {"sizing_mode": "stretch_width", "margin": 0}


class FitPanel(pn.viewable.Viewer):
    """The right side of the workbench."""

    def __init__(
        self, form: FitForm, *, on_fit: Callable[[Message], Any], on_run: Callable[[Message], Any]
    ) -> None:
        super().__init__()
        self.form = form
        self.forecasts: dict[str, str] = {}
        self.fitters = FitterList(self._on_fitters, **WIDE)
        self.controls = FitControls(on_fit, **WIDE)
        self.curves = convergence_curves()
        self.curve_box = pn.Column(
            ui.html('<h3 class="curve-title muted small">χ²/dof against step</h3>', **WIDE),
            pn.pane.Bokeh(self.curves.figure, **WIDE, height=130),
            **WIDE,
            visible=False,
        )
        self.verdict = ui.html("", **WIDE)
        self.files = ui.html("", **WIDE)
        self.live = ui.live_region()
        self.under_way = RunList(on_run, under_way=True, **WIDE)
        self.runs = RunList(on_run, **WIDE)
        form.param.watch(lambda *_: self._show_form(), ["fitter", "ticked", "chain", "changed"])
        form.param.watch(lambda *_: self._show_devices(), ["device", "precision", "has_gpu"])
        self._show_form()
        self._show_devices()
        self._layout = pn.Column(
            self.fitters,
            self.controls,
            self.under_way,
            self.curve_box,
            self.verdict,
            self.files,
            self.runs,
            self.live,
            **WIDE,
            styles={"gap": "10px"},
        )

    def _on_fitters(self, message: Message) -> None:
        match message:
            case {"type": "tick", "key": key, "on": on}:
                self.form.tick(str(key), bool(on))
            case {"type": "open", "key": key} if key in self.form.keys:
                self.form.param.update(fitter=key, error="")
            case {"type": "member", "place": place, "key": key}:
                self.form.set_member(int(place), str(key))
            case {"type": "option", "name": name, "value": value} if not self.form.set(str(name), value):
                self._show_form()
                self.fitters.param.trigger("rows")  # the refused field shows its old value again

    def _show_devices(self) -> None:
        form = self.form
        self.controls.param.update(devices=form.devices(), device=form.device, precision=form.precision)

    def show_forecasts(self, each: dict[str, str], ticked: str) -> None:
        """What each fitter will take, in words by key, and the ticked ones together."""
        self.forecasts = each
        self.controls.forecast = ticked
        self._show_form()

    def _show_form(self) -> None:
        form = self.form
        self.fitters.param.update(
            fitters=[
                {
                    "key": key,
                    "title": title,
                    "color": fitter_color(form.chain[-1] if key == CHAIN else key),
                    "ticked": key in form.ticked,
                    "compared": key in COMPARED,
                    "forecast": self.forecasts.get(key, ""),
                }
                for key, title in form.titles().items()
            ],
            opened=form.fitter,
            summary=form.summary,
            rows=form.rows(),
            members=form.chain if form.fitter == CHAIN else [],
            error=form.error,
        )

    def show_verdict(self, html: str, run_id: str | None) -> None:
        """The outcome of the run on screen; empty texts when there is none."""
        self.verdict.object = html
        self.files.object = verdict.downloads(run_id) if run_id else ""

    def __panel__(self) -> pn.viewable.Viewable:
        return self._layout
