"""Chains that disagree: other modes, and identical components that swap names."""

from typing import Any

import numpy as np
import pytest

import engine
from engine import Status
from engine.samplers.diagnostics import diagnose
from engine.samplers.modes import identical_components, modes_in_words, relabelled, renamed
from engine.samplers.posterior import posterior
from tests.engine.scenes import GALAXY, SKY, problem, with_parameters

LEFT = with_parameters(
    GALAXY, center=[12.0, 20.0], axis_ratio=0.8, radius_e=3.0, n={"value": 1.0, "fixed": True}
)
RIGHT = {**with_parameters(LEFT, center=[35.0, 20.0]), "name": "twin"}


@pytest.fixture(scope="module")
def twins(device: str) -> engine.Problem:
    return problem([LEFT, RIGHT, SKY])


def around(twins: engine.Problem, rng: np.random.Generator, chains: int = 4, draws: int = 500) -> np.ndarray:
    sigma = np.full(len(twins.values), 0.05)
    return twins.values + sigma * rng.normal(size=(chains, draws, len(sigma)))


def swapped(twins: engine.Problem, draws: np.ndarray) -> np.ndarray:
    names = twins.names
    other = [
        names.index(n.replace("galaxy", "twin") if n.startswith("galaxy") else n.replace("twin", "galaxy"))
        for n in names
    ]
    return draws[..., other]


def words(twins: engine.Problem, draws: np.ndarray) -> str:
    return modes_in_words(twins, draws, diagnose(draws).rhat)


def test_identical_components_are_found(twins):
    assert [[c.name for c in found] for found in identical_components(twins)] == [["galaxy", "twin"]]
    fixed = with_parameters(RIGHT, n={"value": 4.0, "fixed": True})
    assert identical_components(problem([LEFT, {**fixed, "name": "twin"}, SKY])) == []
    linked = {**with_parameters(RIGHT, radius_e={"link": "galaxy.radius_e"}), "name": "twin"}
    assert identical_components(problem([LEFT, linked, SKY])) == []


def test_chains_that_agree_have_one_mode(twins, rng):
    assert words(twins, around(twins, rng)) == ""


def test_a_chain_with_swapped_names_is_recognized_and_sorted_out(twins, rng):
    draws = around(twins, rng)
    mixed = draws.copy()
    mixed[2] = swapped(twins, draws[2])
    said = words(twins, mixed)
    assert "Chain 3 sits in another mode: galaxy and twin swapped" in said
    np.testing.assert_array_equal(relabelled(twins, mixed), draws)
    found = posterior(twins, mixed, {})
    assert found.status is Status.NOT_MIXED
    assert "swapped" in found.message
    assert posterior(twins, mixed, {}, sort_labels=True).status is Status.CONVERGED


def test_names_that_switch_within_a_chain_are_recognized(twins, rng):
    draws = around(twins, rng)
    mixed = draws.copy()
    mixed[0, 400:] = swapped(twins, draws[0, 400:])
    assert "swap names within chain 1" in words(twins, mixed)


def test_another_mode_is_named(twins, rng):
    draws = around(twins, rng)
    draws[3, :, twins.names.index("sky.intensity")] += 2.0
    said = words(twins, draws)
    assert said.startswith("Chain 4 sits in another mode, with another sky.intensity")
    assert "narrow the bounds" in said


FEW: dict[str, dict[str, Any]] = {
    "nuts": {"warmup": 10, "draws": 30},
    "hmc": {"warmup": 10, "draws": 30},
    "ensemble-hmc": {"warmup": 20, "draws": 40},
    "metropolis": {"warmup": 200, "draws": 400},
    "elliptical": {"warmup": 20, "draws": 80},
}


@pytest.mark.parametrize("sampler", FEW)
def test_two_identical_components_are_not_given_a_confident_number(sampler):
    start = [
        with_parameters(LEFT, center=[20.0, 20.0], radius_e=4.0),
        {**with_parameters(RIGHT, center=[26.0, 20.0], radius_e=4.0), "name": "twin"},
        SKY,
    ]
    fitted = problem(start, truth=[LEFT, RIGHT, SKY])
    result = engine.fit(fitted, sampler, start="scattered", seed=2, chains=2, **FEW[sampler])
    assert result.status is Status.NOT_MIXED
    assert "sits in another mode: galaxy and twin swapped" in result.message
    # One of the two runs of lm has lost a component.
    assert any(
        "1 of 2 scattered runs of lm ended where chi2 is so much larger" in note for note in result.notes
    )


def test_a_mode_that_was_not_visited_is_part_of_the_verdict(twins, rng):
    draws = around(twins, rng)
    found = posterior(twins, draws, {})
    assert found.status is Status.ONE_MODE
    assert found.message.startswith("Converged: the chains agree")
    assert found.message.endswith(
        " This is one of 2 modes that differ only in names: galaxy and twin are identical."
    )
    asked = posterior(twins, draws, {}, sort_labels=True)
    assert asked.status is Status.CONVERGED
    assert asked.message == found.message
    np.testing.assert_array_equal(asked.mean, found.mean)
    alone = posterior(problem([LEFT, SKY]), draws[..., : len(problem([LEFT, SKY]).values)], {})
    assert (alone.status, alone.message[:11]) == (Status.CONVERGED, "Converged: ")


@pytest.mark.parametrize(
    ("sampler", "options"),
    [
        ("nuts", {"chains": 2, "warmup": 30, "draws": 80}),
        ("hmc", {"chains": 2, "warmup": 30, "draws": 150}),
        ("ensemble-hmc", {"chains": 6, "warmup": 50, "draws": 80}),
        ("metropolis", {"warmup": 300, "draws": 1000}),
        ("laplace", {"draws": 50, "check": 20}),
    ],
)
def test_chains_that_all_start_in_one_of_two_modes_say_so(sampler, options, tmp_path, monkeypatch):
    # Laxer limits, so that few draws do.
    monkeypatch.setattr("engine.samplers.posterior.RHAT_LIMIT", 1.1)
    monkeypatch.setattr("engine.samplers.posterior.ESS_LIMIT", 50)
    shape = {
        name: {"value": value, "fixed": True} for name, value in (("axis_ratio", 0.8), ("radius_e", 2.0))
    }
    left = with_parameters(LEFT, center=[6.0, 7.0], position_angle={"value": 35.0, "fixed": True}, **shape)
    both = [left, {**with_parameters(left, center=[15.0, 7.0]), "name": "twin"}]
    fitted = problem(both, truth=both, shape=(14, 22))
    result = engine.fit(fitted, sampler, seed=3, **options)
    assert result.status is Status.ONE_MODE, result.message
    assert result.message.startswith("Converged")
    assert "one of 2 modes that differ only in names" in result.message
    assert (result.values[0], result.values[3]) == (pytest.approx(6, abs=0.2), pytest.approx(15, abs=0.2))
    again = engine.read_run(engine.write_run(tmp_path, fitted, result))
    assert (again.status, again.message) == (result.status, result.message)


def test_components_are_renamed_in_every_order(twins):
    x = np.arange(float(len(twins.values)))
    np.testing.assert_array_equal(renamed(twins, x, 0), x)
    np.testing.assert_array_equal(renamed(twins, x, 1), swapped(twins, x[None, None])[0, 0])
    np.testing.assert_array_equal(renamed(twins, x, 2), x)
