"""The corner plot for a paper: PDF with text as text, or PNG."""

from __future__ import annotations

import io

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.collections import LineCollection, PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path as Outline
from matplotlib.ticker import MaxNLocator

from dashboard.figures.corner_shapes import CELL, CornerShapes
from dashboard.figures.densities import MASSES

FORMATS = {"pdf": "application/pdf", "png": "image/png"}
PNG_DPI = 200
_INK = "#222222"
_DASHES = {"solid": "-", "dashed": "--", "dotted": ":", "dotdash": "-."}
_MOST_NUMBERED = 8


def corner_bytes(shapes: CornerShapes, kind: str) -> bytes:
    """The plot as a file of ``kind``, "pdf" or "png"; ValueError for another."""
    if kind not in FORMATS:
        raise ValueError(f"A corner plot is saved as {' or '.join(FORMATS)}, not as {kind!r}.")
    plot = corner_print(shapes)
    stream = io.BytesIO()
    if kind == "pdf":
        FigureCanvasPdf(plot).print_pdf(stream, metadata={"Creator": "residua", "CreationDate": None})
    else:
        FigureCanvasAgg(plot)
        plot.savefig(stream, format="png", dpi=PNG_DPI)
    return stream.getvalue()


def corner_print(shapes: CornerShapes) -> Figure:
    """The plot as a matplotlib figure on white, cells of equal sides."""
    n = len(shapes.names)
    cell = float(np.clip(7.5 / n, 0.45, 1.7))  # inches
    small = n > _MOST_NUMBERED
    font = 5.5 if small else 7.5
    longest = max(map(len, shapes.labels)) * 0.58 * font / 72
    left, below = (0.2 + longest, 0.2 + longest) if small else (0.65 + longest, 0.65)
    right = 0.5 + max(len(text) for _, _, _, text, _ in shapes.titles) * 0.58 * font / 72
    width, height = left + n * cell + right, below + n * cell + 0.15
    plot = Figure(figsize=(width, height))
    axes = plot.add_axes((left / width, below / height, (n * cell + right - 0.1) / width, n * cell / height))
    axes.set_xlim(-0.02, n + (right - 0.1) / cell)
    axes.set_ylim(-0.02, n)
    axes.set_aspect("equal", anchor="SW")
    axes.axis("off")
    corners = [(j, n - 1 - i) for i in range(n) for j in range(i + 1)]
    frames = [Rectangle(corner, CELL, CELL) for corner in corners]
    axes.add_collection(PatchCollection(frames, facecolor="none", edgecolor=_INK, linewidth=0.4, zorder=3))
    for path in shapes.paths:
        parts = _parts(path.points)
        dash, thin = _DASHES.get(path.dash, "-"), 0.7 * path.width
        if path.fill_alpha > 0 and parts:
            axes.add_patch(
                PathPatch(_outline(parts), facecolor=path.color, edgecolor="none", alpha=path.fill_alpha)
            )
        axes.add_collection(LineCollection(parts, colors=path.color, linewidths=thin, linestyles=dash))
    axes.add_collection(
        LineCollection(_parts(shapes.truths), colors="#555555", linewidths=0.6, linestyles="--")
    )
    if len(shapes.divergences):
        axes.plot(*shapes.divergences.T, "x", color="#d1384c", markersize=2, markeredgewidth=0.4)
    for x, y, line, text, color in shapes.titles:
        axes.annotate(
            text,
            (x, y),
            (0, -(line * (font + 1.5))),
            textcoords="offset points",
            va="top",
            fontsize=font,
            color=color or _INK,
            weight="normal" if color else "bold",
        )
    _axes_words(axes, shapes, font, numbers=not small)
    masses = ", ".join(f"{100 * mass:.1f}" for mass in MASSES)
    legend = [*shapes.legend, (f"contours hold {masses} %", _INK)]
    if len(shapes.truths):
        legend.append(("dashed: true values", _INK))
    for line, (text, color) in enumerate(legend):
        plot.text(
            1 - 0.1 / width,
            1 - (0.12 + line * 0.15) / height,
            text,
            ha="right",
            va="top",
            fontsize=8,
            color=color,
        )
    return plot


def _axes_words(axes: Axes, shapes: CornerShapes, font: float, *, numbers: bool) -> None:
    """Names along the left and lower edge; with ``numbers``, ticks and their values between them and the cells."""
    n = len(shapes.names)
    room = 30 if numbers else 4
    for k, label in enumerate(shapes.labels):
        row = n - 1 - k
        for along_x in (True, False):
            middle = (k if along_x else row) + CELL / 2
            axes.annotate(
                label,
                (middle, 0) if along_x else (0, middle),
                (0, -room) if along_x else (-room - 2, 0),
                textcoords="offset points",
                ha="center" if along_x else "right",
                va="top" if along_x else "center",
                rotation=90 if along_x and not numbers else 0,
                fontsize=font,
                color=_INK,
            )
            if numbers and (along_x or k > 0):
                _ticks(axes, shapes, k, along_x=along_x, font=font)


def _ticks(axes: Axes, shapes: CornerShapes, k: int, *, along_x: bool, font: float) -> None:
    low, high = float(shapes.low[k]), float(shapes.high[k])
    values = [v for v in MaxNLocator(3).tick_values(low, high) if low < v < high]
    digits = max(0, 1 - int(np.floor(np.log10((high - low) / 2))))
    for value in values:
        at = float((shapes.across if along_x else shapes.along)(k, np.array(value)))
        axes.annotate(
            f"{value:.{digits}f}",
            (at, 0) if along_x else (0, at),
            (0, -4) if along_x else (-4, 0),
            textcoords="offset points",
            ha="center" if along_x else "right",
            va="top" if along_x else "center",
            rotation=45 if along_x else 0,
            fontsize=font - 1,
            color=_INK,
            arrowprops=None,
        )
        line = [(at, 0), (at, 0.04)] if along_x else [(0, at), (0.04, at)]
        axes.plot(*zip(*line, strict=True), color=_INK, linewidth=0.5)


def _parts(points: np.ndarray) -> list[np.ndarray]:
    """Runs of vertices between gaps."""
    if not len(points):
        return []
    pieces = np.split(points, np.flatnonzero(np.isnan(points[:, 0])))
    clean = [piece[np.isfinite(piece).all(axis=1)] for piece in pieces]
    return [piece for piece in clean if len(piece) > 1]


def _outline(parts: list[np.ndarray]) -> Outline:
    return Outline.make_compound_path(*(Outline(part, closed=False) for part in parts))
