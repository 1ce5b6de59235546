"""The form of a fitter is its declaration: fields, limits, help and refusals come from the engine."""

from __future__ import annotations

import json

import pytest

from dashboard.state.fit_form import CHAIN, COMPARED, FitForm
from engine import fitters


def options(form: FitForm) -> dict[str, object]:
    return form.request(form.fitter)[1]


def test_every_fitter_has_a_form_that_the_browser_can_be_sent() -> None:
    form = FitForm()
    for key, title in form.titles().items():
        if key == CHAIN:
            continue
        form.fitter = key
        rows = form.rows()
        assert [row["name"] for row in rows] == fitters.registry()[key].option_names()
        assert all(row["help"] for row in rows), f"{title} has an option without an explanation"
        json.dumps(rows, allow_nan=False)


def test_what_is_typed_becomes_an_option() -> None:
    form = FitForm()
    assert form.set("max_steps", "50")
    assert form.set("tolerance", "1e-6")
    assert options(form) == {"max_steps": 50, "tolerance": 1e-6}
    assert {row["name"]: row["value"] for row in form.rows()}["tolerance"] == "1e-06"


def test_the_default_is_no_option() -> None:
    form = FitForm()
    form.set("max_steps", "50")
    assert form.set("max_steps", "")
    assert options(form) == {}
    form.set("max_steps", str(fitters.registry()["lm"].param["max_steps"].default))
    assert options(form) == {}


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("0", "max_steps of lm is 0"),
        ("1.5", "max_steps of lm is 1.5"),
        ("many", "max_steps is 'many', but must be a number"),
    ],
)
def test_what_the_engine_refuses_is_not_kept(typed: str, sentence: str) -> None:
    form = FitForm()
    form.set("max_steps", "50")
    assert not form.set("max_steps", typed)
    assert sentence in form.error
    assert options(form) == {"max_steps": 50}
    assert form.set("max_steps", "60")
    assert form.error == ""


def test_each_fitter_keeps_its_options() -> None:
    form = FitForm()
    form.set("max_steps", "50")
    form.use("lm", {"max_steps": 7})
    assert options(form) == {"max_steps": 7}
    form.use("no such fitter", {})
    assert form.fitter == "lm"


def test_ticked_fitters_are_asked_for_in_the_order_of_the_list_with_their_own_options() -> None:
    form = FitForm()
    form.tick("nuts", True)
    assert form.fitter == "nuts", "a ticked fitter opens"
    form.set("draws", "50")
    form.tick("gradient", True)
    assert form.chosen() == [("lm", {}), ("gradient", {}), ("nuts", {"draws": 50})]
    form.tick("lm", False)
    assert [fitter for fitter, _ in form.chosen()] == ["gradient", "nuts"]


def test_the_comparison_takes_its_seven_fitters_whatever_is_ticked() -> None:
    form = FitForm()
    form.tick("lm", False)
    assert [fitter for fitter, _ in form.compared()] == list(COMPARED)


def test_a_chain_is_asked_for_by_its_members_and_comes_back_from_a_run() -> None:
    form = FitForm()
    form.param.update(fitter="gradient")
    form.set("max_steps", "20")
    form.tick("lm", False)
    form.tick(CHAIN, True)
    assert form.chosen() == [("gradient+lm", {"gradient": {"max_steps": 20}})]
    fitters.configured(*form.chosen()[0])
    form.set_member(0, "iterative")
    assert form.chosen()[0][0] == "iterative+lm"
    form.use("gradient+lm", {"gradient": {"max_steps": 7}})
    assert form.ticked == [CHAIN]
    assert form.chosen() == [("gradient+lm", {"gradient": {"max_steps": 7}})]
    assert form.title_of("gradient+lm") == "Gradient descent, then Levenberg-Marquardt"


def test_the_fitters_of_several_runs_are_ticked_again_with_their_options() -> None:
    form = FitForm()
    form.use_all([("nuts", {"draws": 60}), ("gone", {}), ("lm", {}), ("nuts", {"draws": 10})])
    assert form.ticked == ["lm", "nuts"]
    assert form.fitter == "nuts"
    assert dict(form.chosen()) == {"lm": {}, "nuts": {"draws": 60}}
    form.use_all([])
    assert form.ticked == ["lm", "nuts"]


def test_devices_are_those_that_workers_have():
    form = FitForm()
    assert [one["label"] for one in form.devices()] == ["CPU"]
    form.compute_on("cuda", "float32")
    assert form.device == "auto"
    form.has_gpu = True
    assert [one["value"] for one in form.devices()] == ["auto", "cpu", "cuda"]
    form.compute_on("cuda", "float32")
    assert (form.device, form.precision) == ("cuda", "float32")
    asked = form.on_computer({"residua": 1, "device": "cuda:1"})
    assert asked == {"residua": 1, "precision": "float32"}
    form.compute_on("cpu", "float64")
    assert form.on_computer(asked) == {"residua": 1}
    form.follow({"device": "cuda:1", "precision": "float32"})
    assert (form.device, form.precision) == ("cuda", "float32")
    form = FitForm()
    form.follow({"device": "cuda", "precision": "float32"})
    assert (form.device, form.precision) == ("auto", "float32"), "what is not there is not chosen"
