"""One pair of parameters at full resolution: every draw a point, contours over them, box and lasso to select."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from bokeh.models import (
    BoxSelectTool,
    ColumnDataSource,
    HoverTool,
    LassoSelectTool,
    PanTool,
    Range1d,
    ResetTool,
    Span,
    WheelZoomTool,
)
from bokeh.plotting import figure

from dashboard.figures.corner import BRUSHED, DIVERGENT, INK
from dashboard.figures.corner_shapes import CELL, CornerShapes


def pair_figure(shapes: CornerShapes, truths: Mapping[str, float] | None = None, height: int = 560) -> figure:
    """The pair of shapes made of two parameters: the first across, the second up.

    The scatter "draws" has the draws of the first posterior that has any; its source's selection is the brush.
    """
    x_name, y_name = shapes.labels
    pan, box = PanTool(), BoxSelectTool(persistent=True)
    wheel = WheelZoomTool()
    plot = figure(
        name="pair",
        height=height,
        sizing_mode="stretch_width",
        x_range=Range1d(float(shapes.low[0]), float(shapes.high[0])),
        y_range=Range1d(float(shapes.low[1]), float(shapes.high[1])),
        tools=[pan, box, LassoSelectTool(), wheel, ResetTool()],
        active_drag=box,
        active_scroll=wheel,
        toolbar_location="right",
        background_fill_color=None,
        border_fill_color=None,
        outline_line_color=None,
        x_axis_label=x_name,
        y_axis_label=y_name,
    )
    plot.toolbar.logo = None
    plot.grid.grid_line_alpha = 0.25
    for axis in plot.axis:
        axis.update(
            major_label_text_color=INK, axis_label_text_color=INK, axis_label_text_font_style="normal"
        )
    first = True
    for sheet in shapes.sheets:
        if sheet.draws is None:
            continue
        source = ColumnDataSource(
            {
                "x": sheet.draws[:, 0],
                "y": sheet.draws[:, 1],
                "number": np.arange(len(sheet.draws)),
            },
            name="draws-source" if first else None,
        )
        scatter = plot.scatter(
            "x",
            "y",
            source=source,
            size=3,
            color=sheet.view.color,
            alpha=0.35,
            nonselection_alpha=0.12,
            selection_color=BRUSHED,
            selection_alpha=0.9,
            legend_label=sheet.view.label,
            name="draws" if first else "other-draws",
        )
        if first:
            plot.add_tools(
                HoverTool(
                    renderers=[scatter],
                    tooltips=[("draw", "@number"), (x_name, "@x{0.00000}"), (y_name, "@y{0.00000}")],
                    limit=1,
                )
            )
        else:
            for tool in plot.tools:
                if isinstance(tool, BoxSelectTool | LassoSelectTool):
                    tool.renderers = [plot.select_one({"name": "draws"})]
        if sheet.diverging is not None and sheet.diverging.any():
            bad = sheet.draws[sheet.diverging]
            plot.scatter(bad[:, 0], bad[:, 1], marker="x", size=7, color=DIVERGENT, name="divergences")
        first = False
    _add_contours(plot, shapes)
    for place, name in enumerate(shapes.names):
        if truths and name in truths:
            plot.add_layout(
                Span(
                    location=truths[name],
                    dimension="height" if place == 0 else "width",
                    line_color=INK,
                    line_dash="dashed",
                )
            )
    if plot.legend:
        plot.legend[0].update(
            background_fill_alpha=0.0,
            border_line_color=None,
            label_text_color=INK,
            label_text_font_size="11px",
            location="top_right",
        )
    return plot


def _add_contours(plot: figure, shapes: CornerShapes) -> None:
    """The contours of the cell (1, 0), back in the parameters' units."""
    width = shapes.high - shapes.low
    labels = {sheet.view.color: sheet.view.label for sheet in shapes.sheets}
    drawn = {sheet.view.color for sheet in shapes.sheets if sheet.draws is not None}
    for path in shapes.paths:
        points = path.points
        inside = (points[:, 0] < 1) & (points[:, 1] < 1)
        gaps = np.isnan(points[:, 0])
        kept = points[inside | gaps]
        if not inside.any():
            continue
        plot.line(
            shapes.low[0] + width[0] * kept[:, 0] / CELL,
            shapes.low[1] + width[1] * kept[:, 1] / CELL,
            color=path.color,
            line_width=1.5,
            line_dash=path.dash,
            name="contour",
            **({} if path.color in drawn else {"legend_label": labels[path.color]}),
        )
