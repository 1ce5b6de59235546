"""Profiles around a component against the law that made the image."""

from __future__ import annotations

import numpy as np
import pytest

import engine
from engine.radial import profiles_around, rings_around, surface_brightness


def problem(window: list[int] | None = None) -> engine.Problem:
    disk = {
        "center": [58.3, 41.7],
        "axis_ratio": 0.55,
        "position_angle": 35,
        "radius_e": 6 * 1.67834699,
        "intensity_e": 900 * np.exp(-1.67834699),
    }
    star = {"center": [20, 70], "flux": 50}
    image = {"data": np.zeros((90, 110)), "sigma": 2.0, "psf": np.outer(*2 * [[0.25, 0.5, 0.25]])}
    if window:
        image["window"] = window
    described = {
        "residua": 1,
        "images": [image],
        "components": [
            {"name": "sky", "model": "flat sky", "parameters": {"intensity": 7.0}},
            {"name": "disk", "model": "exponential", "parameters": disk},
            {"name": "star", "model": "point source", "parameters": star},
        ],
    }
    empty = engine.load(described)
    return empty.with_pixels(data=empty.render())


@pytest.mark.parametrize("window", [None, [25, 105, 8, 88]])
def test_rings_follow_the_law_of_the_component_they_are_around(window: list[int] | None) -> None:
    made = problem(window)
    found = profiles_around(made, "disk")
    assert found.rings.component == "disk"
    assert found.rings.center == pytest.approx((58.3 - made.image.origin[0], 41.7 - made.image.origin[1]))
    fair = (found.radius > 4) & (found.radius < 30)
    assert fair.sum() > 8
    law = 900 * np.exp(-found.radius / 6)
    assert found.components["disk"][fair] == pytest.approx(law[fair], rel=0.03)
    assert found.components["sky"] == pytest.approx(7.0)
    assert found.data == pytest.approx(found.model, rel=1e-9)
    assert found.model[fair] == pytest.approx(law[fair] + 7, rel=0.03)
    # An ellipse of semi-major axis r holds pi q r^2 pixels, each known to 2.
    inner = found.radius < 12
    pixels = (2.0 / found.error[inner]) ** 2
    assert pixels.sum() == pytest.approx(np.pi * 0.55 * 12**2, rel=0.05)


def test_without_a_name_the_brightest_is_taken() -> None:
    made = problem()
    values = made.all_values(made.values)
    assert rings_around(made, values).component == "disk"
    assert rings_around(made, values, "sky").component == "disk", "a sky has no center"
    around = rings_around(made, values, "star")
    assert (around.component, around.axis_ratio) == ("star", 1.0)


def test_surface_brightness_is_per_square_arcsec() -> None:
    # 100 units a pixel of 0.5 arcsec are 400 a square arcsec: 25 - 2.5 log10(400).
    found = surface_brightness(np.array([100.0, 0.0, -1.0]), 25.0, 0.5)
    assert found[0] == pytest.approx(25 - 2.5 * np.log10(400))
    assert np.isnan(found[1:]).all()
