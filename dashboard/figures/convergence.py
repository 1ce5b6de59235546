"""Curves of reduced chi2 against step number, one a run, growing while fits run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from bokeh.models import BasicTicker, ColumnDataSource, FixedTicker, HoverTool, Range1d
from bokeh.plotting import figure

from dashboard.figures.at_once import at_once

COLUMNS = ("step", "chi2_dof", "seconds")
KEPT_STEPS = 5000
# A curve of one point still has an axis to read.
LEAST_STEPS = 5
LEAST_DECADES = 0.6

Columns = dict[str, list[float | None]]


@dataclass
class Curve:
    """The line of one run: its source receives one row a step."""

    source: ColumnDataSource
    run: str = ""


@dataclass(frozen=True)
class ConvergenceCurves:
    """A small figure with as many lines as there are runs. Lines are made once and used again."""

    figure: figure
    curves: list[Curve] = field(default_factory=list)

    def clear(self) -> None:
        """Empty the figure."""
        for curve in self.curves:
            curve.run = ""
            curve.source.data = {name: [] for name in (*COLUMNS, "title")}

    def show(self, run: str, columns: Columns, color: str, title: str) -> None:
        """Show these steps of a run in place of all it had; rows without a number are left out."""
        rows = [row for row in zip(*(columns[name] for name in COLUMNS), strict=True) if None not in row]
        data = {name: [row[place] for row in rows] for place, name in enumerate(COLUMNS)}
        self._of(run, color).source.data = {**data, "title": [title] * len(rows)}
        self._frame()

    def add(self, run: str, columns: dict[str, list[float]], color: str, title: str) -> None:
        """Add steps at the end of a run's line."""
        rows = {**columns, "title": [title] * len(columns["step"])}
        self._of(run, color).source.stream(rows, rollover=KEPT_STEPS)
        self._frame()

    def _of(self, run: str, color: str) -> Curve:
        """The line of a run; a free one, or a new one, where it has none."""
        curve = next((one for one in self.curves if one.run == run), None)
        if curve is None:
            with at_once(self.figure):
                curve = next((one for one in self.curves if not one.run), None) or self._new()
            curve.run = run
            for renderer in self.figure.renderers:
                if renderer.data_source is curve.source:
                    glyph = renderer.glyph
                    glyph.line_color = color
                    if hasattr(glyph, "fill_color"):
                        glyph.fill_color = color
        return curve

    def _new(self) -> Curve:
        source = ColumnDataSource({name: [] for name in (*COLUMNS, "title")})
        number = len(self.curves)
        self.figure.line("step", "chi2_dof", source=source, line_width=2, name=f"curve-{number}")
        dots = self.figure.scatter("step", "chi2_dof", source=source, size=5, name=f"steps-{number}")
        hover = self.figure.select_one(HoverTool)
        hover.renderers = [*(hover.renderers if number else []), dots]
        curve = Curve(source)
        self.curves.append(curve)
        return curve

    def _frame(self) -> None:
        """Ranges around what there is. Bokeh's own would complain in the console about an empty logarithmic axis."""
        values = _numbers([v for curve in self.curves for v in curve.source.data["chi2_dof"]])
        values = [v for v in values if v > 0]
        if not values:
            return
        steps = _numbers([step for curve in self.curves for step in curve.source.data["step"]])
        margin = 0.06 * max(1.0, max(steps) - min(steps))
        low, high = math.log10(min(values)), math.log10(max(values))
        room = max(0.12 * (high - low), LEAST_DECADES / 2 - (high - low) / 2)
        self.figure.x_range.update(
            start=min(steps) - margin, end=max(max(steps), min(steps) + LEAST_STEPS) + margin
        )
        self.figure.y_range.update(start=10 ** (low - room), end=10 ** (high + room))
        # The same ticker with other ticks: for a new one Bokeh would look through all models of the page.
        self.figure.yaxis[0].ticker.ticks = log_ticks(10 ** (low - room), 10 ** (high + room))


def _numbers(values: Sequence[float | None]) -> list[float]:
    """The finite ones."""
    return [float(value) for value in values if value is not None and math.isfinite(value)]


def log_ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers between two positive ones: as many as fit on a small logarithmic axis."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks: list[float] = []
    for mantissas in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 5, 7)):
        found = [m * 10.0**d for d in decades for m in mantissas if low <= m * 10.0**d <= high]
        if len(found) > most:
            break
        ticks = found
    if not ticks:  # many decades
        found = [10.0**d for d in decades if low <= 10.0**d <= high]
        ticks = found[:: -(-len(found) // most)]
    return ticks


def convergence_curves() -> ConvergenceCurves:
    """A figure without lines; each run's comes with its first step."""
    plot = figure(
        name="convergence",
        height=130,
        sizing_mode="stretch_width",
        y_axis_type="log",
        x_range=Range1d(-0.5, 10),
        y_range=Range1d(0.5, 2),
        toolbar_location=None,
        tools="",
        min_border=2,
        outline_line_color=None,
    )
    plot.add_tools(
        HoverTool(
            renderers=[],
            tooltips=[
                ("fitter", "@title"),
                ("step", "@step"),
                ("chi2/dof", "@chi2_dof{0.00000}"),
                ("seconds", "@seconds{0.000}"),
            ],
        )
    )
    plot.axis.major_label_text_font_size = "11px"
    plot.xaxis.ticker = BasicTicker(desired_num_ticks=5, num_minor_ticks=0, mantissas=[1, 2, 5])
    plot.yaxis.ticker = FixedTicker(ticks=[1])
    plot.xgrid.visible = False
    curves = ConvergenceCurves(plot)
    curves._new()  # a figure without any renderer is drawn with a warning
    return curves
