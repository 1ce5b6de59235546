"""The tutorial: its sources, its stored runs, what a reader may change, and its notebooks outside."""

from __future__ import annotations

import json
import re
from typing import Any, TypeGuard

import numpy as np
import pytest

from dashboard.learn.download import as_notebook
from dashboard.learn.execute import Notebook
from dashboard.learn.lesson import LessonError, Text, keys, lesson, parse
from dashboard.learn.stored import RUNS, stored
from dashboard.learn.work import run_cell
from dashboard.reports.markup import markdown, python
from tests.dashboard.notebooks import executed_in_turn

SAMPLED = {"nuts": {"draws": 60, "warmup": 40}, "hmc": {"draws": 60}, "metropolis-hastings": {"draws": 100}}


@pytest.mark.parametrize("key", keys())
def test_a_lesson_is_whole(key: str) -> None:
    page = lesson(key)
    for words in (page.title, page.summary, page.cost):
        assert words.strip()
    assert page.summary.endswith(".")
    assert page.cells
    kept = stored(key)
    assert kept["fingerprint"] == page.fingerprint, f"make tutorials ARGS={key}: its cells were changed since"
    assert list(kept["cells"]) == list(page.cells)
    assert {"residua", "torch", "numpy"} <= set(kept["versions"])
    assert all(one["seed"] == 42 for one in kept["numbers"].values())
    for part in page.parts:
        if isinstance(part, Text):
            html = markdown(part.markdown)
            assert "<code>\\" not in html, "a formula that cannot be read"
            assert ("<math" in html) == ("$" in part.markdown)


def test_the_stored_runs_are_small() -> None:
    assert sum(path.stat().st_size for path in RUNS.rglob("*") if path.is_file()) < 3_000_000


def test_the_comparison_has_a_row_for_each_fitter() -> None:
    (table,) = [one for one in stored("comparison")["cells"]["table"] if one["kind"] == "table"]
    fitters = ["lm", "iterative", "iterative-parameters", "gradient", "nuts", "hmc", "metropolis"]
    assert [row[0] for row in table["rows"]] == fitters
    assert all(float(row[1]) < 1.02 for row in table["rows"])


def test_a_cell_is_run_with_what_it_builds_on() -> None:
    page = lesson("levenberg-marquardt")
    assert [cell.name for cell in page.needed("history")] == ["setup", "fit", "history"]
    assert [cell.name for cell in page.needed("setup")] == ["setup"]


def test_options_come_from_the_fitter() -> None:
    widget = lesson("levenberg-marquardt").widgets["damping"]
    assert (widget.low, widget.high, widget.default) == (0, None, 0.1)
    assert widget.help.startswith("Starting damping")
    assert "at least 0" in widget.range


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("damping", -1, "must be a number, at least 0"),
        ("damping", "__import__('os')", "must be a number, at least 0"),
        ("damping", float("nan"), "must be a number, at least 0"),
        ("damping", "inf", "must be a number, at least 0"),
        ("max_steps", 2.5, "must be a whole number between 1 and 500"),
        ("max_steps", 501, "must be a whole number between 1 and 500"),
        ("lm", 1, "cannot be changed"),
        ("damping = 1; import os #", 1, "cannot be changed"),
    ],
)
def test_only_declared_values_reach_a_cell(variable: str, value: object, sentence: str) -> None:
    page = lesson("levenberg-marquardt")
    with pytest.raises(LessonError, match=sentence):
        page.source(page.cells["fit"], {variable: value})
    with pytest.raises(LessonError, match=sentence):
        run_cell(
            {"lesson": page.key, "cell": "fit", "values": {variable: value}}, lambda _: None, lambda: False
        )


def test_a_choice_is_one_of_its_choices() -> None:
    page = lesson("iterative-models")
    assert 'order = "' not in page.source(page.cells["fit"], {"order": "brightest"})
    assert "order = 'brightest'" in page.source(page.cells["fit"], {"order": "brightest"})
    with pytest.raises(LessonError, match="must be one of listed, brightest, random"):
        page.source(page.cells["fit"], {"order": "x'; import os; '"})


@pytest.mark.parametrize("key", ["../lesson", "no-such", "", "problem/../../x"])
def test_a_page_is_found_by_name_only(key: str) -> None:
    with pytest.raises(LessonError, match="There is no lesson"):
        lesson(key)


def test_a_cell_that_is_not_there_is_refused() -> None:
    with pytest.raises(LessonError, match="has no cell 'nothing'"):
        run_cell({"lesson": "problem", "cell": "nothing", "values": {}}, lambda _: None, lambda: False)


def test_a_run_with_another_damping_has_another_history() -> None:
    events: list[dict[str, object]] = []
    argument = {"lesson": "levenberg-marquardt", "cell": "fit", "values": {"damping": 100}}
    answer = run_cell(argument, events.append, lambda: False)
    stored_text = stored("levenberg-marquardt")["cells"]["fit"][0]["text"]
    assert "chi2/dof 1.0124" in answer["outputs"][0]["text"]
    assert answer["outputs"][0]["text"].splitlines()[2:] != []
    assert stored_text.splitlines()[0] == answer["outputs"][0]["text"].splitlines()[0]
    assert [event["cell"] for event in events if event["type"] == "cell"] == ["setup", "fit"]
    steps = [event for event in events if event["type"] == "step"]
    assert steps[0]["info"]["damping"] == 100
    assert steps[-1]["chi2_dof"] == pytest.approx(1.0124, abs=2e-4)


def test_a_stopped_run_ends_at_its_next_step() -> None:
    events: list[dict[str, object]] = []
    argument = {"lesson": "gradient-descent", "cell": "fit", "values": {}}
    answer = run_cell(argument, events.append, lambda: len(events) > 4)
    assert answer["stopped"]
    assert max(event["number"] for event in events if event["type"] == "step") < 100


def test_an_error_of_a_cell_is_shown_as_its_sentence() -> None:
    shown = Notebook().run("import engine\nengine.example('nothing')")
    assert shown[0]["kind"] == "error"
    assert "There is no example 'nothing'" in shown[0]["text"]


def test_a_lesson_without_front_matter_is_refused() -> None:
    with pytest.raises(LessonError, match="does not start with front matter"):
        parse("x", "# A title\n")


def test_a_widget_that_no_cell_assigns_is_refused() -> None:
    front = "title: t\nsummary: s.\ncost: c\nexample: seed\nwidgets: {damping: lm.damping}\n"
    text = f"---\n{front}---\n\n```python a\nx = 1\n```\n"
    with pytest.raises(LessonError, match="assigns a literal to damping"):
        parse("x", text)


def test_source_is_shown_as_text() -> None:
    assert "<script>" not in python("x = '<script>alert(1)</script>'")


def with_values(text: str, values: dict[str, object]) -> str:
    """A notebook with other literals assigned."""
    book = json.loads(text)
    for cell in book["cells"]:
        source = "".join(cell["source"])
        for name, value in values.items():
            source = re.sub(rf"^{name} = \d+$", f"{name} = {value}", source, flags=re.MULTILINE)
        cell["source"] = source
    return json.dumps(book)


def compare(key: str, found: dict[str, dict[str, object]]) -> None:
    """The notebook's numbers against those that the page shows."""
    shown = stored(key)["numbers"]
    assert set(shown) == set(found)
    for name, expected in shown.items():
        got = found[name]
        assert got["names"] == expected["names"]
        assert got["chi2_dof"] == pytest.approx(expected["chi2_dof"], rel=2e-3 if expected["mcse"] else 2e-4)
        if "not mixed" in (got["status"], expected["status"]) and expected["fitter"] == "metropolis":
            continue  # chains that have not mixed have no mean to compare: that is what the page says of them
        if got["status"] != expected["status"] and not expected["mcse"]:
            pytest.fail(f"{name} ended {got['status']}, and on the page {expected['status']}")
        away = np.abs(np.subtract(np.array(got["values"], float), np.array(expected["values"], float)))
        sigma = np.array(expected["uncertainties"], float)
        if expected["mcse"]:
            allowed = 5 * np.hypot(np.array(got["mcse"], float), np.array(expected["mcse"], float))
        else:
            allowed = 0.15 * sigma
        known = np.isfinite(sigma)
        assert (away[known] < allowed[known]).all(), (name, away / sigma)


QUICK = {"comparison": {"draws": 60}, **SAMPLED}


@pytest.fixture(scope="module")
def outside(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The numbers of the notebooks that were asked for, by lesson; those that sample do it with fewer draws."""
    asked = [item.callspec.params["key"] for item in request.session.items if is_asked(item)]
    texts = [with_values(as_notebook(lesson(key)), QUICK.get(key, {})) for key in asked]
    found = executed_in_turn(texts, tmp_path_factory.mktemp("notebooks"))
    return dict(zip(asked, found, strict=True))


def is_asked(item: pytest.Item) -> TypeGuard[pytest.Function]:
    name = test_every_notebook_gives_outside_what_its_page_shows.__name__
    return isinstance(item, pytest.Function) and item.originalname == name


@pytest.mark.slow
@pytest.mark.parametrize("key", keys())
def test_every_notebook_gives_outside_what_its_page_shows(key: str, outside: dict[str, Any]) -> None:
    compare(key, outside[key])
