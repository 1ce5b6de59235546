"""A figure that shows itself: as PNG in a notebook, as SVG on a page."""

from __future__ import annotations

import io
import re
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK = "#171c21"
QUIET = "#7b8691"
DPI = 110

_STYLE: Any = {
    "font.size": 9,
    "font.family": ["DejaVu Sans"],
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9,
    "axes.edgecolor": QUIET,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.facecolor": "none",
    "axes.formatter.useoffset": False,
    "text.color": INK,
    "axes.labelcolor": INK,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "svg.fonttype": "none",
    "svg.hashsalt": "residua",
    "svg.image_inline": True,
    "image.interpolation": "none",
    "image.composite_image": False,
}


class Picture(Figure):
    """A matplotlib Figure in Residua's style."""

    def _repr_png_(self) -> bytes:
        """What a notebook shows."""
        stream = io.BytesIO()
        with style():
            self.savefig(stream, format="png", dpi=DPI, facecolor="white")
        return stream.getvalue()

    def svg(self) -> str:
        """Return an <svg> element for a page: no background, text and axes in the color and font of the page."""
        stream = io.StringIO()
        with style():
            self.savefig(stream, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
        text = stream.getvalue()
        text = text[text.index("<svg") :]
        text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
        text = text.replace(INK, "currentColor").replace("'DejaVu Sans'", "inherit")
        # The page says how wide it may be; the view box keeps its shape.
        return re.sub(r'<svg([^>]*?) width="([\d.]+)pt" height="([\d.]+)pt"', _sized, text, count=1)


def _sized(found: re.Match[str]) -> str:
    width, height = (round(float(found[n]) * 4 / 3) for n in (2, 3))
    return f'<svg{found[1]} width="{width}" height="{height}"'


def style() -> Any:
    """Return the context in which pictures are made."""
    return mpl.rc_context(_STYLE)


def picture(rows: int, columns: int, size: tuple[float, float], **options: Any) -> tuple[Picture, Any]:
    """Return an empty picture of ``size`` (inches) and its axes, (rows, columns). Call inside :func:`style`."""
    figure = Picture(figsize=size, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, **options)
    return figure, axes


def bare(axes: Axes) -> None:
    """Take the ticks of an image's axes away, and its frame."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
