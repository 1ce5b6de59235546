"""Linked image panels: one Bokeh figure for data, model and residual each, on shared ranges."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from bokeh.models import (
    BasicTicker,
    ColorBar,
    ColumnDataSource,
    CrosshairTool,
    DataRange1d,
    LinearColorMapper,
    PanTool,
    Range1d,
    ResetTool,
    Span,
    TapTool,
    WheelZoomTool,
)
from bokeh.plotting import figure

from dashboard.figures.limits import for_display, reduction

KINDS = ("data", "model", "residual")
BLANK = np.zeros((1, 1), dtype=np.float32)


@dataclass(frozen=True)
class ImagePanel:
    """One image on screen: replace ``source.data``, never the figure, and the zoom stays."""

    kind: str
    figure: figure
    source: ColumnDataSource
    mapper: LinearColorMapper


@dataclass(frozen=True)
class ImagePanels:
    """Data, model and residual with shared ranges, crosshair and component markers."""

    data: ImagePanel
    model: ImagePanel
    residual: ImagePanel
    ellipses: ColumnDataSource
    compass: ColumnDataSource

    def __iter__(self) -> Iterator[ImagePanel]:
        return iter((self.data, self.model, self.residual))


def image_panels() -> ImagePanels:
    """Three empty panels. Fill them with :func:`image_columns`; the viewer's script sets palettes and ranges."""
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
    data, model, residual = (_panel(kind, x_range, y_range, crosshair, ellipses) for kind in KINDS)
    _add_compass(data.figure, compass)
    return ImagePanels(data, model, residual, ellipses, compass)


def image_columns(data: np.ndarray, origin: tuple[int, int] = (0, 0)) -> dict[str, list]:
    """Columns for an :class:`ImagePanel`'s source. Pixel centres lie on integers, row 0 at the bottom.

    ``origin`` is the pixel (x, y) of the full image that ``data[0, 0]`` is. Sides above 2048 are averaged in blocks.
    """
    block = reduction(data.shape)
    small = for_display(data, block)
    ny, nx = small.shape
    return {
        "image": [small],
        "x": [origin[0] - 0.5],
        "y": [origin[1] - 0.5],
        "dw": [nx * block],
        "dh": [ny * block],
    }


def _panel(
    kind: str,
    x_range: Range1d | DataRange1d,
    y_range: Range1d | DataRange1d,
    crosshair: CrosshairTool,
    ellipses: ColumnDataSource,
) -> ImagePanel:
    wheel = WheelZoomTool(zoom_on_axis=False)
    pan = PanTool()
    plot = figure(
        name=f"viewer-{kind}",
        x_range=x_range,
        y_range=y_range,
        tools=[pan, wheel, ResetTool(), TapTool(renderers=[]), crosshair],
        active_drag=pan,
        active_scroll=wheel,
        toolbar_location=None,
        sizing_mode="stretch_both",
        min_width=120,
        min_height=120,
        # BokehJS never clears the outermost half pixel of its canvas: with the frame off the edge nothing stays there.
        min_border=2,
        outline_line_color=None,
        output_backend="canvas",
    )
    plot.axis.visible = False
    plot.grid.visible = False
    mapper = LinearColorMapper(palette=["#000000", "#ffffff"], low=0, high=1, nan_color="#808080")
    source = ColumnDataSource({"image": [BLANK], "x": [-0.5], "y": [-0.5], "dw": [1], "dh": [1]})
    plot.image("image", "x", "y", "dw", "dh", source=source, color_mapper=mapper, name=f"image-{kind}")
    plot.multi_line(
        "xs",
        "ys",
        source=ellipses,
        color="#000000",
        line_width="width",
        alpha=0.35,
        line_cap="round",
        name="ellipse-halo",
    )
    plot.multi_line("xs", "ys", source=ellipses, color="color", line_width=1.5, name="ellipse")
    plot.scatter(
        "x", "y", source=ellipses, marker="cross", size=9, color="color", line_width=1.5, name="center"
    )
    plot.add_layout(
        ColorBar(
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
        ),
        "below",
    )
    return ImagePanel(kind, plot, source, mapper)


def _add_compass(plot: figure, compass: ColumnDataSource) -> None:
    """North and East arrows: white with a dark rim, to be seen on any image."""
    plot.multi_line(
        "xs", "ys", source=compass, color="#000000", line_width=3.5, alpha=0.45, name="compass-halo"
    )
    plot.multi_line("xs", "ys", source=compass, color="#ffffff", line_width=1.5, name="compass")
    plot.text(
        "label_x",
        "label_y",
        text="label",
        source=compass,
        color="#ffffff",
        background_fill_color="#000000",
        background_fill_alpha=0.45,
        padding=2,
        border_radius=3,
        text_align="center",
        text_baseline="middle",
        text_font_size="11px",
        text_font_style="bold",
        name="compass-label",
    )
