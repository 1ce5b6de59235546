"""The curve of reduced chi2 against step number, growing while a fit runs."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bokeh.models import BasicTicker, ColumnDataSource, FixedTicker, HoverTool, Range1d
from bokeh.plotting import figure

COLUMNS = ("step", "chi2_dof", "seconds")
KEPT_STEPS = 5000
# A curve of one point still has an axis to read.
LEAST_STEPS = 5
LEAST_DECADES = 0.6


@dataclass(frozen=True)
class ConvergenceCurve:
    """A small figure with the source that receives one row a step."""

    figure: figure
    source: ColumnDataSource

    def clear(self) -> None:
        """Empty the curve."""
        self.source.data = {name: [] for name in COLUMNS}

    def show(self, columns: dict[str, list[float | None]]) -> None:
        """Show these steps in place of all others; rows without a number are left out."""
        rows = [row for row in zip(*(columns[name] for name in COLUMNS), strict=True) if None not in row]
        self.source.data = {name: [row[place] for row in rows] for place, name in enumerate(COLUMNS)}
        self._frame()

    def add(self, columns: dict[str, list[float]]) -> None:
        """Add steps at the end."""
        self.source.stream(columns, rollover=KEPT_STEPS)
        self._frame()

    def _frame(self) -> None:
        """Ranges around what there is. Bokeh's own would complain in the console about an empty logarithmic axis."""
        values = [
            float(v) for v in self.source.data["chi2_dof"] if v is not None and math.isfinite(v) and v > 0
        ]
        if not values:
            return
        steps = [float(step) for step in self.source.data["step"]]
        margin = 0.06 * max(1.0, max(steps) - min(steps))
        low, high = math.log10(min(values)), math.log10(max(values))
        room = max(0.12 * (high - low), LEAST_DECADES / 2 - (high - low) / 2)
        self.figure.x_range.update(
            start=min(steps) - margin, end=max(max(steps), min(steps) + LEAST_STEPS) + margin
        )
        self.figure.y_range.update(start=10 ** (low - room), end=10 ** (high + room))
        self.figure.yaxis.ticker = FixedTicker(ticks=log_ticks(10 ** (low - room), 10 ** (high + room)))


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


def convergence_curve(color: str) -> ConvergenceCurve:
    """An empty curve; stream {"step": [...], "chi2_dof": [...], "seconds": [...]} into its source."""
    source = ColumnDataSource({name: [] for name in COLUMNS})
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
    plot.line("step", "chi2_dof", source=source, color=color, line_width=2, name="curve")
    dots = plot.scatter("step", "chi2_dof", source=source, color=color, size=5, name="steps")
    plot.add_tools(
        HoverTool(
            renderers=[dots],
            tooltips=[("step", "@step"), ("chi2/dof", "@chi2_dof{0.00000}"), ("seconds", "@seconds{0.000}")],
        )
    )
    plot.axis.major_label_text_font_size = "11px"
    plot.xaxis.ticker = BasicTicker(desired_num_ticks=5, num_minor_ticks=0, mantissas=[1, 2, 5])
    plot.xgrid.visible = False
    return ConvergenceCurve(plot, source)
