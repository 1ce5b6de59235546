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
        self._plots = pn.Row(
            sizing_mode="stretch_both",
            margin=0,
            css_classes=["profiles"],
            stylesheets=[ui.stylesheet(), ui.static_text("viewer.css")],
        )
        self._layout = pn.Column(
            self.words,
            self._plots,
            sizing_mode="stretch_both",
            margin=0,
            visible=False,
            name="profiles",
            css_classes=["card", "below"],
            stylesheets=[ui.stylesheet()],
        )

    def open(self, yes: bool) -> None:
        """Show the drawer, or put it away. Its plots are made when it is first opened."""
        if yes and not self._plots.objects:
            cuts = [_cut("cut-row", "x / pixel"), _cut("cut-column", "y / pixel")]
            self._plots.objects = [self.radial, self.histogram, *(pn.pane.Bokeh(cut, **FILL) for cut in cuts)]
        self._layout.visible = yes

    def show(self, radial: figure | None, histogram: figure | None, sentence: str) -> None:
        """Replace the plots around a component, and say in words what they show. ``sentence`` is escaped."""
        self.words.object = f'<p class="profiles-words" title="{sentence}">{sentence}</p>'
        for pane, plot in ((self.radial, radial), (self.histogram, histogram)):
            if plot is not None:
                _compact(plot)
            pane.object = plot

    def __panel__(self) -> pn.viewable.Viewable:
        return self._layout


def _cut(name: str, label: str) -> figure:
    drawn = profile_figure(name, ui.CURVE, label="flux / pixel", log=False)
    for source in (
        drawn.data,
        drawn.model,
    ):  # until the browser fills them, the ranges need something to go by
        source.data = {column: [0.0] for column in source.data}
    drawn.figure.xaxis[0].axis_label = label
    drawn.figure.legend[0].visible = False  # the same marks as in the profile beside
    _compact(drawn.figure)
    return drawn.figure


def _compact(plot: figure) -> None:
    """Fill the place there is, with little around the frame."""
    plot.update(sizing_mode="stretch_both", min_height=60, min_border=4)
    for axis in plot.axis:
        axis.update(axis_label_standoff=1)
    plot.legend[0].update(padding=0, spacing=0, margin=4, glyph_height=14, label_height=14)
