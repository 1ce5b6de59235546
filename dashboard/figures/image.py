"""Linked image panels: one Bokeh figure a kind of image, on shared ranges; the PSF has its own.

Glyphs are added as they are: those of the figure's own methods come with three variants each, which nobody looks at.
Data, sigma, model and PSF are sent; residual, residual / sigma and mask are made of them in the browser, when they are
first looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
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


@dataclass(frozen=True)
class ImagePanel:
    """One image on screen: replace ``source.data``, never the figure, and the zoom stays."""

    kind: str
    figure: figure
    source: ColumnDataSource
    mapper: LinearColorMapper


@dataclass(frozen=True)
class ImagePanels:
    """All panels, with shared ranges, crosshair and component markers.

    ``components`` holds no picture but numbers: which component is the brightest at each pixel.
    """

    data: ImagePanel
    model: ImagePanel
    pull: ImagePanel
    residual: ImagePanel
    sigma: ImagePanel
    mask: ImagePanel
    psf: ImagePanel
    ellipses: ColumnDataSource
    compass: ColumnDataSource
    components: ColumnDataSource

    def __iter__(self) -> Iterator[ImagePanel]:
        found = (getattr(self, field.name) for field in fields(self))
        return (one for one in found if isinstance(one, ImagePanel))


def image_panels() -> ImagePanels:
    """Empty panels. Fill them with :func:`image_columns`; the viewer's script sets palettes and ranges."""
    x_range, y_range = Range1d(-0.5, 0.5), Range1d(-0.5, 0.5)
    crosshair = CrosshairTool(
        overlay=(
            Span(dimension="width", line_color="#8a949e", line_width=1, line_alpha=0.7),
            Span(dimension="height", line_color="#8a949e", line_width=1, line_alpha=0.7),
        ),
        visible=False,
    )
    ellipses = ColumnDataSource({"xs": [], "ys": [], "x": [], "y": [], "name": [], "color": [], "width": []})
    compass = ColumnDataSource({"xs": [], "ys": [], "label_x": [], "label_y": [], "label": []})
    panels = {
        kind: _panel(kind, Range1d(-0.5, 0.5), Range1d(-0.5, 0.5))
        if kind == "psf"
        else _panel(kind, x_range, y_range, crosshair, ellipses)
        for kind in KINDS
    }
    data = panels["data"].figure
    _add_compass(data, compass)
    _add_scale_bar(data)
    components = ColumnDataSource(_blank(), name="pixels-components")
    # The pixels travel with this one, whether or not the panel that shows them is on the page.
    data.tags = [components, *(panel.source for panel in panels.values())]
    return ImagePanels(**panels, ellipses=ellipses, compass=compass, components=components)


def image_columns(data: np.ndarray, origin: tuple[int, int] = (0, 0)) -> dict[str, list[Any]]:
    """Columns for an :class:`ImagePanel`'s source. Pixel centres lie on integers, row 0 at the bottom.

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


def _panel(
    kind: str,
    x_range: Range1d,
    y_range: Range1d,
    crosshair: CrosshairTool | None = None,
    ellipses: ColumnDataSource | None = None,
) -> ImagePanel:
    wheel = WheelZoomTool(zoom_on_axis=False)
    pan = PanTool()
    plot = figure(
        name=f"viewer-{kind}",
        x_range=x_range,
        y_range=y_range,
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
    source = ColumnDataSource(_blank(), name=f"pixels-{kind}")
    plot.add_glyph(
        source,
        Image(image="image", x="x", y="y", dw="dw", dh="dh", color_mapper=mapper),
        name=f"image-{kind}",
    )
    if ellipses is not None:
        _add_markers(plot, ellipses)
    if kind != "mask":
        plot.add_layout(_color_bar(kind, mapper), "below")
    return ImagePanel(kind, plot, source, mapper)


def _add_markers(plot: figure, ellipses: ColumnDataSource) -> None:
    lines = {"xs": "xs", "ys": "ys"}
    halo = MultiLine(**lines, line_color="#000000", line_width="width", line_alpha=0.35, line_cap="round")
    plot.add_glyph(ellipses, halo, name="ellipse-halo")
    plot.add_glyph(ellipses, MultiLine(**lines, line_color="color", line_width=1.5), name="ellipse")
    cross = Scatter(
        x="x", y="y", marker="cross", size=9, line_color="color", fill_color="color", line_width=1.5
    )
    plot.add_glyph(ellipses, cross, name="center")


def _color_bar(kind: str, mapper: LinearColorMapper) -> ColorBar:
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
        name=f"colorbar-{kind}",
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
