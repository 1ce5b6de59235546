"""Edits of a description are pure: each returns a new one, and the engine agrees with what it means."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import engine
from dashboard.state import edits


@pytest.fixture
def description() -> dict[str, Any]:
    return {
        "residua": 1,
        "images": [{"name": "r", "data": np.ones((12, 15))}],
        "components": [
            {"name": "sky", "model": "flat sky", "parameters": {"intensity": 1.0}},
            {
                "name": "disk",
                "model": "sersic",
                "parameters": {
                    "center.x": 7.0,
                    "center.y": 5.0,
                    "axis_ratio": 0.5,
                    "position_angle": 30.0,
                    "radius_e": 3.0,
                    "n": {"value": 1.0, "fixed": True},
                    "intensity_e": 10.0,
                },
            },
            {
                "name": "bulge",
                "model": "exponential",
                "parameters": {"center.x": {"link": "disk.center.x"}, "center.y": {"link": "disk.center.y"}},
            },
        ],
    }


def disk(description: dict[str, Any]) -> dict[str, Any]:
    return description["components"][1]["parameters"]


def test_a_value_is_set_and_the_original_stays(description: dict[str, Any]) -> None:
    before = copy.deepcopy(description["components"])
    changed = edits.set_cell(description, "disk.radius_e", "value", " 4.5 ")
    assert disk(changed)["radius_e"] == 4.5
    assert description["components"] == before


def test_a_value_keeps_that_the_parameter_is_fixed(description: dict[str, Any]) -> None:
    assert disk(edits.set_cell(description, "disk.n", "value", "2"))["n"] == {"value": 2.0, "fixed": True}


def test_free_and_fixed_are_set_and_taken_back(description: dict[str, Any]) -> None:
    freed = edits.set_cell(description, "disk.n", "free", True)
    assert disk(freed)["n"] == 1.0
    assert disk(edits.set_cell(freed, "disk.n", "free", False))["n"] == {"value": 1.0, "fixed": True}


def test_bounds_are_set_one_side_at_a_time_and_opened_again(description: dict[str, Any]) -> None:
    lower = edits.set_cell(description, "disk.radius_e", "lower", "2")
    assert disk(lower)["radius_e"] == {"value": 3.0, "bounds": [2.0, None]}
    both = edits.set_cell(lower, "disk.radius_e", "upper", "9")
    assert disk(both)["radius_e"]["bounds"] == [2.0, 9.0]
    opened = edits.set_cell(edits.set_cell(both, "disk.radius_e", "lower", ""), "disk.radius_e", "upper", "")
    assert disk(opened)["radius_e"] == 3.0


@pytest.mark.parametrize("text", ["twelve", "", "1,5", "1e"])
def test_text_that_is_no_number_is_refused(description: dict[str, Any], text: str) -> None:
    with pytest.raises(engine.ParameterError, match=r"disk\.radius_e is .*, which is not a number"):
        edits.set_cell(description, "disk.radius_e", "value", text)


def test_infinity_is_refused(description: dict[str, Any]) -> None:
    with pytest.raises(engine.ParameterError, match="give a finite number"):
        edits.set_cell(description, "disk.radius_e", "value", "inf")


def test_an_unknown_column_is_refused(description: dict[str, Any]) -> None:
    with pytest.raises(engine.ParameterError, match="There is no column 'unit'"):
        edits.set_cell(description, "disk.radius_e", "unit", "1")


def test_a_component_that_is_gone_is_named(description: dict[str, Any]) -> None:
    with pytest.raises(engine.DescriptionError, match="There is no component 'halo' any more"):
        edits.set_cell(description, "halo.n", "value", "1")


def test_new_components_get_free_names(description: dict[str, Any]) -> None:
    once = edits.with_component(description, "sersic", {"center": [3, 4]})
    twice = edits.with_component(once, "sersic", {})
    assert [one["name"] for one in twice["components"]][-2:] == ["galaxy", "galaxy 2"]
    assert edits.with_component(description, "flat sky", {})["components"][-1]["name"] == "sky 2"


def test_links_follow_a_new_name(description: dict[str, Any]) -> None:
    changed = edits.renamed(description, "disk", "thin disk")
    assert changed["components"][2]["parameters"]["center.x"] == {"link": "thin disk.center.x"}
    problem = engine.load(changed)
    assert {p.key: p.value for p in problem.parameters}["bulge.center.x"] == 7.0


def test_a_name_inside_another_name_is_not_followed(description: dict[str, Any]) -> None:
    description["components"][2]["parameters"]["center.x"] = {"link": "old_disk.center.x + disk.center.x"}
    changed = edits.renamed(description, "disk", "thin")
    assert changed["components"][2]["parameters"]["center.x"]["link"] == "old_disk.center.x + thin.center.x"


def test_without_its_partner_a_linked_parameter_keeps_its_value(description: dict[str, Any]) -> None:
    values = {"bulge.center.x": 7.0, "bulge.center.y": 5.0}
    changed = edits.without_component(description, "disk", values)
    assert [one["name"] for one in changed["components"]] == ["sky", "bulge"]
    assert changed["components"][1]["parameters"] == {"center.x": 7.0, "center.y": 5.0}


def test_numbers_of_the_image_come_and_go(description: dict[str, Any]) -> None:
    changed = edits.with_image_number(description, "zero_point", "22.5")
    assert changed["images"][0]["zero_point"] == 22.5
    assert "zero_point" not in edits.with_image_number(changed, "zero_point", " ")["images"][0]
    assert edits.with_image_number(description, "psf_oversampling", "3")["images"][0]["psf_oversampling"] == 3


@pytest.mark.parametrize("text", ["1, 9, 2, 8", "[1 9 2 8]", "1;9;2;8"])
def test_a_window_is_read_as_people_write_it(description: dict[str, Any], text: str) -> None:
    assert edits.with_image_number(description, "window", text)["images"][0]["window"] == [1, 9, 2, 8]


@pytest.mark.parametrize("text", ["1, 9, 2", "a, b, c, d", "1.5, 2, 3, 4"])
def test_a_window_that_is_none_is_refused(description: dict[str, Any], text: str) -> None:
    with pytest.raises(engine.DescriptionError, match="must be four whole numbers"):
        edits.with_image_number(description, "window", text)
