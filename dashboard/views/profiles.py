"""The drawer of profiles below the images: around a component, residuals' distribution, cuts through the cursor."""

from __future__ import annotations

from typing import Any

import panel as pn
from bokeh.plotting import figure

from dashboard import ui
from dashboard.figures.profile import profile_figure

FILL: dict[str, Any] = {"sizing_mode": "stretch_both", "margin": 0, "min_height": 60}


class ProfilesDrawer(pn.viewable.Viewer):
    """Four plots. The browser fills the cuts (`cut-row`, `cut-column`) from the arrays that it has."""

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        self.words = ui.html("", sizing_mode="stretch_width")
        self.radial = pn.pane.Bokeh(None, **FILL)
        self.histogram = pn.pane.Bokeh(None, **FILL)
        cuts = {
            name: profile_figure(name, ui.CURVE, label="flux / pixel", log=False).figure
            for name in ("cut-row", "cut-column")
        }
        for name, cut in cuts.items():
            cut.update(sizing_mode="stretch_both", min_height=60)
            cut.xaxis[0].axis_label = f"{'x' if name == 'cut-row' else 'y'} / pixel"
        self._layout = pn.Column(
            self.words,
            pn.Row(
                self.radial,
                self.histogram,
                *(pn.pane.Bokeh(cut, **FILL) for cut in cuts.values()),
                sizing_mode="stretch_both",
                margin=0,
                css_classes=["profiles"],
                stylesheets=[ui.stylesheet(), ui.static_text("viewer.css")],
            ),
            sizing_mode="stretch_both",
            margin=0,
            visible=False,
            name="profiles",
            css_classes=["card", "below"],
            stylesheets=[ui.stylesheet()],
        )

    def open(self, yes: bool) -> None:
        """Show the drawer, or put it away."""
        self._layout.visible = yes

    def show(self, radial: figure | None, histogram: figure | None, sentence: str) -> None:
        """Replace the plots around a component, and say in words what they show. ``sentence`` is HTML."""
        self.words.object = f'<p class="profiles-words">{sentence}</p>'
        for pane, plot in ((self.radial, radial), (self.histogram, histogram)):
            if plot is not None:
                plot.update(sizing_mode="stretch_both", min_height=60)
            pane.object = plot

    def __panel__(self) -> pn.viewable.Viewable:
        return self._layout
