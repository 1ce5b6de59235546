"""Choosing a fitter and its options, starting and stopping a fit, and how it went."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import panel as pn

from dashboard import ui
from dashboard.figures.convergence import convergence_curve
from dashboard.state.fit_form import FitForm
from dashboard.views import verdict
from dashboard.views.component import Message
from dashboard.views.fit_controls import FitControls
from dashboard.views.options import OptionForm
from dashboard.views.runs import RunList

WIDE = {"sizing_mode": "stretch_width", "margin": 0}


class FitPanel(pn.viewable.Viewer):
    """The right side of the workbench."""

    def __init__(
        self,
        form: FitForm,
        *,
        on_fit: Callable[[], Any],
        on_cancel: Callable[[], Any],
        on_run: Callable[[Message], Any],
    ) -> None:
        super().__init__()
        self.form = form
        self.options = OptionForm(
            self._on_options, fitters=[[key, title] for title, key in form.titles().items()], **WIDE
        )
        self.controls = FitControls(
            lambda message: on_fit() if message["type"] == "fit" else on_cancel(), **WIDE
        )
        self.curve = convergence_curve(ui.CURVE)
        self.curve_box = pn.Column(
            ui.html('<h3 class="curve-title muted small">χ²/dof against step</h3>', **WIDE),
            pn.pane.Bokeh(self.curve.figure, **WIDE, height=130),
            **WIDE,
            visible=False,
        )
        self.verdict = ui.html("", **WIDE)
        self.files = ui.html("", **WIDE)
        self.live = ui.live_region()
        self.runs = RunList(on_run, **WIDE)
        form.param.watch(lambda *_: self._show_form(), ["fitter", "changed"])
        self._show_form()
        self._layout = pn.Column(
            self.options,
            self.controls,
            self.curve_box,
            self.verdict,
            self.files,
            self.runs,
            self.live,
            **WIDE,
            styles={"gap": "10px"},
        )

    def _on_options(self, message: Message) -> None:
        if message["type"] == "fitter":
            self.form.use(str(message["fitter"]), self.form.changed.get(message["fitter"], {}))
            return
        if not self.form.set(str(message["name"]), message["value"]):
            self._show_form()
            self.options.param.trigger("rows")  # the refused field shows its old value again

    def _show_form(self) -> None:
        self.options.param.update(
            fitter=self.form.fitter,
            summary=self.form.chosen.summary,
            rows=self.form.rows(),
            error=self.form.error,
        )

    def show_verdict(self, html: str, run_id: str | None) -> None:
        """The outcome of the run on screen; empty texts when there is none."""
        self.verdict.object = html
        self.files.object = verdict.downloads(run_id) if run_id else ""

    def __panel__(self) -> pn.viewable.Viewable:
        return self._layout
