"""What a hand takes hold of in the images: handles of the selected component, and its outline while it is pulled."""

from __future__ import annotations

from bokeh.models import ColumnDataSource, MultiLine, Scatter
from bokeh.plotting import figure


class Handles:
    """Sources that the browser's script fills: the server never does."""

    def __init__(self) -> None:
        self.points = ColumnDataSource({"x": [], "y": [], "marker": []}, name="handles")
        self.outline = ColumnDataSource({"xs": [], "ys": []}, name="pulled")

    def draw_on(self, plot: figure) -> None:
        """Add the handles to a figure, none yet."""
        lines = {"xs": "xs", "ys": "ys"}
        plot.add_glyph(self.outline, MultiLine(**lines, line_color="#000000", line_width=4, line_alpha=0.5))
        plot.add_glyph(
            self.outline, MultiLine(**lines, line_color="#ffffff", line_width=1.5, line_dash="dashed")
        )
        knobs = Scatter(
            x="x",
            y="y",
            marker={"field": "marker"},
            size=9,
            fill_color="#ffffff",
            line_color="#171c21",
            line_width=1.5,
        )
        plot.add_glyph(self.points, knobs)
