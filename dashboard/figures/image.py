"""Linked image panels: one Bokeh figure a kind of image, on shared ranges; the PSF has its own.

Glyphs are added as they are: those of the figure's own methods come with three variants each, which nobody looks at.
Data, sigma, model and PSF are sent; residual, residual / sigma and mask are made of them in the browser, when they are
first looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from bokeh.models import (
    BasicTicker,
    ColorBar,
    ColumnDataSource,
    CrosshairTool,
    Image,
    LinearColorMapper,
    MultiLine,
    PanTool,
    Range1d,
    ResetTool,
    Scatter,
    Segment,
    Span,
    TapTool,
    Text,
    WheelZoomTool,
)
from bokeh.plotting import figure

from dashboard.figures.limits import for_display, reduction

# In the order on screen and of the keys 1 to 7.
KINDS = ("data", "model", "pull", "residual", "sigma", "mask", "psf")
# What a color bar and its numbers take below an image, in pixels.
BAR_HEIGHT = 30
BLANK = np.zeros((1, 1), dtype=np.float32)
# Words on an image: white on a veil, to be read on any of them.
ON_IMAGE: dict[str, Any] = {
    "text_color": "#ffffff",
    "background_fill_color": "#000000",
    "background_fill_alpha": 0.45,
    "padding": 2,
    "border_radius": 3,
    "text_align": "center",
    "text_font_size": "11px",
    "text_font_style": "bold",
}


class ImagePanels:
    """A picture of each kind, and the linked figures that show them: one is made when it is first asked for.

    Replace the data of ``sources``, by kind, never a figure, and the zoom stays. ``components`` holds no picture but
    numbers: which component is the brightest at each pixel.
    """

    def __init__(self) -> None:
        self.sources = {kind: ColumnDataSource(_blank(), name=f"pixels-{kind}") for kind in KINDS}
        self.components = ColumnDataSource(_blank(), name="pixels-components")
        self.ellipses = ColumnDataSource(
            {"xs": [], "ys": [], "x": [], "y": [], "name": [], "color": [], "width": []}
        )
        self.compass = ColumnDataSource({"xs": [], "ys": [], "label_x": [], "label_y": [], "label": []})
        self._ranges = _ranges()
        self._crosshair = CrosshairTool(
            overlay=(
                Span(dimension="width", line_color="#8a949e", line_width=1, line_alpha=0.7),
                Span(dimension="height", line_color="#8a949e", line_width=1, line_alpha=0.7),
            ),
            visible=False,
        )
        self._figures: dict[str, figure] = {}
        self._drawn: list[Callable[[figure], None]] = []

    def figure_of(self, kind: str) -> figure:
        """The figure of this kind; the viewer's script sets its palette and its range."""
        if kind not in self._figures:
            self._figures[kind] = self._new(kind)
        return self._figures[kind]

    def on_each(self, draw: Callable[[figure], None]) -> None:
        """Draw something on every figure that shows the image's pixels (all but the PSF's), also on those to come."""
        self._drawn.append(draw)
        for kind, plot in self._figures.items():
            if kind != "psf":
                draw(plot)

    def _new(self, kind: str) -> figure:
        if kind == "psf":
            return _figure(kind, self.sources[kind], _ranges())
        plot = _figure(kind, self.sources[kind], self._ranges, self._crosshair)
        _add_markers(plot, self.ellipses)
        if kind == "data":
            _add_compass(plot, self.compass)
            _add_scale_bar(plot)
            # The pixels travel with this one, whether or not the figure that shows them is on the page.
            plot.tags = [self.components, *self.sources.values()]
        for draw in self._drawn:
            draw(plot)
        return plot


def image_columns(data: np.ndarray, origin: tuple[int, int] = (0, 0)) -> dict[str, list[Any]]:
    """Columns for one of the sources of :class:`ImagePanels`. Pixel centres lie on integers, row 0 at the bottom.

    ``origin`` is the pixel (x, y) of the full image that ``data[0, 0]`` is. Sides above 2048 are averaged in blocks.
    """
    block = reduction(data.shape)
    return placed(for_display(data, block), origin, block)


def placed(small: np.ndarray, origin: tuple[int, int], block: int = 1) -> dict[str, list[Any]]:
    """Columns for an array, as it is, each pixel of which stands for ``block`` x ``block`` of the image."""
    ny, nx = small.shape
    return {
        "image": [small],
        "x": [origin[0] - 0.5],
        "y": [origin[1] - 0.5],
        "dw": [nx * block],
        "dh": [ny * block],
    }


def _blank() -> dict[str, list[Any]]:
    return {"image": [BLANK], "x": [-9], "y": [-9], "dw": [1], "dh": [1]}  # out of sight


def _ranges() -> tuple[Range1d, Range1d]:
    return Range1d(-0.5, 0.5), Range1d(-0.5, 0.5)


def _figure(
    kind: str,
    source: ColumnDataSource,
    ranges: tuple[Range1d, Range1d],
    crosshair: CrosshairTool | None = None,
) -> figure:
    wheel = WheelZoomTool(zoom_on_axis=False)
    pan = PanTool()
    plot = figure(
        name=f"viewer-{kind}",
        x_range=ranges[0],
        y_range=ranges[1],
        tools=[pan, wheel, ResetTool(), TapTool(renderers=[]), *([crosshair] if crosshair else [])],
        active_drag=pan,
        active_scroll=wheel,
        toolbar_location=None,
        x_axis_type=None,
        y_axis_type=None,
        sizing_mode="stretch_both",
        min_width=0,
        min_height=60,
        # BokehJS never clears the outermost half pixel of its canvas: with the frame off the edge nothing stays there.
        min_border=2,
        outline_line_color=None,
        output_backend="canvas",
    )
    mapper = LinearColorMapper(palette=["#000000", "#ffffff"], low=0, high=1, nan_color="#808080")
    plot.add_glyph(
        source,
        Image(image="image", x="x", y="y", dw="dw", dh="dh", color_mapper=mapper),
        name=f"image-{kind}",
    )
    if kind == "mask":
        plot.min_border_bottom = BAR_HEIGHT  # as large as the others
    else:
        plot.add_layout(color_bar(mapper, name=f"colorbar-{kind}"), "below")
    return plot


def _add_markers(plot: figure, ellipses: ColumnDataSource) -> None:
    lines = {"xs": "xs", "ys": "ys"}
    halo = MultiLine(**lines, line_color="#000000", line_width="width", line_alpha=0.35, line_cap="round")
    plot.add_glyph(ellipses, halo, name="ellipse-halo")
    plot.add_glyph(ellipses, MultiLine(**lines, line_color="color", line_width=1.5), name="ellipse")
    cross = Scatter(
        x="x", y="y", marker="cross", size=9, line_color="color", fill_color="color", line_width=1.5
    )
    plot.add_glyph(ellipses, cross, name="center")


def color_bar(mapper: LinearColorMapper, **look: Any) -> ColorBar:
    """The colors of an image with their numbers, to be put below it."""
    return ColorBar(
        color_mapper=mapper,
        orientation="horizontal",
        height=8,
        padding=4,
        margin=0,
        label_standoff=3,
        major_label_text_font_size="11px",
        ticker=BasicTicker(desired_num_ticks=5),
        background_fill_alpha=0,
        bar_line_color=None,
        **look,
    )


def _add_compass(plot: figure, compass: ColumnDataSource) -> None:
    """North and East arrows: white with a dark rim, to be seen on any image."""
    lines = {"xs": "xs", "ys": "ys"}
    halo = MultiLine(**lines, line_color="#000000", line_width=3.5, line_alpha=0.45)
    plot.add_glyph(compass, halo, name="compass-halo")
    plot.add_glyph(compass, MultiLine(**lines, line_color="#ffffff", line_width=1.5), name="compass")
    letters = Text(x="label_x", y="label_y", text="label", text_baseline="middle", **ON_IMAGE)
    plot.add_glyph(compass, letters, name="compass-label")


def _add_scale_bar(plot: figure) -> None:
    """A round length at the lower right; the browser fills it and keeps up with the zoom."""
    bar = ColumnDataSource({"x0": [], "x1": [], "y": [], "middle": [], "label": []})
    for name, color, width, alpha in (
        ("scale-bar-halo", "#000000", 5.0, 0.45),
        ("scale-bar", "#ffffff", 2.0, 1.0),
    ):
        line = Segment(x0="x0", y0="y", x1="x1", y1="y", line_color=color, line_width=width, line_alpha=alpha)
        plot.add_glyph(bar, line, name=name)
    length = Text(x="middle", y="y", text="label", y_offset=-5, text_baseline="bottom", **ON_IMAGE)
    plot.add_glyph(bar, length)
