"""Linked image maps that stand on their own: pan, zoom and hover without a server, as in a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from bokeh.layouts import gridplot
from bokeh.models import BasicTicker, ColorBar, HoverTool, LinearColorMapper, Range1d
from bokeh.models.plots import GridPlot
from bokeh.plotting import figure

from dashboard.figures.image import image_columns
from dashboard.figures.limits import display_limits, for_display, reduction
from dashboard.figures.palettes import IMAGE_PALETTES, RESIDUAL_PALETTES

PULL_LIMIT = 4.0
_SOFTENING = 0.05


@dataclass(frozen=True)
class Map:
    """One image: (row, column) ``pixels`` whose first one is ``origin`` (x, y); ``residual`` is in sigma."""

    title: str
    pixels: np.ndarray
    residual: bool = False


def linked_maps(
    maps: Sequence[Map], origin: tuple[int, int], *, columns: int = 3, side: int = 300, most: int = 512
) -> GridPlot:
    """The maps on common ranges. The first that is no residual sets the limits of all that are none.

    Sides above ``most`` pixels are averaged in blocks.
    """
    ny, nx = maps[0].pixels.shape
    x0, y0 = origin
    span = max(nx, ny)
    across = Range1d(x0 - 0.5 + (nx - span) / 2, x0 - 0.5 + (nx + span) / 2)
    up = Range1d(y0 - 0.5 + (ny - span) / 2, y0 - 0.5 + (ny + span) / 2)
    light = next((one.pixels for one in maps if not one.residual), maps[0].pixels)
    low, high = display_limits(light)["99.5 %"]
    stretched = LinearColorMapper(palette=_asinh(IMAGE_PALETTES["viridis"]), low=low, high=high)
    pulls = LinearColorMapper(
        palette=RESIDUAL_PALETTES["blue-red"], low=-PULL_LIMIT, high=PULL_LIMIT, nan_color="#9aa2aa"
    )
    plots = [
        _map(one, (x0, y0), across, up, pulls if one.residual else stretched, side, most) for one in maps
    ]
    grid: GridPlot = gridplot(
        [plots[at : at + columns] for at in range(0, len(plots), columns)],  # type: ignore[arg-type]
        merge_tools=True,
        toolbar_location="right",
        toolbar_options={"logo": None},
    )
    return grid


def _map(
    one: Map,
    origin: tuple[int, int],
    across: Range1d,
    up: Range1d,
    mapper: LinearColorMapper,
    side: int,
    most: int,
) -> figure:
    plot = figure(
        title=one.title,
        name="residual-map" if one.residual else "map",
        width=side,
        height=side + 52,
        x_range=across,
        y_range=up,
        tools="pan,wheel_zoom,box_zoom,reset,save",
        active_scroll="wheel_zoom",
        match_aspect=False,
        min_border=4,
        outline_line_color=None,
        background_fill_color=None,
        border_fill_color=None,
    )
    plot.axis.visible = False
    plot.grid.visible = False
    plot.title.text_font_size = "12px"
    plot.title.text_color = "#7b8691"
    block = reduction(one.pixels.shape, most)
    ny, nx = for_display(one.pixels, block).shape
    columns = {**image_columns(one.pixels, origin)}
    columns |= {"image": [for_display(one.pixels, block)], "dw": [nx * block], "dh": [ny * block]}
    shown = plot.image("image", "x", "y", "dw", "dh", source=columns, color_mapper=mapper)
    unit = " σ" if one.residual else ""
    plot.add_tools(
        HoverTool(
            renderers=[shown],
            tooltips=[("pixel", "$x{0.}, $y{0.}"), ("value", f"@image{{0.0000}}{unit}")],
            point_policy="follow_mouse",
        )
    )
    plot.add_layout(
        ColorBar(
            color_mapper=mapper,
            orientation="horizontal",
            height=7,
            padding=3,
            margin=0,
            label_standoff=3,
            major_label_text_font_size="11px",
            major_label_text_color="#7b8691",
            ticker=BasicTicker(desired_num_ticks=5),
            background_fill_alpha=0,
            bar_line_color=None,
        ),
        "below",
    )
    return plot


def _asinh(palette: Sequence[str]) -> list[str]:
    """The palette bent so that equal steps of light take steps of asinh: the values stay, to be read off."""
    n = 1024
    share = np.arcsinh(np.arange(n) / (n - 1) / _SOFTENING) / np.arcsinh(1 / _SOFTENING)
    return [palette[round(float(one) * (len(palette) - 1))] for one in share]
