"""The page of a run, bare: what its address says and reproduces, its tables in words, its film, its residual."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

import engine
from dashboard.figures.chains import RANK_BINS, rank_shares, trace_figures
from dashboard.state.film import FilmStrip, brightest
from dashboard.state.run_opening import open_run, views_of
from dashboard.state.run_page import RunState, comparable, overlay_rows, parameter_groups
from dashboard.state.run_tables import (
    diagnostics_table,
    diagnostics_words,
    history_columns,
    option_rows,
    sampler_rows,
    strongest_pairs,
    value_table,
    weakest_direction,
)
from dashboard.store import Run, RunStatus, Store, StoreError
from tests.dashboard.fits import small_project

NAMES = ["sky.intensity", "disk.n", "disk.radius_e", "disk.position_angle"]


def state(**arguments: str) -> RunState:
    made = RunState(NAMES, has_draws=True)
    made.read({key.rstrip("_"): [value.encode()] for key, value in arguments.items()}, ["run1", "run2"])
    return made


def test_an_address_and_the_page_it_describes_are_one() -> None:
    made = state()
    assert made.query() == ""
    assert made.chosen == NAMES
    made.section = "corner"
    made.overlay("run2", True)
    made.choose(["sky.intensity"], False)
    made.pair = ["disk.n", "disk.radius_e"]
    made.frame, made.order = 7, "weakest"
    query = made.query()
    said = dict(part.split("=") for part in query[1:].split("&"))
    again = state(with_=said.pop("with"), **said)
    assert again.query() == query
    assert (again.overlays, again.chosen, again.pair) == (["run2"], NAMES[1:], ["disk.n", "disk.radius_e"])


def test_what_an_address_gets_wrong_is_passed_over() -> None:
    made = state(
        section="admin", with_="nobody,run1", parameters="x", pair="disk.n,disk.n", draw="-3", order="up"
    )
    assert made.query() == "?with=run1"
    assert RunState(NAMES, has_draws=False).sections[1:3] == [
        ("corner", "Corner plot"),
        ("correlations", "Correlations"),
    ]


def test_the_last_parameter_stays() -> None:
    made = state()
    made.choose(NAMES[1:], False)
    made.choose(NAMES[:1], False)
    assert made.chosen == NAMES[:1]
    made.choose(["disk.radius_e"], True)
    assert made.chosen == ["sky.intensity", "disk.radius_e"]


def ended(store: Store, fitter: str, **options: object) -> Run:
    project = store.projects()[0]
    run = store.create_run(project.id, project.description or {}, fitter, {})
    problem = engine.load(store.resolved_description(project))
    result = engine.fit(problem, fitter, seed=1, **options)
    engine.write_run(store.run_folder(run.id), problem, result)
    store.advance_run(run.id, RunStatus.RUNNING)
    facts = {"message": result.message, "converged": result.converged, "chi2_dof": result.chi2_dof}
    found = store.advance_run(run.id, RunStatus.FINISHED, **facts)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, Run, Run]:
    """A store with a run of lm and one of laplace on the same small galaxy."""
    store = Store(tmp_path_factory.mktemp("data") / "data")
    small_project(store)
    return store, ended(store, "lm"), ended(store, "laplace", chains=2, draws=300, check=0)


def test_an_optimizer_opens_as_a_gaussian(runs: tuple[Store, Run, Run]) -> None:
    store, lm, laplace = runs
    opened = open_run(store, lm.id)
    assert [run.id for run in opened.others] == [laplace.id]
    first, second = views_of(store, opened, [laplace.id, "unknown"])
    assert first.draws is None
    assert second.draws is not None
    assert second.draws.shape == (2, 300, len(opened.result.names))
    rows = overlay_rows(opened.others, [laplace.id])
    assert (rows[0]["title"], rows[0]["chosen"]) == ("Laplace approximation", True)
    assert comparable(lm, [lm, laplace]) == [laplace]


def test_values_have_uncertainties_units_and_remarks(runs: tuple[Store, Run, Run]) -> None:
    store, lm, _ = runs
    opened = open_run(store, lm.id)
    n = opened.result.names.index("disk0.n")
    truth = float(opened.result.values[n] - 4 * opened.result.uncertainties[n])
    columns, rows = value_table(opened.problem, opened.result, {"disk0.n": truth})
    assert [one["key"] for one in columns] == ["name", "value", "uncertainty", "unit", "truth", "pull"]
    row = next(row for row in rows if row["name"]["text"] == "disk0 Sersic index n")
    assert row["pull"]["text"] == "+4.0 σ"
    assert row["pull"]["kind"] == "warn"
    assert row["value"]["sort"] == opened.result.values[n]
    groups = parameter_groups(opened.problem, opened.result.names, ["disk0.n"])
    assert [group["name"] for group in groups] == ["sky", "disk0"]
    assert [one["label"] for one in groups[1]["parameters"] if one["chosen"]] == ["n"]


def test_the_weakest_direction_is_the_one_that_the_covariance_says(runs: tuple[Store, Run, Run]) -> None:
    store, lm, _ = runs
    result, labels = open_run(store, lm.id).result, open_run(store, lm.id).labels
    top = strongest_pairs(result, labels)[0]
    matrix = np.abs(result.correlation - np.eye(len(result.names)))
    assert top["size"]["sort"] == pytest.approx(matrix.max())
    assert weakest_direction(result, labels).startswith("Least constrained, in units of the uncertainties: +")
    assert "chi2_dof" in history_columns(result.history)
    assert "step" not in history_columns(result.history)
    assert ("max_steps", "200") in [row[:2] for row in option_rows(result)]


def test_diagnostics_say_what_is_bad(runs: tuple[Store, Run, Run], rng: np.random.Generator) -> None:
    store, _, laplace = runs
    opened = open_run(store, laplace.id)
    rows = diagnostics_table(opened.result, opened.labels)
    assert {row["words"]["kind"] for row in rows} <= {"good", "warn", "bad"}
    assert "2 chains of 300 draws" in diagnostics_words(opened.result, opened.labels)
    worse = dataclasses.replace(
        opened.result,
        rhat=np.where(np.arange(len(opened.result.names)) == 1, 1.3, 1.0),
        ess_bulk=np.full(len(opened.result.names), 1000.0),
        ess_tail=np.full(len(opened.result.names), 1000.0),
        sample_stats={"energy": np.cumsum(rng.normal(size=(2, 300)), axis=1), "diverging": np.ones((2, 300))},
    )
    rows = diagnostics_table(worse, opened.labels)
    assert rows[1]["words"] == {"text": "chains disagree", "kind": "bad"}
    assert rows[0]["words"]["text"] == "good"
    assert diagnostics_words(worse, opened.labels).endswith(
        f"Not to be relied on: {rows[1]['name']['text']}."
    )
    figures = {name: words for name, _, words in sampler_rows(worse)}
    assert figures["E-BFMI"] == "below 0.3 in 2 chains: tails explored slowly"
    assert "crosses" in figures["Divergences"]


def test_the_film_shows_each_draw(runs: tuple[Store, Run, Run]) -> None:
    store, _, laplace = runs
    opened = open_run(store, laplace.id)
    strip = FilmStrip(opened.problem, opened.result)
    assert len(strip) == 200
    number = int(strip.numbers("drawn")[150])
    frame = strip.frame(number)
    assert opened.result.draws is not None
    x = opened.result.draws.reshape(-1, opened.result.draws.shape[-1])[number]
    np.testing.assert_allclose(frame.model, opened.problem.render(x))
    assert frame.chi2_dof * opened.problem.dof == pytest.approx(opened.problem.chi2(x))
    assert strip.words(150, "drawn") == f"chain {number // 300 + 1}, draw {number % 300 + 1}"
    assert sorted(strip.numbers("weakest")) == sorted(strip.numbers("drawn"))
    center, ratio, _ = brightest(opened.problem, opened.result)
    assert center == pytest.approx((24, 24), abs=0.5)
    assert 0 < ratio <= 1
    everything = opened.model_of(np.arange(600))
    np.testing.assert_allclose(everything, opened.problem.render(opened.result.values), rtol=0.05)


def test_chains_that_agree_have_even_ranks(rng: np.random.Generator) -> None:
    draws = rng.normal(size=(4, 500, 3))
    shares = rank_shares(draws)
    assert shares.shape == (4, 3, RANK_BINS)
    np.testing.assert_allclose(shares.sum(axis=-1), 1)
    assert shares.max() < 0.1
    draws[0, :, 1] += 5
    assert rank_shares(draws)[0, 1, -5:].sum() == pytest.approx(1, abs=0.02)
    traces = trace_figures(draws, ["a", "b", "c"])
    points = traces.marks(draws, np.array([503]))  # the second chain's fourth draw
    assert points[:, 0] == pytest.approx(3)
    assert ((points[:, 1] >= [2, 1, 0]) & (points[:, 1] <= [3, 2, 1])).all()


def test_a_run_that_goes_on_has_no_page_of_values(tmp_path: Path) -> None:
    store = Store(tmp_path / "data")
    project = small_project(store)
    run = store.create_run(project.id, project.description or {}, "lm", {})
    with pytest.raises(StoreError, match="Wait for it to end"):
        open_run(store, run.id)
    store.close()
