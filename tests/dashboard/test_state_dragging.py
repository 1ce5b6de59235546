"""Pulling a component about: which parameters move, what the model is there, and snapping to the optimum."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import engine
from dashboard.state.dragging import MOVING_SIDE, moved, preview, pulled, snapped


@pytest.fixture
def description() -> dict[str, Any]:
    return engine.example("seed")


def test_a_shape_becomes_values_within_bounds(description: dict[str, Any]) -> None:
    problem = engine.load(description)
    shape = {"x": 60.0, "y": 61.0, "radius": 9.0, "axis_ratio": 1.7, "position_angle": 12.0}
    assert pulled(problem, "sersic 0", shape) == {
        "sersic 0.center.x": 60.0,
        "sersic 0.center.y": 61.0,
        "sersic 0.radius_e": 9.0,
        "sersic 0.axis_ratio": 1.0,
        "sersic 0.position_angle": 12.0,
    }
    assert pulled(problem, "sky", shape) == {}


def test_a_linked_center_moves_what_it_is_linked_to(description: dict[str, Any]) -> None:
    parts = description["components"]
    parts[2]["parameters"]["center"] = {"link": "sersic 0.center"}
    parts[3]["parameters"]["radius_e"] = {"link": "0.2 * sersic 0.radius_e"}
    problem = engine.load(description)
    assert pulled(problem, "sersic 1", {"x": 50.0}) == {"sersic 0.center.x": 50.0}
    assert pulled(problem, "sersic 2", {"radius": 5.0}) == {}, "what is worked out from others stays"


def test_the_preview_is_the_model_of_the_edited_description(description: dict[str, Any]) -> None:
    problem = engine.load(description)
    values = pulled(problem, "sersic 0", {"x": 60.0, "radius": 12.0})
    drawn = preview(problem, values)
    edited = engine.load(moved(problem.describe(), values))  # type: ignore[arg-type]
    assert drawn.chi2 == pytest.approx(edited.chi2())
    np.testing.assert_allclose(drawn.model["image"][0], edited.render().astype("f4"), rtol=1e-6)
    assert problem.chi2() != pytest.approx(drawn.chi2), "the problem itself is not changed"


def test_a_large_image_moves_as_a_smaller_picture(rng: np.random.Generator) -> None:
    data = 10 + rng.normal(size=(600, 1100))
    start = {
        "center": [500, 300],
        "axis_ratio": 0.7,
        "position_angle": 10,
        "n": 1,
        "radius_e": 8,
        "intensity_e": 5,
    }
    parts = [{"name": "a", "model": "sersic", "parameters": start}]
    problem = engine.load({"residua": 1, "images": [{"data": data, "sigma": 1.0}], "components": parts})
    drawn = preview(problem, {"a.center.x": 510.0})
    assert max(drawn.model["image"][0].shape) <= MOVING_SIDE
    block = 1100 // drawn.model["image"][0].shape[1]
    assert drawn.model["dw"] == [drawn.model["image"][0].shape[1] * block]


def test_snapping_improves_one_component_and_leaves_the_others(description: dict[str, Any]) -> None:
    problem = engine.load(description)
    values = snapped(problem, "sersic 0")
    assert values
    assert all(key.startswith("sersic 0.") for key in values)
    assert problem.started(values).chi2() < problem.chi2()
    for entry in description["components"][1]["parameters"]:
        parameters = description["components"][1]["parameters"]
        given = parameters[entry]
        parameters[entry] = {"value": given, "fixed": True}
    with pytest.raises(engine.FitterError, match="sersic 0 has no free parameter"):
        snapped(engine.load(description), "sersic 0")
