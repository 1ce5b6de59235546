"""Images that are looked at, not worked on, with a color bar: model of a draw, its residual, scatter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from bokeh.models import (
    ColumnDataSource,
    HoverTool,
    LinearColorMapper,
    PanTool,
    Range1d,
    ResetTool,
    WheelZoomTool,
)
from bokeh.plotting import figure

from dashboard.figures.corner import INK
from dashboard.figures.image import BAR_HEIGHT, BLANK, color_bar, image_columns
from dashboard.figures.palettes import IMAGE_PALETTES, RESIDUAL_PALETTES

BRIGHTNESS = IMAGE_PALETTES["viridis"]
SIGNED = RESIDUAL_PALETTES["blue-red"]
GAMMA = 256
BORDER = 2
# Pixels of a window above which figures grow: on one that is only high, three images side by side could not.
GROWS_ABOVE = 1500, 800


def tall(height: int) -> str:
    """A height in CSS: so many pixels, and more on a large screen."""
    wide, high = (100 * height // size for size in GROWS_ABOVE)
    return f"max({height}px, min({high}vh, {wide}vw))"


@dataclass(frozen=True)
class MapPanel:
    """One image on screen: replace ``source.data``, never the figure, and the zoom stays."""

    figure: figure
    source: ColumnDataSource
    mapper: LinearColorMapper


def shared_ranges(shape: tuple[int, int], origin: tuple[int, int] = (0, 0)) -> tuple[Range1d, Range1d]:
    """Ranges around an image of ``shape``, to be given to maps that move together."""
    return (
        Range1d(origin[0] - 0.5, origin[0] + shape[1] - 0.5),
        Range1d(origin[1] - 0.5, origin[1] + shape[0] - 0.5),
    )


def map_panel(
    kind: str,
    ranges: tuple[Range1d, Range1d],
    palette: list[str] = BRIGHTNESS,
    height: int = 300,
    grows: bool = True,
) -> MapPanel:
    """An empty map; fill its source with :func:`image_columns` and set its mapper's limits.

    One that ``grows`` is to be given the height :func:`tall`.
    """
    pan, wheel = PanTool(), WheelZoomTool(zoom_on_axis=False)
    columns, rows = (one.end - one.start for one in ranges)
    # Pixels stay square on a wide screen.
    inner = f"{tall(height) if grows else f'{height}px'} - {BAR_HEIGHT + 2 * BORDER}px"
    width = f"max(140px, calc(({inner}) * {columns / rows:.6g} + {2 * BORDER}px))"
    plot = figure(
        name=f"map-{kind}",
        x_range=ranges[0],
        y_range=ranges[1],
        tools=[pan, wheel, ResetTool()],
        active_drag=pan,
        active_scroll=wheel,
        toolbar_location=None,
        sizing_mode="stretch_width",
        height=height,
        min_width=140,
        styles={"max-width": width},
        match_aspect=True,
        min_border=BORDER,
        outline_line_color=None,
        background_fill_color=None,
        border_fill_color=None,
    )
    plot.axis.visible = False
    plot.grid.visible = False
    mapper = LinearColorMapper(palette=palette, low=0, high=1, nan_color="#808080")
    source = ColumnDataSource({"image": [BLANK], "x": [-0.5], "y": [-0.5], "dw": [1], "dh": [1]})
    drawn = plot.image(
        "image", "x", "y", "dw", "dh", source=source, color_mapper=mapper, name=f"map-image-{kind}"
    )
    plot.add_tools(HoverTool(renderers=[drawn], tooltips=[("x, y", "$x{0.0}, $y{0.0}"), ("value", "@image")]))
    plot.add_layout(color_bar(mapper, major_label_text_color=INK), "below")
    return MapPanel(plot, source, mapper)


def show(panel: MapPanel, image: np.ndarray, limits: tuple[float, float], origin: tuple[int, int]) -> None:
    """Put pixels on a map, with the values at the ends of its colors."""
    low, high = limits
    panel.mapper.update(low=low, high=high if high > low else low + 1e-12)
    columns: Mapping[str, object] = image_columns(image, origin)
    panel.source.data = dict(columns)
