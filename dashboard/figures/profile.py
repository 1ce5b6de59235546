"""Brightness against radius: data with errors, and the model over it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from bokeh.models import BasicTicker, ColumnDataSource, HoverTool, LogAxis, Range1d, Whisker
from bokeh.plotting import figure

from dashboard.figures.corner import INK
from engine.radial import RadialProfiles, surface_brightness

AXIS = {
    "major_label_text_color": INK,
    "axis_label_text_color": INK,
    "axis_label_text_font_style": "normal",
    "axis_label_text_font_size": "11px",
    "axis_line_color": None,
    "minor_tick_line_color": None,
}


@dataclass(frozen=True)
class ProfileFigure:
    """Replace the sources' data, never the figure."""

    figure: figure
    data: ColumnDataSource
    model: ColumnDataSource


def profile_figure(
    name: str,
    color: str,
    height: int = 240,
    label: str = "flux / pixel",
    log: bool = True,
    names: tuple[str, str] = ("data", "model"),
    log_radius: bool = False,
) -> ProfileFigure:
    """An empty profile; fill the sources with :func:`profile_columns`."""
    plot = figure(
        name=name,
        height=height,
        sizing_mode="stretch_width",
        x_axis_type="log" if log_radius else "linear",
        y_axis_type="log" if log else "linear",
        tools="",
        toolbar_location=None,
        background_fill_color=None,
        border_fill_color=None,
        outline_line_color=None,
        x_axis_label="semi-major axis / pixel",
        y_axis_label=label,
    )
    empty: dict[str, list[float]] = {"x": [], "y": [], "low": [], "high": []}
    data, model = ColumnDataSource(dict(empty)), ColumnDataSource(dict(empty))
    plot.add_layout(
        Whisker(
            base="x", lower="low", upper="high", source=data, line_color=INK, upper_head=None, lower_head=None
        )
    )
    dots = plot.scatter("x", "y", source=data, color=INK, size=4, legend_label=names[0], name="profile-data")
    plot.line("x", "y", source=model, color=color, line_width=2, legend_label=names[1], name="profile-model")
    plot.add_tools(HoverTool(renderers=[dots], tooltips=[("radius", "@x{0.0}"), (names[0], "@y{0.000}")]))
    plot.legend[0].update(
        background_fill_alpha=0.0, border_line_color=None, label_text_color=INK, label_text_font_size="11px"
    )
    for axis in plot.axis:
        axis.update(**AXIS)
    if not log_radius:
        plot.xaxis[0].ticker = BasicTicker(desired_num_ticks=6, num_minor_ticks=0)
    plot.grid.grid_line_alpha = 0.25
    return ProfileFigure(plot, data, model)


def profile_columns(
    radius: np.ndarray, mean: np.ndarray, error: np.ndarray, positive: bool = True
) -> dict[str, np.ndarray]:
    """Columns of a profile; with ``positive``, rings that a logarithmic axis cannot show are left out."""
    kept = mean > 0 if positive else np.isfinite(mean)
    radius, mean, error = radius[kept], mean[kept], error[kept]
    low = np.maximum(mean - error, 0.05 * mean) if positive else mean - error
    return {"x": radius, "y": mean, "low": low, "high": mean + error}


def radial_figure(
    name: str,
    profiles: RadialProfiles,
    colors: Mapping[str, str],
    color: str,
    pixel_scale: float | None = None,
    zero_point: float | None = None,
) -> figure:
    """Data with errors, model and components around a component, against the logarithm of the radius.

    ``colors`` are the components', ``color`` the model's. In mag/arcsec^2 with a zero point and ``pixel_scale``
    (arcsec), else in flux per pixel; a second axis tells arcsec where the pixels are known on the sky.
    """
    magnitudes = zero_point is not None and pixel_scale is not None
    drawn = profile_figure(
        name,
        color,
        label="mag / arcsec²" if magnitudes else "flux / pixel",
        log=not magnitudes,
        log_radius=True,
    )
    plot, radius = drawn.figure, np.maximum(profiles.radius, 0.3)

    def brightness(flux: np.ndarray) -> np.ndarray:
        if zero_point is not None and pixel_scale is not None:
            return surface_brightness(flux, zero_point, pixel_scale)
        return np.where(flux > 0, flux, np.nan)

    for part, flux in profiles.components.items():
        plot.line(
            radius, brightness(flux), color=colors[part], line_width=1.5, line_dash="5 3", name=f"part-{part}"
        )
    seen = profiles.data > 0
    middle = brightness(profiles.data)[seen]
    ends = [
        brightness(np.maximum(profiles.data + sign * profiles.error, 0.05 * profiles.data))[seen]
        for sign in (-1, 1)
    ]
    drawn.data.data = {"x": radius[seen], "y": middle, "low": ends[0], "high": ends[1]}
    total = brightness(profiles.model)
    drawn.model.data = {"x": radius, "y": total, "low": radius, "high": radius}
    if middle.size:
        # Up to the brighter of data and model; down to the data, for a model may end at nothing.
        if magnitudes:
            bright, faint = (
                min(float(middle.min()), float(np.nanmin(total, initial=np.inf))),
                float(middle.max()),
            )
            margin = 0.08 * (faint - bright) + 0.1
            plot.y_range = Range1d(faint + margin, bright - margin)
        else:
            bright, faint = (
                max(float(middle.max()), float(np.nanmax(total, initial=0.0))),
                float(middle.min()),
            )
            plot.y_range = Range1d(faint / 3, bright * (bright / faint) ** 0.08 * 1.2)
    if radius.size:
        ends_x = (0.85 * float(radius.min()), 1.1 * float(radius.max()))
        plot.x_range = Range1d(*ends_x)
        if pixel_scale is not None:
            plot.extra_x_ranges = {"arcsec": Range1d(*(pixel_scale * end for end in ends_x))}
            plot.add_layout(LogAxis(x_range_name="arcsec", axis_label="arcsec", **AXIS), "above")
    return plot
