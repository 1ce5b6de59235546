"""A correlation matrix as colored cells."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from bokeh.models import ColorBar, ColumnDataSource, HoverTool, LinearColorMapper
from bokeh.plotting import figure

from dashboard.figures.corner import INK
from dashboard.figures.palettes import RESIDUAL_PALETTES


def correlation_figure(matrix: np.ndarray, labels: Sequence[str], height: int = 560) -> figure:
    """Cells from -1 (blue) to 1 (red), first parameter at the top; what was not measured is gray."""
    n = len(labels)
    rows, columns = np.indices((n, n))
    source = ColumnDataSource(
        {
            "x": [labels[j] for j in columns.ravel().tolist()],
            "y": [labels[i] for i in rows.ravel().tolist()],
            "value": matrix.ravel(),
        }
    )
    mapper = LinearColorMapper(palette=RESIDUAL_PALETTES["blue-red"], low=-1, high=1, nan_color="#808080")
    plot = figure(
        name="correlations",
        height=height,
        sizing_mode="stretch_width",
        x_range=list(labels),
        y_range=list(labels)[::-1],
        tools="",
        toolbar_location=None,
        background_fill_color=None,
        border_fill_color=None,
        outline_line_color=None,
    )
    cells = plot.rect(
        "x",
        "y",
        0.96,
        0.96,
        source=source,
        fill_color={"field": "value", "transform": mapper},
        line_color=None,
        name="correlation-cells",
    )
    plot.add_tools(HoverTool(renderers=[cells], tooltips=[("", "@x, @y"), ("correlation", "@value{+0.000}")]))
    plot.grid.visible = False
    for axis in plot.axis:
        axis.update(
            axis_line_color=None,
            major_tick_line_color=None,
            major_label_text_color=INK,
            major_label_text_font_size="11px",
        )
    plot.xaxis[0].major_label_orientation = "vertical"
    plot.add_layout(
        ColorBar(
            color_mapper=mapper,
            width=8,
            background_fill_alpha=0,
            bar_line_color=None,
            major_label_text_color=INK,
        ),
        "right",
    )
    return plot
