"""Figures are made from arrays alone: pixels where they belong, limits that show the data, colours that tell signs."""

from __future__ import annotations

import io

import numpy as np
import pytest
from bokeh.document import Document
from bokeh.plotting import figure
from PIL import Image as Picture

from dashboard.figures.convergence import convergence_curves, log_ticks
from dashboard.figures.image import KINDS, ImagePanels, image_columns
from dashboard.figures.limits import display_limits, for_display, reduction
from dashboard.figures.overlays import Marker, compass_columns, ellipse, marker_columns, sky_grid
from dashboard.figures.palettes import IMAGE_PALETTES, RESIDUAL_PALETTES
from dashboard.figures.thumbnail import data_url, thumbnail


def test_pixel_centers_lie_on_integers_and_row_0_is_the_first() -> None:
    data = np.arange(12.0).reshape(3, 4)
    columns = image_columns(data, origin=(10, 20))
    assert (columns["x"], columns["y"], columns["dw"], columns["dh"]) == ([9.5], [19.5], [4], [3])
    np.testing.assert_array_equal(columns["image"][0], data)


def test_pixels_travel_as_native_float32() -> None:
    sent = for_display(np.arange(6).reshape(2, 3).astype(">f8"))
    assert sent.dtype == np.dtype("=f4")
    assert sent.dtype.isnative
    assert sent.flags.c_contiguous


def test_big_images_are_averaged_and_keep_their_place() -> None:
    data = np.zeros((4100, 3000))
    data[:3, :3] = 9.0
    assert reduction(data.shape) == 3
    columns = image_columns(data)
    assert columns["image"][0].shape == (1366, 1000)
    assert columns["image"][0][0, 0] == 9.0
    assert (columns["dw"], columns["dh"]) == ([3000], [4098])


def test_limits_nest_and_ignore_masked_pixels(rng: np.random.Generator) -> None:
    data = rng.normal(size=(200, 100))
    data[5, 5], data[6, 6] = 1e9, np.nan
    mask = np.zeros(data.shape, dtype=bool)
    mask[5, 5] = True
    limits = display_limits(data, mask)
    assert list(limits) == ["zscale", "99 %", "99.5 %", "99.9 %", "min-max"]
    assert limits["min-max"] == (np.nanmin(data), np.nanmax(data[~mask]))
    widths = [high - low for low, high in (limits[name] for name in ("99 %", "99.5 %", "99.9 %", "min-max"))]
    assert widths == sorted(widths)
    assert limits["99 %"][1] == pytest.approx(2.58, abs=0.15)


@pytest.mark.parametrize("value", [0.0, 7.5, 1e15, -3e-12])
def test_a_constant_image_has_limits_that_differ(value: float) -> None:
    for low, high in display_limits(np.full((20, 20), value)).values():
        assert low < high


def test_nothing_to_see_has_limits_too() -> None:
    assert display_limits(np.full((4, 4), np.nan))["zscale"] == (0.0, 1.0)


@pytest.mark.parametrize(
    ("angle", "tip"),
    [(0, (5, 17)), (90, (-5, 7)), (45, (5 - 10 / np.sqrt(2), 7 + 10 / np.sqrt(2)))],
)
def test_position_angles_turn_from_up_to_the_left(angle: float, tip: tuple[float, float]) -> None:
    xs, ys = ellipse(5, 7, 10, 0.4, angle)
    assert (xs[0], ys[0]) == pytest.approx(tip)
    assert np.hypot(xs - 5, ys - 7).max() == pytest.approx(10)
    assert np.hypot(xs - 5, ys - 7).min() == pytest.approx(4)


def test_a_marker_without_size_has_a_center_only() -> None:
    columns = marker_columns([Marker("star", 3, 4, "#fff"), Marker("disk", 5, 6, "#000", 2, selected=True)])
    assert columns["name"] == ["star", "disk"]
    assert np.isnan(columns["xs"][0]).all()
    assert columns["width"][1] > columns["width"][0]


def test_the_compass_points_north_and_east() -> None:
    columns = compass_columns((100, 100), north=0, east_is_left=True)
    north, east = columns["xs"][0], columns["xs"][1]
    assert columns["label"] == ["N", "E"]
    assert columns["ys"][0][1] > columns["ys"][0][0]
    assert north[1] == pytest.approx(north[0])
    assert east[1] < east[0], "East is left of North on the sky"
    flipped = compass_columns((100, 100), north=0, east_is_left=False)
    assert flipped["xs"][1][1] > flipped["xs"][1][0]


@pytest.mark.parametrize("north", [0, 77, 180, 260])
def test_the_compass_stays_inside_the_image(north: float) -> None:
    columns = compass_columns((80, 120), north, east_is_left=True, origin=(30, 40))
    xs = np.concatenate([*columns["xs"], columns["label_x"]])
    ys = np.concatenate([*columns["ys"], columns["label_y"]])
    assert xs.min() >= 29.5
    assert xs.max() <= 149.5
    assert ys.min() >= 39.5
    assert ys.max() <= 119.5


def test_the_sky_grid_interpolates_across_the_pole() -> None:
    def position(x: float, y: float) -> tuple[float, float]:
        dx, dy = (x - 50) * 1e-3, (y - 50) * 1e-3
        return np.degrees(np.arctan2(dy, dx)) % 360, 90 - np.degrees(np.hypot(np.radians(dx), np.radians(dy)))

    grid = sky_grid(position, (101, 101))
    assert grid is not None
    vectors = np.reshape(grid["vectors"], (grid["n"], grid["n"], 3))
    middle = vectors[grid["n"] // 2, grid["n"] // 2]
    assert np.degrees(np.arccos(np.clip(middle[2], -1, 1))) < 1e-3


def test_without_a_sky_there_is_no_grid() -> None:
    assert sky_grid(lambda x, y: None, (10, 10)) is None


def test_palettes_have_256_colors_and_signs_differ_in_hue() -> None:
    for name, colors in {**IMAGE_PALETTES, **RESIDUAL_PALETTES}.items():
        assert len(colors) == 256, name
        assert all(len(color) == 7 and color.startswith("#") for color in colors), name
    for name in ("blue-red", "purple-orange", "blue-red on black"):
        first, last = (RESIDUAL_PALETTES[name][k] for k in (20, -21))
        red = [int(color[1:3], 16) for color in (first, last)]
        blue = [int(color[5:7], 16) for color in (first, last)]
        assert blue[0] > red[0], f"negative is blue or purple in {name}"
        assert red[1] > blue[1], f"positive is red or orange in {name}"


def test_a_thumbnail_is_a_picture_with_row_0_at_the_bottom() -> None:
    data = np.zeros((30, 40))
    data[:3, :] = 100
    png = thumbnail(data)
    picture = np.asarray(Picture.open(io.BytesIO(png)).convert("RGB")).astype(int).sum(axis=2)
    assert picture.shape == (240, 320)
    assert picture[-1].mean() > picture[0].mean()
    assert data_url(png).startswith("data:image/png;base64,")


def test_a_thumbnail_survives_what_is_not_a_number() -> None:
    data = np.full((10, 10), np.nan)
    assert thumbnail(data, np.isnan(data))


def test_panels_share_their_ranges() -> None:
    panels = ImagePanels()
    first = panels.figure_of("data")
    assert all(
        panels.figure_of(kind).x_range is first.x_range and panels.figure_of(kind).y_range is first.y_range
        for kind in KINDS
        if kind != "psf"
    )
    assert panels.figure_of("psf").x_range is not first.x_range, (
        "a PSF is small, and lies nowhere in the image"
    )
    document = Document()
    for kind in KINDS:
        document.add_root(panels.figure_of(kind))
    document.validate()


def test_what_is_drawn_on_each_panel_is_on_those_that_come_later() -> None:
    panels = ImagePanels()
    early = panels.figure_of("data")
    drawn: list[figure] = []
    panels.on_each(drawn.append)
    assert drawn == [early]
    assert panels.figure_of("data") is early
    late, psf = panels.figure_of("sigma"), panels.figure_of("psf")
    assert drawn == [early, late]
    assert psf not in drawn
    assert set(panels.sources.values()) < set(early.tags), "all pixels travel with the first"


def test_a_curve_of_one_point_has_an_axis_to_read() -> None:
    curves = convergence_curves()
    curves.add("a", {"step": [0], "chi2_dof": [1.0], "seconds": [0.0]}, "#1c93aa", "LM")
    assert curves.figure.x_range.end >= 5
    assert curves.figure.y_range.end / curves.figure.y_range.start > 2
    curves.add(
        "a", {"step": [1, 2], "chi2_dof": [float("nan"), 100.0], "seconds": [0.1, 0.2]}, "#1c93aa", "LM"
    )
    assert curves.figure.y_range.end > 100
    curves.show(
        "a", {"step": [0, None, 2], "chi2_dof": [3.0, 2.0, None], "seconds": [0.0, 0.1, 0.2]}, "#1c93aa", "LM"
    )
    assert list(curves.curves[0].source.data["step"]) == [0], "rows without a number are left out"
    curves.clear()
    assert list(curves.curves[0].source.data["step"]) == []


def test_each_run_has_a_line_in_its_fitters_color() -> None:
    curves = convergence_curves()
    for run, color in (("a", "#111111"), ("b", "#222222"), ("a", "#111111")):
        curves.add(run, {"step": [0], "chi2_dof": [2.0], "seconds": [0.0]}, color, run)
    assert [curve.run for curve in curves.curves] == ["a", "b"]
    assert [len(curve.source.data["step"]) for curve in curves.curves] == [2, 1]
    colors = [line.glyph.line_color for line in curves.figure.renderers]
    assert colors == ["#111111", "#111111", "#222222", "#222222"]
    curves.clear()
    curves.add("c", {"step": [0], "chi2_dof": [2.0], "seconds": [0.0]}, "#333333", "c")
    assert len(curves.curves) == 2, "a line that was emptied is used again"
    assert curves.figure.renderers[0].glyph.line_color == "#333333"


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [(0.5, 2, [0.5, 0.7, 1, 1.5, 2]), (0.9, 300, [1, 10, 100]), (1e-3, 1e12, [1e-3, 10.0, 1e5, 1e9])],
)
def test_a_small_axis_has_few_round_ticks(low: float, high: float, ticks: list[float]) -> None:
    assert log_ticks(low, high)[: len(ticks)] == pytest.approx(ticks)
    assert len(log_ticks(low, high)) <= 6
