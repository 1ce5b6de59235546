"""The distribution of residual / sigma beside the Gaussian it should be."""

from __future__ import annotations

import numpy as np
from bokeh.plotting import figure

from dashboard.figures.corner import INK

REACH = 5.0


def pull_histogram(pull: np.ndarray, color: str, height: int = 260) -> figure:
    """Histogram of all finite pulls, those beyond 5 in the last bins, over N(0, 1); logarithmic, to show the tails."""
    values = np.clip(pull[np.isfinite(pull)], -REACH, REACH)
    edges = np.linspace(-REACH, REACH, 51)
    heights = np.histogram(values, edges)[0] / max(values.size, 1) / (edges[1] - edges[0])
    floor = 0.5 / max(values.size, 1) / (edges[1] - edges[0])
    plot = figure(
        name="pull-histogram",
        height=height,
        sizing_mode="stretch_width",
        y_axis_type="log",
        x_range=(-REACH, REACH),
        y_range=(floor, 0.8),
        tools="",
        toolbar_location=None,
        background_fill_color=None,
        border_fill_color=None,
        outline_line_color=None,
        x_axis_label="residual / σ",
    )
    plot.quad(
        left=edges[:-1],
        right=edges[1:],
        bottom=floor,
        top=np.maximum(heights, floor),
        fill_color=color,
        fill_alpha=0.4,
        line_color=color,
        name="pulls",
        legend_label="pixels",
    )
    x = np.linspace(-REACH, REACH, 201)
    density = np.exp(-0.5 * x**2) / np.sqrt(2 * np.pi)
    shown = density > floor
    plot.line(
        x[shown],
        density[shown],
        color=INK,
        line_width=2,
        line_dash="5 3",
        legend_label="N(0, 1)",
        name="expected",
    )
    for axis in plot.axis:
        axis.update(
            major_label_text_color=INK,
            axis_label_text_color=INK,
            axis_label_text_font_style="normal",
            axis_line_color=None,
            minor_tick_line_color=None,
        )
    plot.grid.grid_line_alpha = 0.25
    plot.legend[0].update(
        background_fill_alpha=0.0, border_line_color=None, label_text_color=INK, label_text_font_size="11px"
    )
    return plot
