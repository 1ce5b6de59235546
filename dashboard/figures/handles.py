"""What a hand takes hold of in the images: handles of the selected component, and its outline while it is pulled."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bokeh.models import ColumnDataSource, MultiLine, Scatter
from bokeh.plotting import figure


@dataclass(frozen=True)
class Handles:
    """Sources that the browser's script fills: the server never does."""

    points: ColumnDataSource
    outline: ColumnDataSource


def add_handles(figures: Iterable[figure]) -> Handles:
    """Add empty handles to these figures, the same on each."""
    points = ColumnDataSource({"x": [], "y": [], "marker": []})
    outline = ColumnDataSource({"xs": [], "ys": []})
    for number, plot in enumerate(figures):
        lines = {"xs": "xs", "ys": "ys"}
        plot.add_glyph(outline, MultiLine(**lines, line_color="#000000", line_width=4, line_alpha=0.5))
        dashes = MultiLine(**lines, line_color="#ffffff", line_width=1.5, line_dash="dashed")
        plot.add_glyph(outline, dashes, name=f"pulled-{number}")
        knobs = Scatter(
            x="x",
            y="y",
            marker={"field": "marker"},
            size=9,
            fill_color="#ffffff",
            line_color="#171c21",
            line_width=1.5,
        )
        plot.add_glyph(points, knobs, name="handles" if number == 0 else f"handles-{number}")
    return Handles(points, outline)
