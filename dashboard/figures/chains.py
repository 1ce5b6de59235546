"""Chains of many parameters on two canvases: traces at the left, ranks at the right, one row a parameter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from bokeh.models import (
    ColumnDataSource,
    FixedTicker,
    HoverTool,
    PanTool,
    Range1d,
    ResetTool,
    WheelZoomTool,
)
from bokeh.plotting import figure
from scipy.stats import rankdata

from dashboard.figures.corner import BRUSHED, DIVERGENT, INK, mark_columns

# Chains are told apart by color and dash; the set of Okabe and Ito.
CHAIN_COLORS = ("#0b84c6", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#8f7a00", "#8a949e")
CHAIN_DASHES = ("solid", "dashed", "dotted", "dotdash")
ROW = 0.9
ROW_PX = 58
RANK_BINS = 20
# More points than this across a trace are not seen apart.
MOST_POINTS = 2000


def chain_color(chain: int) -> str:
    """Color of a chain."""
    return CHAIN_COLORS[chain % len(CHAIN_COLORS)]


@dataclass(frozen=True)
class Traces:
    """Traces and ranks with their shared rows.

    Attributes:
        traces: Value against draw, each row scaled to its own range.
        ranks: Where each chain's draws rank among all.
        low: Lower end of each row, (parameter,).
        high: Upper end.
    """

    traces: figure
    ranks: figure
    low: np.ndarray
    high: np.ndarray

    def marks(self, draws: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        """Points of the draws with these numbers (all chains in a row) on the traces, (mark, 2)."""
        chains, length, count = draws.shape
        flat = draws.reshape(chains * length, count)[numbers]
        rows = count - 1 - np.arange(count)
        y = rows + ROW * (flat - self.low) / (self.high - self.low)
        x = np.broadcast_to((numbers % length)[:, None], y.shape)
        return np.stack([x.ravel(), y.ravel()], axis=1)


def trace_figures(draws: np.ndarray, labels: Sequence[str], diverging: np.ndarray | None = None) -> Traces:
    """Traces and rank plots of (chain, draw, parameter), angles unwrapped before; warm-up is not among the draws."""
    chains, length, count = draws.shape
    low, high = draws.min(axis=(0, 1)), draws.max(axis=(0, 1))
    flat = ~(high > low)
    low, high = np.where(flat, low - 1, low), np.where(flat, high + 1, high)
    y_range = Range1d(-0.1, count)
    height = max(150, min(40 + ROW_PX * count, 1500))
    traces = _canvas("traces", Range1d(-0.01 * length, 1.01 * length), y_range, height, "draw")
    ranks = _canvas("ranks", Range1d(-0.01, 1.01), y_range, height, "rank among all draws", width=260)
    rows = count - 1 - np.arange(count)
    traces.yaxis[0].update(
        ticker=FixedTicker(ticks=(rows + ROW / 2).tolist()),
        major_label_overrides={float(row) + ROW / 2: label for row, label in zip(rows, labels, strict=True)},
    )
    ranks.yaxis.visible = False
    every = max(1, length // MOST_POINTS)
    steps = np.arange(0, length, every)
    shares = rank_shares(draws)
    edges = np.repeat(np.linspace(0, 1, RANK_BINS + 1), 2)[1:-1]
    peak = max(float(shares.max()), 2.0 / RANK_BINS)
    lines: dict[str, list[object]] = {key: [] for key in ("xs", "ys", "color", "dash", "chain")}
    bars: dict[str, list[object]] = {key: [] for key in lines}
    for chain in range(chains):
        scaled = ROW * (draws[chain, ::every] - low) / (high - low) + rows
        gap = np.full((1, count), np.nan)
        row = {
            "color": chain_color(chain),
            "dash": CHAIN_DASHES[chain // len(CHAIN_COLORS) % 4],
            "chain": chain + 1,
        }
        y = np.concatenate([scaled, gap]).T.ravel()
        x = np.tile(np.append(steps.astype(float), np.nan), count)
        heights = rows[:, None] + ROW * np.repeat(shares[chain], 2, axis=1) / peak
        bar_y = np.concatenate([heights, np.full((count, 1), np.nan)], axis=1).ravel()
        for columns, xs, ys in ((lines, x, y), (bars, np.tile(np.append(edges, np.nan), count), bar_y)):
            columns["xs"].append(xs.astype(np.float32))
            columns["ys"].append(ys.astype(np.float32))
            for key, value in row.items():
                columns[key].append(value)
    for plot, columns, width in ((traces, lines, 0.8), (ranks, bars, 1.3)):
        drawn = plot.multi_line(
            "xs",
            "ys",
            source=ColumnDataSource(columns),
            color="color",
            line_dash="dash",
            line_width=width,
            name="chains",
        )
        plot.add_tools(HoverTool(renderers=[drawn], tooltips=[("chain", "@chain")]))
    even = ROW / RANK_BINS / peak
    ranks.segment(
        [0.0] * count,
        (rows + even).tolist(),
        [1.0] * count,
        (rows + even).tolist(),
        color=INK,
        line_dash="4 3",
        name="even",
    )
    bad = np.empty((0, 2))
    found = Traces(traces, ranks, low, high)
    if diverging is not None and diverging.any():
        bad = found.marks(draws, np.flatnonzero(diverging.ravel()))
    traces.scatter(
        "x",
        "y",
        source=ColumnDataSource(mark_columns(bad)),
        marker="x",
        size=6,
        color=DIVERGENT,
        name="divergences",
    )
    brushed = ColumnDataSource(mark_columns(np.empty((0, 2))), name="brushed-traces-source")
    traces.scatter("x", "y", source=brushed, size=4, color=BRUSHED, alpha=0.8, name="brushed")
    return found


def rank_shares(draws: np.ndarray) -> np.ndarray:
    """Share of each chain's draws in equal bins of rank among all, (chain, parameter, bin); even when mixed."""
    chains, length, count = draws.shape
    ranks = rankdata(draws.reshape(-1, count), axis=0, method="ordinal").reshape(draws.shape) - 1
    bins = (ranks * RANK_BINS // (chains * length)).astype(int)
    found = np.zeros((chains, count, RANK_BINS))
    for chain in range(chains):
        for parameter in range(count):
            found[chain, parameter] = np.bincount(bins[chain, :, parameter], minlength=RANK_BINS) / length
    return found


def trace_words(draws: np.ndarray, labels: Sequence[str]) -> str:
    """The traces in words: the parameter whose chains lie farthest apart."""
    chains, length, _ = draws.shape
    said = f"{chains} chains of {length} draws after the warm-up; chains have one color each."
    if chains < 2:
        return said
    means, spread = draws.mean(axis=1), draws.std(axis=(0, 1))
    apart = np.ptp(means, axis=0) / np.where(spread > 0, spread, np.inf)
    worst = int(np.argmax(apart))
    return f"{said} The means of chains differ most for {labels[worst]}: by {apart[worst]:.2f} standard deviations."


def autocorrelation_figure(lags: np.ndarray, labels: Sequence[str], height: int = 260) -> figure:
    """Autocorrelation of each parameter, averaged over chains, (parameter, lag)."""
    plot = _canvas(
        "autocorrelation", Range1d(0, lags.shape[1] - 1), Range1d(-0.2, 1.02), height, "lag in draws"
    )
    plot.yaxis.axis_label = "autocorrelation"
    columns = {
        "xs": [np.arange(lags.shape[1], dtype=float)] * len(lags),
        "ys": list(lags),
        "name": list(labels),
        "color": [CHAIN_COLORS[i % len(CHAIN_COLORS)] for i in range(len(lags))],
    }
    drawn = plot.multi_line(
        "xs",
        "ys",
        source=ColumnDataSource(columns),
        color="color",
        alpha=0.6,
        line_width=1.3,
        hover_line_width=3,
        name="lags",
    )
    plot.line([0, lags.shape[1]], [0, 0], color=INK, line_dash="4 3")
    plot.add_tools(HoverTool(renderers=[drawn], tooltips=[("", "@name")]))
    return plot


def energy_figure(energy: np.ndarray, height: int = 260) -> figure:
    """Energies of (chain, draw) about their mean, and their changes from draw to draw: alike when all is well."""
    around = (energy - energy.mean()).ravel()
    change = np.diff(energy, axis=1).ravel()
    reach = float(np.quantile(np.abs(np.concatenate([around, change])), 0.999)) or 1.0
    edges = np.linspace(-reach, reach, 41)
    plot = _canvas("energy", Range1d(-reach, reach), None, height, "energy minus its mean")
    for values, label, color in (
        (around, "energy", CHAIN_COLORS[0]),
        (change, "change between draws", CHAIN_COLORS[1]),
    ):
        heights = np.histogram(values, edges, density=True)[0]
        plot.step(
            edges,
            np.append(heights, 0.0),
            mode="after",
            color=color,
            line_width=2,
            legend_label=label,
            name="energies",
        )
    plot.yaxis.visible = False
    plot.legend[0].update(
        background_fill_alpha=0.0,
        border_line_color=None,
        label_text_color=INK,
        label_text_font_size="11px",
        orientation="horizontal",
    )
    plot.add_layout(plot.legend[0], "above")
    return plot


def _canvas(
    name: str, x_range: Range1d, y_range: Range1d | None, height: int, label: str, width: int | None = None
) -> figure:
    pan, wheel = PanTool(), WheelZoomTool(dimensions="width", modifiers={"ctrl": True})
    more = {} if y_range is None else {"y_range": y_range}
    plot = figure(
        name=name,
        height=height,
        x_range=x_range,
        tools=[pan, wheel, ResetTool()],
        active_drag=pan,
        toolbar_location=None,
        background_fill_color=None,
        border_fill_color=None,
        outline_line_color=None,
        x_axis_label=label,
        min_border=4,
        **({"sizing_mode": "stretch_width"} if width is None else {"width": width}),
        **more,
    )
    plot.grid.visible = False
    for axis in plot.axis:
        axis.update(
            axis_line_color=None,
            major_tick_line_color=None,
            minor_tick_line_color=None,
            major_label_text_color=INK,
            major_label_text_font_size="11px",
            axis_label_text_color=INK,
            axis_label_text_font_style="normal",
            axis_label_text_font_size="11px",
        )
    return plot
