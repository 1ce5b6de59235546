"""Choosing a fitter and its options, starting and stopping a fit, and how it went."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
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
        self.fitter = ui.select("Fitter", form.titles(), form.fitter, **{**WIDE, "margin": (6, 0, 0, 0)})
        self.fitter.link(form, value="fitter")
        self.summary = ui.html(_summary(form), **WIDE)
        self.option_form = OptionForm(self._option_changed, **WIDE)
        self.options = pn.Column(self.option_form, **WIDE, visible=False)
        self.more = ui.button("Options", self._toggle_options, kind="quiet", size="small", icon="tune")
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
        form.param.watch(self._fitter_changed, ["fitter", "changed"])
        self._fill_options()
        self._layout = pn.Column(
            ui.html('<h2 class="section">Fit</h2>', **WIDE),
            self.fitter,
            self.summary,
            self.more,
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

    def _toggle_options(self) -> None:
        self.options.visible = not self.options.visible
        self.more.label = "Hide options" if self.options.visible else "Options"

    def _fitter_changed(self, *_: Any) -> None:
        self.fitter.value = self.form.fitter
        self.summary.object = _summary(self.form)
        self._fill_options()

    def _option_changed(self, message: Message) -> None:
        self.form.set(str(message["name"]), message["value"])
        self._fill_options()
        self.option_form.param.trigger("rows")  # a refused field shows its old value again

    def _fill_options(self) -> None:
        self.option_form.param.update(rows=self.form.rows(), error=self.form.error)

    def show_verdict(self, html: str, run_id: str | None) -> None:
        """The outcome of the run on screen; empty texts when there is none."""
        self.verdict.object = html
        self.files.object = verdict.downloads(run_id) if run_id else ""

    def __panel__(self) -> pn.viewable.Viewable:
        return self._layout


def _summary(form: FitForm) -> str:
    return f'<p class="muted small">{escape(form.chosen.summary)}</p>'
