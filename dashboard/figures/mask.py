"""The mask over the images: hatched where pixels are ignored, and the outline of a shape while it is drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, MultiLine, Quad
from bokeh.plotting import figure

#: More rectangles than this are slow to draw; a mask of more is shown in blocks.
MAX_RECTANGLES = 4000


class MaskLayer:
    """What lies over all images. Fill ``overlay`` with :func:`mask_columns`; the browser writes into ``draft``."""

    def __init__(self) -> None:
        self.overlay = ColumnDataSource({"left": [], "right": [], "bottom": [], "top": []})
        self.draft = ColumnDataSource({"xs": [], "ys": []}, name="mask-draft")

    def draw_on(self, plot: figure) -> None:
        """Add the mask to a figure."""
        # Dark and bright together: one of them shows on any color of any map.
        hatch = Quad(
            left="left",
            right="right",
            top="top",
            bottom="bottom",
            fill_color="#101418",
            fill_alpha=0.5,
            line_color=None,
            hatch_pattern="right_diagonal_line",
            hatch_color="#ffd166",
            hatch_alpha=0.9,
            hatch_weight=1.2,
            hatch_scale=9,
        )
        plot.add_glyph(self.overlay, hatch, name="mask-hatch")
        lines = {"xs": "xs", "ys": "ys"}
        plot.add_glyph(self.draft, MultiLine(**lines, line_color="#101418", line_width=4, line_alpha=0.7))
        plot.add_glyph(
            self.draft, MultiLine(**lines, line_color="#ffd166", line_width=1.8), name="mask-outline"
        )


def mask_columns(mask: np.ndarray, origin: tuple[int, int] = (0, 0)) -> dict[str, Any]:
    """Columns of :class:`MaskLayer`'s overlay: rectangles that cover the ignored pixels, each pixel once.

    ``origin`` is the pixel (x, y) of the full image that ``mask[0, 0]`` is.
    """
    block = 1
    found = rectangles(mask)
    while len(found) > MAX_RECTANGLES:
        block *= 2
        found = rectangles(_blocks(mask, block))
    edges = found.T * block - 0.5
    ny, nx = mask.shape
    left, right = np.minimum(edges[0], nx - 0.5), np.minimum(edges[1], nx - 0.5)
    bottom, top = np.minimum(edges[2], ny - 0.5), np.minimum(edges[3], ny - 0.5)
    x, y = origin
    return {"left": left + x, "right": right + x, "bottom": bottom + y, "top": top + y}


def rectangles(mask: np.ndarray) -> np.ndarray:
    """(rectangle, [x0, x1, y0, y1]), half-open: the runs of each row, joined with equal runs of the next rows."""
    padded = np.pad(mask.astype(np.int8), ((0, 0), (1, 1)))
    steps = np.diff(padded, axis=1)
    rows, starts = np.nonzero(steps == 1)
    ends = np.nonzero(steps == -1)[1]
    if len(rows) == 0:
        return np.zeros((0, 4), dtype=int)
    order = np.lexsort((rows, ends, starts))
    rows, starts, ends = rows[order], starts[order], ends[order]
    joins = (np.diff(rows) == 1) & (np.diff(starts) == 0) & (np.diff(ends) == 0)
    first = np.flatnonzero(np.concatenate([[True], ~joins]))
    last = np.concatenate([first[1:] - 1, [len(rows) - 1]])
    return np.stack([starts[first], ends[first], rows[first], rows[last] + 1], axis=1)


def _blocks(mask: np.ndarray, block: int) -> np.ndarray:
    """Blocks of which at least half are ignored."""
    ny, nx = mask.shape
    padded = np.pad(mask.astype(np.float32), ((0, -ny % block), (0, -nx % block)))
    shape = (padded.shape[0] // block, block, padded.shape[1] // block, block)
    return np.asarray(padded.reshape(shape).mean(axis=(1, 3)) >= 0.5)
