"""Any column of a fit's history against its steps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from bokeh.models import BasicTicker, FixedTicker, HoverTool
from bokeh.plotting import figure

from dashboard.figures.convergence import log_ticks
from dashboard.figures.corner import INK

# Positive values that span more than this are shown on a logarithmic axis.
_WIDE = 30.0


def history_figure(
    steps: Sequence[Any], values: Sequence[Any], name: str, color: str, height: int = 190
) -> figure:
    """A column against the step; rows without a number are left out."""
    pairs = [
        (float(x), float(y))
        for x, y in zip(steps, values, strict=True)
        if isinstance(x, int | float) and isinstance(y, int | float) and math.isfinite(x) and math.isfinite(y)
    ]
    x, y = np.array(pairs).T if pairs else (np.array([0.0, 1.0]), np.array([np.nan, np.nan]))
    low, high = float(np.nanmin(y)) if pairs else 0.0, float(np.nanmax(y)) if pairs else 1.0
    log = low > 0 and high / low > _WIDE
    room = 0.05 * ((high - low) or max(abs(high), 1.0))
    plot = figure(
        name="history",
        height=height,
        sizing_mode="stretch_width",
        y_axis_type="log" if log else "linear",
        y_range=(0.9 * low, 1.2 * high) if log else (low - room, high + room),
        tools="",
        toolbar_location=None,
        background_fill_color=None,
        border_fill_color=None,
        outline_line_color=None,
        x_axis_label="step",
        y_axis_label=name.replace("_", " "),
        min_border=4,
    )
    plot.line(x, y, color=color, line_width=2, name="history-curve")
    dots = plot.scatter(x, y, color=color, size=4 if len(x) < 200 else 2)
    plot.add_tools(HoverTool(renderers=[dots], tooltips=[("step", "@x"), (name, "@y{0.00000}")]))
    plot.xaxis[0].ticker = BasicTicker(desired_num_ticks=5, num_minor_ticks=0, mantissas=[1, 2, 5])
    if log:
        plot.yaxis[0].ticker = FixedTicker(ticks=log_ticks(0.9 * low, 1.2 * high))
    for axis in plot.axis:
        axis.update(
            major_label_text_color=INK,
            axis_label_text_color=INK,
            axis_label_text_font_style="normal",
            axis_label_text_font_size="11px",
            axis_line_color=None,
            minor_tick_line_color=None,
        )
    plot.grid.grid_line_alpha = 0.25
    return plot
