"""Curves of chi2 that stand on their own: one fit's history, and several fits against time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from bokeh.models import HoverTool
from bokeh.plotting import figure

from dashboard.figures.palettes import fitter_color

Column = Sequence[float | str | bool | None]
History = Mapping[str, Column]
_INK = "#7b8691"


def history_curve(fitter: str, history: History) -> figure:
    """chi2_dof at each step, on a logarithmic axis."""
    plot = _figure("step", "χ²/dof", x_axis_type="linear")
    columns = {name: numbers(history[name]) for name in ("step", "chi2_dof", "seconds")}
    line = plot.line("step", "chi2_dof", source=columns, color=fitter_color(fitter), line_width=2)
    if len(columns["step"]) <= 80:
        line = plot.scatter("step", "chi2_dof", source=columns, color=fitter_color(fitter), size=6)
    _hover(plot, line, "step @step", "χ²/dof @chi2_dof{0.00000}", "@seconds{0.000} s")
    return plot


def race_curves(fits: Mapping[str, tuple[str, History]]) -> figure:
    """chi2_dof above the lowest of all against seconds, by label: (fitter, history)."""
    plot = _figure("seconds", "χ²/dof above the lowest", x_axis_type="log")
    lowest = min(float(np.nanmin(numbers(history["chi2_dof"]))) for _, history in fits.values())
    for label, (fitter, history) in fits.items():
        columns = {
            "seconds": np.maximum(numbers(history["seconds"]), 1e-3),
            "above": np.maximum(numbers(history["chi2_dof"]) - lowest, 1e-6),
            "chi2_dof": numbers(history["chi2_dof"]),
        }
        line = plot.line(
            "seconds", "above", source=columns, color=fitter_color(fitter), line_width=2, legend_label=label
        )
        _hover(plot, line, label, "χ²/dof @chi2_dof{0.00000}", "@seconds{0.000} s")
    plot.add_layout(plot.legend[0], "right")
    plot.legend.border_line_color = None
    plot.legend.background_fill_alpha = 0
    plot.legend.label_text_color = _INK
    plot.legend.click_policy = "hide"
    return plot


def numbers(column: Column) -> np.ndarray:
    """A column of a history as numbers, nan where there is none."""
    return np.array([np.nan if value is None else float(value) for value in column])


def _figure(x: str, y: str, **options: str) -> figure:
    plot = figure(
        height=280,
        sizing_mode="stretch_width",
        y_axis_type="log",
        x_axis_label=x,
        y_axis_label=y,
        tools="pan,wheel_zoom,box_zoom,reset,save",
        background_fill_color=None,
        border_fill_color=None,
        outline_line_color=None,
        **options,
    )
    plot.toolbar.logo = None
    plot.axis.axis_label_text_color = _INK
    plot.axis.major_label_text_color = _INK
    plot.axis.axis_line_color = _INK
    plot.axis.major_tick_line_color = _INK
    plot.axis.minor_tick_line_color = None
    plot.grid.grid_line_color = _INK
    plot.grid.grid_line_alpha = 0.2
    return plot


def _hover(plot: figure, renderer: object, *lines: str) -> None:
    plot.add_tools(HoverTool(renderers=[renderer], tooltips="<br>".join(_safe(line) for line in lines)))


def _safe(line: str) -> str:
    """A line of a tooltip, which Bokeh takes for HTML."""
    return line.replace("&", "&amp;").replace("<", "&lt;")
