"""What a hand takes hold of in the images: handles of the selected component, and its outline while it is pulled."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bokeh.models import ColumnDataSource
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
        plot.multi_line("xs", "ys", source=outline, color="#000000", line_width=4, alpha=0.5)
        line = plot.multi_line(
            "xs", "ys", source=outline, color="#ffffff", line_width=1.5, line_dash="dashed"
        )
        line.name = f"pulled-{number}"
        plot.scatter(
            "x",
            "y",
            marker="marker",
            source=points,
            size=9,
            fill_color="#ffffff",
            line_color="#171c21",
            line_width=1.5,
            name="handles" if number == 0 else f"handles-{number}",
        )
    return Handles(points, outline)
