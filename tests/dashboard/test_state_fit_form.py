"""The form of a fitter is its declaration: fields, limits, help and refusals come from the engine."""

from __future__ import annotations

import json

import pytest

from dashboard.state.fit_form import FitForm
from engine import fitters


def test_every_fitter_has_a_form_that_the_browser_can_be_sent() -> None:
    form = FitForm()
    for title, key in form.titles().items():
        form.fitter = key
        rows = form.rows()
        assert [row["name"] for row in rows] == fitters.registry()[key].option_names()
        assert all(row["help"] for row in rows), f"{title} has an option without an explanation"
        json.dumps(rows, allow_nan=False)


def test_what_is_typed_becomes_an_option() -> None:
    form = FitForm()
    assert form.set("max_steps", "50")
    assert form.set("tolerance", "1e-6")
    assert form.options() == {"max_steps": 50, "tolerance": 1e-6}
    assert {row["name"]: row["value"] for row in form.rows()}["tolerance"] == "1e-06"


def test_the_default_is_no_option() -> None:
    form = FitForm()
    form.set("max_steps", "50")
    assert form.set("max_steps", "")
    assert form.options() == {}
    form.set("max_steps", str(fitters.registry()["lm"].param["max_steps"].default))
    assert form.options() == {}


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
    assert form.options() == {"max_steps": 50}
    assert form.set("max_steps", "60")
    assert form.error == ""


def test_each_fitter_keeps_its_options() -> None:
    form = FitForm()
    form.set("max_steps", "50")
    form.use("lm", {"max_steps": 7})
    assert form.options() == {"max_steps": 7}
    form.use("no such fitter", {})
    assert form.fitter == "lm"
