"""The state behind the page that compares runs, and behind the list of runs, without a browser."""

from __future__ import annotations

from dataclasses import replace

import pytest

import engine
from dashboard.state import run_list
from dashboard.state.compare import (
    CompareState,
    NothingToCompare,
    choice_rows,
    open_runs,
    run_labels,
    table_rows,
)
from dashboard.state.run_all import ALL, run_all_options
from dashboard.store import NotFound, Project, RunStatus, Store, StoreError
from engine import fitters
from tests.dashboard.fits import components, galaxy, project_with, small_project


def finish(store: Store, project: Project, fitter: str, **options: object) -> str:
    """The id of a run of this fitter that has ended."""
    problem = engine.load(store.resolved_description(project))
    run = store.create_run(project.id, project.description or {}, fitter, options)
    store.advance_run(run.id, RunStatus.RUNNING)
    result = engine.fit(problem, fitter, seed=1, **options)
    engine.write_run(store.run_folder(run.id), problem, result)
    facts = {"converged": result.converged, "chi2_dof": result.chi2_dof, "message": result.message}
    store.advance_run(run.id, RunStatus.FINISHED, **facts)
    return run.id


def test_the_address_brings_everything_back():
    state = CompareState(
        runs=["a", "b"], reference="b", axis="step", kind="model", mode="swipe", pixel=[4, 5]
    )
    again = CompareState()
    query = state.query()
    again.read(
        {key: [value.encode()] for key, value in (pair.split("=") for pair in query.lstrip("?").split("&"))}
    )
    names = ("runs", "reference", "axis", "kind", "mode", "pixel")
    assert [getattr(again, name) for name in names] == [getattr(state, name) for name in names]
    assert CompareState(runs=["a"]).query() == "?runs=a"


def test_an_address_that_makes_no_sense_is_passed_over():
    state = CompareState()
    state.read(
        {"axis": [b"<script>"], "kind": [b"\xff"], "pixel": [b"-1,2"], "runs": [b",a,,a,b"], "mode": []}
    )
    assert (state.axis, state.kind, state.pixel, state.runs) == ("seconds", "residual", [], ["a", "b"])


def test_runs_are_taken_in_and_left_out():
    state = CompareState(runs=["a", "b"])
    state.choose("c", True)
    state.choose("a", False)
    assert state.runs == ["b", "c"]


def test_ended_runs_are_opened_and_compared(store):
    project = small_project(store)
    ids = [finish(store, project, "lm"), finish(store, project, "iterative")]
    queued = store.create_run(project.id, project.description, "lm", {})
    found = open_runs(store, [*ids, queued.id])
    assert found.labels == ("LM 1", "Iterative")
    assert found.missing[0][0] == "LM 3"
    assert "Wait for it to end" in found.missing[0][1]
    assert found.comparison.verdict.startswith("LM 1 and Iterative agree within")
    assert found.truths == {}
    scatter = found.disagreement()
    assert scatter is not None
    assert scatter.shape == (48, 48)
    assert scatter.max() < 0.1
    blame = found.blame(24, 24)
    assert blame.difference == pytest.approx(
        sum(cause.contribution for cause in blame.causes) + blame.remainder
    )
    rows = table_rows(found)
    assert {row["name"] for row in rows} == set(found.found[0].result.names)
    assert all(row["tension"][0][0] == 0 for row in rows)


def test_true_values_come_with_examples(services_with_example):
    store, project = services_with_example
    found = open_runs(store, [finish(store, project, "lm")])
    row = next(row for row in table_rows(found) if row["name"] == "sersic 0.n")
    assert row["truth"] == pytest.approx(2.14513004)
    assert abs(row["from_truth"][0]) < 4


@pytest.fixture
def services_with_example(store):
    from dashboard.services import Services

    return store, Services(store, None, None).add_example("seed")


def test_runs_on_other_images_are_refused_in_a_sentence(store):
    one = small_project(store)
    other = project_with(store, galaxy(seed=4), components(48))
    ids = [finish(store, one, "lm"), finish(store, other, "lm")]
    with pytest.raises(NothingToCompare, match="are of different images"):
        open_runs(store, ids)
    with pytest.raises(NothingToCompare, match="Tick two runs"):
        open_runs(store, [])
    with pytest.raises(NothingToCompare, match="There is no such run"):
        open_runs(store, ["nosuchrun123"])


def test_a_fitter_that_comes_twice_is_numbered(store, project):
    ids = [store.create_run(project.id, {}, name, {}).id for name in ("lm", "nuts", "lm")]
    assert list(run_labels(store, ids).values()) == ["LM 1", "NUTS", "LM 3"]
    rows = choice_rows(store.runs(project.id), ids[:1])
    assert [(row["number"], row["title"], row["chosen"], row["word"]) for row in rows] == [
        (3, "LM", False, "waiting"),
        (2, "NUTS", False, "waiting"),
        (1, "LM", True, "waiting"),
    ]


def test_run_all_has_options_that_every_fitter_takes():
    options = run_all_options(100)
    assert tuple(options) == ALL
    for fitter, own in options.items():
        fitters.configured(fitter, own)
    assert options["metropolis"]["draws"] == 1000


# --- the list


@pytest.fixture
def run(store, project):
    run = store.create_run(project.id, {}, "lm", {"max_steps": 3})
    store.advance_run(run.id, RunStatus.RUNNING)
    store.advance_run(run.id, RunStatus.FINISHED, chi2_dof=1.01, converged=True, message="Converged.")
    return run


def test_rows_of_the_list(store, project, run):
    run_list.annotate(store, project.id, run.id, {"tags": ["paper"], "note": "good", "starred": True})
    (row,) = run_list.list_rows(store.runs(project.id))
    assert (row["fitter"], row["status"], row["options"]) == ("LM", "converged", "max_steps=3")
    assert (row["tags"], row["note"], row["starred"], row["chi2_dof"]) == (["paper"], "good", True, 1.01)
    waiting = replace(store.run(run.id), status=RunStatus.QUEUED)
    assert run_list.list_rows([waiting])[0]["status"] == "waiting"


def test_runs_are_deleted_and_brought_back(store, project, run):
    assert run_list.delete(store, project.id, [run.id]) == [run.id]
    assert store.runs(project.id) == []
    run_list.restore(store, project.id, [run.id])
    assert [one.id for one in store.runs(project.id)] == [run.id]
    going = store.create_run(project.id, {}, "nuts", {})
    with pytest.raises(StoreError, match="Cancel it first"):
        run_list.delete(store, project.id, [going.id])


def test_a_page_cannot_touch_runs_of_another_project(store, run):
    other = store.create_project("other")
    for act in (
        lambda: run_list.annotate(store, other.id, run.id, {"starred": True}),
        lambda: run_list.delete(store, other.id, [run.id]),
        lambda: run_list.restore(store, other.id, [run.id]),
    ):
        with pytest.raises(NotFound, match="no such run"):
            act()
