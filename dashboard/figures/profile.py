"""Brightness against radius: data with errors, and the model over it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from bokeh.models import BasicTicker, ColumnDataSource, HoverTool, Whisker
from bokeh.plotting import figure

from dashboard.figures.corner import INK


@dataclass(frozen=True)
class ProfileFigure:
    """Replace the sources' data, never the figure."""

    figure: figure
    data: ColumnDataSource
    model: ColumnDataSource


def profile_figure(
    name: str,
    color: str,
    height: int = 240,
    label: str = "flux / pixel",
    log: bool = True,
    names: tuple[str, str] = ("data", "model"),
) -> ProfileFigure:
    """An empty profile; fill the sources with :func:`profile_columns`."""
    plot = figure(
        name=name,
        height=height,
        sizing_mode="stretch_width",
        y_axis_type="log" if log else "linear",
        tools="",
        toolbar_location=None,
        background_fill_color=None,
        border_fill_color=None,
        outline_line_color=None,
        x_axis_label="semi-major axis / pixel",
        y_axis_label=label,
    )
    empty: dict[str, list[float]] = {"x": [], "y": [], "low": [], "high": []}
    data, model = ColumnDataSource(dict(empty)), ColumnDataSource(dict(empty))
    plot.add_layout(
        Whisker(
            base="x", lower="low", upper="high", source=data, line_color=INK, upper_head=None, lower_head=None
        )
    )
    dots = plot.scatter("x", "y", source=data, color=INK, size=4, legend_label=names[0], name="profile-data")
    plot.line("x", "y", source=model, color=color, line_width=2, legend_label=names[1], name="profile-model")
    plot.add_tools(HoverTool(renderers=[dots], tooltips=[("radius", "@x{0.0}"), (names[0], "@y{0.000}")]))
    plot.legend[0].update(
        background_fill_alpha=0.0, border_line_color=None, label_text_color=INK, label_text_font_size="11px"
    )
    for axis in plot.axis:
        axis.update(
            major_label_text_color=INK,
            axis_label_text_color=INK,
            axis_label_text_font_style="normal",
            axis_label_text_font_size="11px",
            axis_line_color=None,
            minor_tick_line_color=None,
        )
    plot.xaxis[0].ticker = BasicTicker(desired_num_ticks=6, num_minor_ticks=0)
    plot.grid.grid_line_alpha = 0.25
    return ProfileFigure(plot, data, model)


def profile_columns(
    radius: np.ndarray, mean: np.ndarray, error: np.ndarray, positive: bool = True
) -> dict[str, np.ndarray]:
    """Columns of a profile; with ``positive``, rings that a logarithmic axis cannot show are left out."""
    kept = mean > 0 if positive else np.isfinite(mean)
    radius, mean, error = radius[kept], mean[kept], error[kept]
    low = np.maximum(mean - error, 0.05 * mean) if positive else mean - error
    return {"x": radius, "y": mean, "low": low, "high": mean + error}
