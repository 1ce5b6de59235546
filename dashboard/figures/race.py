"""The race: chi2/dof above the best of all, against seconds, evaluations or steps, on logarithmic axes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from bokeh.models import (
    ColumnDataSource,
    HoverTool,
    Label,
    LogTickFormatter,
    PanTool,
    ResetTool,
    Span,
    WheelZoomTool,
)
from bokeh.plotting import figure

from dashboard.figures.at_once import at_once

INK = "#77818b"
FIRST = {"seconds": 1e-3, "evaluations": 1.0, "step": 1.0}


@dataclass(frozen=True)
class RaceFigure:
    """The figure and what changes in it."""

    figure: figure
    goal: Span
    sources: dict[str, ColumnDataSource]

    def show(
        self,
        tracks: Mapping[str, Mapping[str, np.ndarray]],
        colors: Mapping[str, str],
        axis: str,
        dof: int,
        title: str,
    ) -> None:
        """Draw these runs, by label; each has step, evaluations, seconds and chi2, (step,)."""
        ends = [float(np.min(track["chi2"])) for track in tracks.values() if len(track["chi2"])]
        best = min(ends, default=0.0)
        # The best itself lies at zero, which a logarithmic axis has not: it is drawn a thousandth above.
        floor = 1e-3 / dof
        fresh = {}
        for label, track in tracks.items():
            # Steps are counted from one here: the start would be at zero.
            x = np.maximum(track[axis] + (axis == "step"), FIRST[axis])
            above = np.minimum.accumulate(track["chi2"]) if len(track["chi2"]) else track["chi2"]
            columns = {"x": x, "y": np.maximum((above - best) / dof, floor), "run": [label] * len(x)}
            if label in self.sources:
                self.sources[label].data = columns
            else:
                fresh[label] = columns
        if fresh:
            with at_once(self.figure):
                for label, columns in fresh.items():
                    self._add(label, columns, colors[label], len(self.sources))
        for label in set(self.sources) - set(tracks):
            self.sources[label].data = {"x": [], "y": [], "run": []}
        self.goal.location = 1.0 / dof
        self.figure.xaxis.axis_label = title
        xs = np.concatenate([source.data["x"] for source in self.sources.values()] or [np.ones(1)])
        ys = np.concatenate([source.data["y"] for source in self.sources.values()] or [np.ones(1)])
        if len(xs):
            self.figure.x_range.update(start=float(np.min(xs)) / 1.4, end=float(np.max(xs)) * 1.6)
            self.figure.y_range.update(start=floor / 2, end=max(float(np.max(ys)), 10 / dof) * 3)

    def _add(self, label: str, columns: dict[str, object], color: str, place: int) -> None:
        source = ColumnDataSource(columns)
        dash = "solid" if place < 7 else "dashed"
        self.figure.step(
            "x",
            "y",
            source=source,
            color=color,
            line_width=2,
            mode="after",
            line_dash=dash,
            name=f"race-{label}",
        )
        self.figure.scatter("x", "y", source=source, color=color, size=4, name="dots")
        self.sources[label] = source


def race_figure() -> RaceFigure:
    """An empty race."""
    pan, wheel = PanTool(), WheelZoomTool()
    plot = figure(
        name="race",
        height=300,
        sizing_mode="stretch_width",
        x_axis_type="log",
        y_axis_type="log",
        x_range=(1e-2, 10),
        y_range=(1e-6, 100),
        tools=[pan, wheel, ResetTool()],
        active_drag=pan,
        toolbar_location=None,
        outline_line_color=None,
        background_fill_color=None,
        border_fill_color=None,
        min_border=4,
    )
    plot.add_tools(
        HoverTool(tooltips=[("", "@run"), ("at", "@x{0.[000]}"), ("χ²/dof above the best", "@y{0.0[00000]}")])
    )
    goal = Span(location=1e-4, dimension="width", line_color=INK, line_dash="dashed", line_width=1)
    plot.add_layout(goal)
    plot.add_layout(
        Label(
            x=6,
            y=4,
            x_units="screen",
            y_units="screen",
            text="- - -  Δχ² = 1",
            text_color=INK,
            text_font_size="11px",
        )
    )
    plot.yaxis.axis_label = "χ²/dof above the best"
    for axis in (*plot.xaxis, *plot.yaxis):
        axis.update(
            major_label_text_color=INK,
            axis_label_text_color=INK,
            axis_line_color=INK,
            major_tick_line_color=INK,
            minor_tick_line_color=None,
            axis_label_text_font_style="normal",
            axis_label_text_font_size="12px",
            major_label_text_font_size="11px",
            formatter=LogTickFormatter(),
        )
    plot.grid.grid_line_color = INK
    plot.grid.grid_line_alpha = 0.18
    return RaceFigure(plot, goal, {})
