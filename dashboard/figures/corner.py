"""The corner plot: all pairs of up to some thirty parameters of several posteriors, on one canvas.

A grid of figures, one a cell, takes half a minute for 22 parameters; here the cells share one coordinate system.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from bokeh.models import (
    ColumnDataSource,
    CustomJSTicker,
    CustomJSTickFormatter,
    FixedTicker,
    HoverTool,
    LinearAxis,
    PanTool,
    Range1d,
    ResetTool,
    WheelZoomTool,
)
from bokeh.plotting import figure

from dashboard.figures.corner_shapes import CELL, CornerShapes, Path, corner_shapes
from dashboard.figures.densities import MASSES
from dashboard.figures.posterior_view import PosteriorView

# Read on white and on near-black.
INK = "#77818b"
DIVERGENT = "#d1384c"
BRUSHED = "#e3a008"
TITLE_PX = 165
LINE_PX = 13
# Wider cells than this have room for numbers on their axes.
_ROOMY_PX = 75
# With more columns than this, their names stand upright.
_UPRIGHT = 6

_TICKS = """
const size = along_x ? plot.properties.inner_width : plot.properties.inner_height
const pixels = size.is_unset ? nominal : size.get_value()  // there is none before the first layout
const [start, end] = [cb_data.range.start, cb_data.range.end]
if (pixels / (end - start) < roomy) return []
const found = []
for (let place = along_x ? 0 : 1; place < low.length; place++) {
  const corner = along_x ? place : low.length - 1 - place
  if (corner + cell < start || corner > end) continue
  const width = high[place] - low[place]
  let step = 10 ** Math.floor(Math.log10(width / 2.2))
  for (const factor of [5, 2]) if (width / (factor * step) >= 2.2) { step *= factor; break }
  for (let value = Math.ceil(low[place] / step) * step; value < high[place]; value += step) {
    const share = (value - low[place]) / width
    if (share > 0.06 && share < 0.94) found.push(corner + cell * share)
  }
}
return found
"""
_FORMAT = """
const corner = Math.floor(tick)
const place = along_x ? corner : low.length - 1 - corner
const width = high[place] - low[place]
const value = low[place] + (tick - corner) / cell * width
const digits = Math.max(0, 1 - Math.floor(Math.log10(width / 2.2)))
return digits > 7 ? value.toPrecision(7) : String(Number(value.toFixed(digits)))
"""


def corner(
    posteriors: Sequence[PosteriorView],
    names: Sequence[str] | None = None,
    *,
    truths: Mapping[str, float] | None = None,
    labels: Mapping[str, str] | None = None,
    width: int | None = None,
    height: int = 720,
) -> figure:
    """A corner plot as one Bokeh figure, to be embedded anywhere.

    Contours hold 39.3, 86.5 and 98.9 % of the draws (1, 2 and 3 sigma in two dimensions); of posteriors without draws
    they are the ellipses of the covariance. The figure's source "brushed" takes points to be marked
    (:meth:`CornerShapes.marks`).

    Args:
        posteriors: What to draw, the first below.
        names: Which parameters, top to bottom; by default all of the first posterior.
        truths: True values by parameter, where they are known.
        labels: What to call a parameter on screen; by default its name.
        width: Pixels; by default as wide as there is room.
        height: Pixels.
    """
    shapes = corner_shapes(posteriors, names, truths=truths, labels=labels)
    return corner_figure(shapes, width=width, height=height)


def corner_figure(shapes: CornerShapes, *, width: int | None = None, height: int = 720) -> figure:
    """The figure of shapes that were made before, as on a thread."""
    n = len(shapes.names)
    cell_px = (height - 60) / n
    room = TITLE_PX / max((width or 1.25 * height) / (n + 4), 20)
    wheel, pan = WheelZoomTool(), PanTool()
    plot = figure(
        name="corner",
        height=height,
        x_range=Range1d(-0.06, n + room),
        y_range=Range1d(-0.06, n + 0.02),
        tools=[pan, wheel, ResetTool()],
        active_drag=pan,
        active_scroll=wheel,
        toolbar_location=None,
        background_fill_color=None,
        border_fill_color=None,
        outline_line_color=None,
        min_border=2,
        **({"sizing_mode": "stretch_width"} if width is None else {"width": width}),
    )
    plot.grid.visible = False
    _add_cells(plot, shapes)
    _add_paths(plot, shapes)
    _add_marks(plot, shapes)
    _add_words(plot, shapes, cell_px)
    _add_axes(plot, shapes)
    return plot


def pair_at(shapes: CornerShapes, x: float, y: float) -> tuple[str, str] | None:
    """Parameters (on x, on y) of the cell at a place of the sheet; None between and outside the cells."""
    column, row = int(np.floor(x)), len(shapes.names) - 1 - int(np.floor(y))
    inside = 0 <= column < row < len(shapes.names) and x - column <= CELL and y - np.floor(y) <= CELL
    return (shapes.names[column], shapes.names[row]) if inside else None


def corner_words(shapes: CornerShapes) -> str:
    """The plot in words: what is drawn, the strongest correlation, divergences."""
    parts = [f"{len(shapes.names)} parameters; {'; '.join(text for text, _ in shapes.legend)}."]
    first = shapes.sheets[0]
    if len(shapes.names) > 1:
        matrix = np.abs(np.tril(np.nan_to_num(first.correlation), -1))
        i, j = np.unravel_index(int(np.argmax(matrix)), matrix.shape)
        value = first.correlation[i, j]
        parts.append(
            f"The strongest correlation of {first.view.label} is {value:+.2f}, between {shapes.labels[j]} "
            f"and {shapes.labels[i]}."
        )
    masses = ", ".join(f"{100 * mass:.1f}" for mass in MASSES)
    parts.append(f"Contours hold {masses} % (1, 2 and 3 sigma in two dimensions).")
    for sheet in shapes.sheets:
        if sheet.diverging is not None and sheet.diverging.any():
            parts.append(
                f"{int(sheet.diverging.sum())} draws of {sheet.view.label} diverged, marked by crosses."
            )
    return " ".join(parts)


def _add_cells(plot: figure, shapes: CornerShapes) -> None:
    cells = plot.quad(
        left="left",
        right="right",
        bottom="bottom",
        top="top",
        source=ColumnDataSource(shapes.cells),
        fill_color=INK,
        fill_alpha=0.0,
        line_color=INK,
        line_alpha=0.45,
        hover_line_alpha=1.0,
        hover_fill_color=INK,
        hover_fill_alpha=0.08,
        name="cells",
    )
    plot.add_tools(
        HoverTool(renderers=[cells], tooltips=[("x", "@x"), ("y", "@y"), ("", "@words")], name="cell-hover")
    )


def _styled(paths: Sequence[Path]) -> dict[str, list]:
    """Columns of paths, and the look of each."""
    return {
        **_columns([path.points for path in paths]),
        "color": [path.color for path in paths],
        "dash": [path.dash for path in paths],
        "width": [path.width for path in paths],
    }


def _add_paths(plot: figure, shapes: CornerShapes) -> None:
    """Areas and lines, each style one row: few long arrays travel and draw faster than many short ones."""
    filled = [path for path in shapes.paths if path.fill_alpha > 0 and len(path.points)]
    open_ones = [path for path in shapes.paths if path.fill_alpha == 0 and len(path.points)]
    if filled:
        plot.patches(
            "xs",
            "ys",
            source=ColumnDataSource({**_styled(filled), "alpha": [path.fill_alpha for path in filled]}),
            fill_color="color",
            fill_alpha="alpha",
            line_color="color",
            line_width="width",
            line_dash="dash",
            name="areas",
        )
    if open_ones:
        plot.multi_line(
            "xs",
            "ys",
            source=ColumnDataSource(_styled(open_ones)),
            line_color="color",
            line_width="width",
            line_dash="dash",
            name="lines",
        )
    if len(shapes.truths):
        plot.multi_line(
            "xs",
            "ys",
            source=ColumnDataSource(_columns([shapes.truths])),
            line_color=INK,
            line_width=1.2 if len(shapes.names) <= _UPRIGHT else 0.8,
            line_alpha=0.8,
            line_dash="4 3",
            name="truths",
        )


def _columns(points: Sequence[np.ndarray]) -> dict[str, list[np.ndarray]]:
    return {
        key: [np.ascontiguousarray(part[:, axis], dtype=np.float32) for part in points]
        for axis, key in enumerate(("xs", "ys"))
    }


def _add_marks(plot: figure, shapes: CornerShapes) -> None:
    for name, points, marker, color, size in (
        ("divergences", shapes.divergences, "x", DIVERGENT, 5),
        ("brushed", np.empty((0, 2)), "circle", BRUSHED, 3),
    ):
        source = ColumnDataSource(mark_columns(points), name=f"{name}-source")
        small = size if len(shapes.names) <= _UPRIGHT else size - 1
        plot.scatter("x", "y", source=source, marker=marker, color=color, size=small, alpha=0.8, name=name)


def mark_columns(points: np.ndarray) -> dict[str, np.ndarray]:
    """Columns of the sources of marks."""
    return {
        "x": np.ascontiguousarray(points[:, 0], np.float32),
        "y": np.ascontiguousarray(points[:, 1], np.float32),
    }


def _add_words(plot: figure, shapes: CornerShapes, cell_px: float) -> None:
    """Medians and intervals beside the diagonal, and what is drawn in the empty corner."""
    n = len(shapes.names)
    lines = max(2, int(cell_px // LINE_PX))
    titles = [title for title in shapes.titles if title[2] < lines]
    columns = {
        "x": [x for x, *_ in titles],
        "y": [y for _, y, *_ in titles],
        "down": [line * LINE_PX for _, _, line, *_ in titles],
        "text": [text for *_, text, _ in titles],
        "color": [color or INK for *_, color in titles],
        "style": ["normal" if color else "bold" for *_, color in titles],
    }
    plot.text(
        "x",
        "y",
        text="text",
        y_offset="down",
        text_color="color",
        text_font_style="style",
        source=ColumnDataSource(columns),
        text_font_size="11px",
        text_baseline="top",
        name="titles",
    )
    masses = ", ".join(f"{100 * mass:.1f}" for mass in MASSES)
    legend = [*shapes.legend, (f"contours hold {masses} %", INK)]
    if len(shapes.truths):
        legend.append(("dashed: true values", INK))
    plot.text(
        "x",
        "y",
        text="text",
        y_offset="down",
        text_color="color",
        source=ColumnDataSource(
            {
                "x": [plot.x_range.end] * len(legend),
                "y": [n - 1 + CELL] * len(legend),
                "down": [16 * k for k in range(len(legend))],
                "text": [text for text, _ in legend],
                "color": [color for _, color in legend],
            }
        ),
        text_font_size="12px",
        text_align="right",
        text_baseline="top",
        name="legend",
    )


def _add_axes(plot: figure, shapes: CornerShapes) -> None:
    """Names of parameters at all times; numbers where the cells are wide enough for them."""
    n = len(shapes.names)
    for along_x, side in ((True, "below"), (False, "left")):
        shared = {"low": shapes.low.tolist(), "high": shapes.high.tolist(), "cell": CELL, "along_x": along_x}
        numbers = plot.xaxis[0] if along_x else plot.yaxis[0]
        numbers.update(
            ticker=CustomJSTicker(
                args={**shared, "plot": plot, "roomy": _ROOMY_PX, "nominal": plot.height}, major_code=_TICKS
            ),
            formatter=CustomJSTickFormatter(args=shared, code=_FORMAT),
            minor_tick_line_color=None,
            major_tick_line_color=INK,
            major_tick_in=4,
            major_tick_out=0,
            major_label_text_font_size="10px",
        )
        places = [(k if along_x else n - 1 - k) + CELL / 2 for k in range(n)]
        names = LinearAxis(
            ticker=FixedTicker(ticks=places),
            major_label_overrides=dict(zip(places, shapes.labels, strict=True)),
            major_tick_line_color=None,
            major_label_text_font_size="11px",
            **({"major_label_orientation": "vertical"} if along_x and n > _UPRIGHT else {}),
        )
        plot.add_layout(names, side)
    plot.axis.axis_line_color = None
    plot.axis.major_label_text_color = INK
