"""The curve of reduced chi2 against step number, growing while a fit runs."""

from __future__ import annotations

from dataclasses import dataclass

from bokeh.models import BasicTicker, ColumnDataSource, DataRange1d, HoverTool
from bokeh.plotting import figure


@dataclass(frozen=True)
class ConvergenceCurve:
    """A small figure with the source that receives one row a step."""

    figure: figure
    source: ColumnDataSource


def convergence_curve(color: str) -> ConvergenceCurve:
    """An empty curve; stream {"step": [...], "chi2_dof": [...], "seconds": [...]} into its source."""
    source = ColumnDataSource({"step": [], "chi2_dof": [], "seconds": []})
    plot = figure(
        name="convergence",
        height=150,
        sizing_mode="stretch_width",
        y_axis_type="log",
        y_range=DataRange1d(only_visible=True, range_padding=0.12),
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
    plot.xaxis.axis_label = "step"
    plot.yaxis.axis_label = "χ² / dof"
    plot.axis.major_label_text_font_size = "11px"
    plot.axis.axis_label_text_font_size = "11px"
    plot.axis.axis_label_text_font_style = "normal"
    plot.xaxis.ticker = BasicTicker(desired_num_ticks=5, num_minor_ticks=0, mantissas=[1, 2, 5])
    plot.xgrid.visible = False
    return ConvergenceCurve(plot, source)
