"""The workbench's state, bare: edits, undo, refusals, and when uncertainties belong to the values on screen."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

import engine
from dashboard.state import edits
from dashboard.state.history import DEPTH, History
from dashboard.state.table import component_rows, markers, nearest, on_the_sky, parameter_rows
from dashboard.state.workbench import Opened, Workbench, adopted, written_out
from engine.outputs import plain, result_record

COLORS = ("#111111", "#222222")


def open_description(description: Mapping[str, Any]) -> Opened:
    problem = engine.load(description)
    return Opened(problem.image, problem, tuple(problem.notices))


@pytest.fixture
def state() -> Workbench:
    workbench = Workbench(open_description)
    workbench.edit(engine.example("seed"))
    return workbench


@pytest.fixture
def fitted(state: Workbench) -> tuple[Workbench, dict[str, Any]]:
    assert state.opened.problem is not None
    problem = state.opened.problem
    outcome = engine.fit(problem, "lm")
    record = {
        **result_record(problem, outcome),
        "description": plain({"components": problem.describe(outcome.values)["components"]}),
    }
    return state, json.loads(json.dumps(record))


def test_an_edit_is_kept_and_can_be_undone_and_redone(state: Workbench) -> None:
    before = state.description
    state.edit(edits.set_cell(before, "sersic 0.n", "value", "3"))
    after = state.description
    target = state.undo_target()
    assert target is not None
    state.travel(target[0], state.prepare(target[0]), target[1])
    assert state.description["components"] == before["components"]
    target = state.redo_target()
    assert target is not None
    state.travel(target[0], state.prepare(target[0]), target[1])
    assert state.description["components"] == after["components"]
    assert state.redo_target() is None


def test_a_refused_edit_changes_nothing(state: Workbench) -> None:
    before, opened, history = state.description, state.opened, state.history
    with pytest.raises(engine.ParameterError, match=r"sersic 0\.axis_ratio is 1\.5, but must lie in"):
        state.edit(edits.set_cell(before, "sersic 0.axis_ratio", "value", "1.5"))
    assert state.description is before
    assert state.opened is opened
    assert state.history is history


def test_what_was_left_out_is_written_out(state: Workbench) -> None:
    state.edit(edits.with_component(state.description, "exponential", {"center": [20, 70]}))
    written = state.description["components"][-1]["parameters"]
    assert written["center.x"] == 20
    assert set(written) == {spec.name for spec in engine.load(state.description).components[-1].model.specs}


def test_the_selection_ends_with_its_component(state: Workbench) -> None:
    state.selected = "sersic 1"
    state.edit(edits.without_component(state.description, "sersic 0", {}))
    assert state.selected == "sersic 1"
    state.edit(edits.without_component(state.description, "sersic 1", {}))
    assert state.selected == ""


def test_uncertainties_belong_to_the_fitted_values_only(fitted: tuple[Workbench, dict[str, Any]]) -> None:
    state, result = fitted
    state.result = result
    assert state.uncertainties == {}, "the start values have no uncertainties"
    state.edit(adopted(state.description, result))
    assert state.result_is_current
    assert state.uncertainties["sersic 0.n"] == pytest.approx(0.0046, rel=0.05)
    state.edit(edits.set_cell(state.description, "sersic 0.n", "free", False))
    assert state.uncertainties == {}, "fixing a parameter changes what the others' uncertainties are"


def test_runs_under_way_say_that_a_fit_runs(state: Workbench) -> None:
    assert not state.running
    state.active = {"x": {"id": "x", "status": "queued", "message": ""}}
    assert state.running
    state.active = {}
    assert not state.running


def test_without_components_nothing_is_written_out() -> None:
    assert written_out({"images": []}, Opened()) == {"images": []}


def test_history_is_bounded_and_a_new_edit_ends_redo() -> None:
    history = History()
    for number in range(DEPTH + 20):
        history = history.record({"number": number})
    assert len(history.past) == DEPTH
    description, history = history.undo({"number": "now"})
    assert description == {"number": DEPTH + 19}
    assert history.future == ({"number": "now"},)
    assert history.record(description).future == ()


def test_rows_tell_value_bounds_and_remarks(state: Workbench) -> None:
    state.edit(edits.set_cell(state.description, "sersic 1.n", "free", False))
    rows = {
        row["key"]: row
        for row in parameter_rows(
            state.opened.problem,
            selected="sersic 1",
            colors=COLORS,
            uncertainties={"sersic 0.n": 0.1, "sersic 0.axis_ratio": float("nan")},
            at_bounds=["sersic 0.axis_ratio"],
        )
    }
    assert rows["sersic 0.n"]["uncertainty"] == 0.1
    assert rows["sersic 0.axis_ratio"]["uncertainty"] is None
    assert rows["sersic 0.axis_ratio"]["remark"] == "at its bound"
    assert rows["sersic 1.n"]["free"] is False
    assert rows["sersic 1.n"]["remark"] == "fixed"
    assert rows["sersic 1.n"]["selected"] is True
    assert rows["sky.intensity"]["lower"] is None
    json.dumps(list(rows.values()), allow_nan=False)


def test_rows_of_a_linked_parameter_show_its_link(state: Workbench) -> None:
    description = edits.renamed(state.description, "sersic 2", "bulge")
    description["components"][-1]["parameters"]["center.x"] = {"link": "sersic 1.center.x"}
    state.edit(description)
    rows = parameter_rows(state.opened.problem, colors=COLORS, uncertainties={})
    row = next(row for row in rows if row["key"] == "bulge.center.x")
    assert row["link"] == "sersic 1.center.x"
    assert row["remark"] == "= sersic 1.center.x"
    assert row["free"] is False


def test_components_keep_their_color_in_list_and_image(state: Workbench) -> None:
    listed = component_rows(state.opened.problem, "sersic 0", COLORS)
    assert [one["color"] for one in listed] == ["#111111", "#222222", "#111111", "#222222"]
    drawn = markers(state.opened.problem, "sersic 0", COLORS)
    assert [one.name for one in drawn] == ["sersic 0", "sersic 1", "sersic 2"], "a sky has no place"
    assert [one.color for one in drawn] == ["#222222", "#111111", "#222222"]
    assert [one.selected for one in drawn] == [True, False, False]
    assert drawn[0].radius == 25


def test_the_nearest_center_is_found_within_reach(state: Workbench) -> None:
    drawn = markers(state.opened.problem, "", COLORS)
    assert nearest(drawn, 66.0, 66.0, 3) == "sersic 0"
    assert nearest(drawn, 90.0, 90.0, 3) == ""
    assert nearest([], 0, 0, 3) == ""


def test_empty_state_has_no_rows() -> None:
    assert parameter_rows(None, colors=COLORS, uncertainties={}) == []
    assert component_rows(None, "", COLORS) == []
    assert markers(None, "", COLORS) == []


def test_with_wcs_and_zero_point_the_table_speaks_of_the_sky() -> None:
    header = fits.Header()
    header.update(
        CTYPE1="RA---TAN", CTYPE2="DEC--TAN", CRVAL1=150.0, CRVAL2=2.0, CRPIX1=21.0, CRPIX2=16.0,
        CD1_1=-0.2 / 3600, CD1_2=0.0, CD2_1=0.0, CD2_2=0.2 / 3600,
    )  # fmt: skip
    problem = engine.load(
        {
            "residua": 1,
            "images": [{"data": np.ones((30, 40)), "sigma": np.ones((30, 40)), "zero_point": 25.0}],
            "components": [
                {
                    "name": "disk",
                    "model": "sersic",
                    "parameters": {
                        "center": [20, 15], "axis_ratio": 0.5, "position_angle": 30,
                        "radius_e": 4, "n": 1, "intensity_e": 10,
                    },
                }
            ],
        }
    )  # fmt: skip
    assert on_the_sky(problem) == {}, "arrays have no WCS, and surface brightness needs a scale"
    object.__setattr__(problem.image, "wcs", WCS(header))
    texts = on_the_sky(problem)
    assert texts["disk.center.x"] == "RA 10:00:00.00"
    assert texts["disk.center.y"] == "Dec +02:00:00.0"
    assert texts["disk.radius_e"] == "0.8″"
    assert texts["disk.position_angle"] == "30.00° E of N"
    assert texts["disk.intensity_e"] == f"{25 - 2.5 + 5 * np.log10(0.2):.3f} mag/arcsec²"
    assert "disk.n" not in texts
