"""Levenberg-Marquardt: the seed problem, the real galaxies, and every way to end."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

import engine
from engine import Status
from tests.engine.scenes import GALAXY, SKY, description, problem, with_parameters

CASES = ("decals_r", "ic3478", "ic3478_64", "kids_G265911", "n3073")


@pytest.fixture(scope="module")
def seed_result(device: str) -> tuple[engine.Problem, engine.FitResult]:
    seed = engine.load(engine.example("seed"))
    return seed, engine.fit(seed, "lm")


def test_the_seed_problem_is_solved(seed_result):
    _seed, result = seed_result
    assert len(result.names) == 22
    assert result.dof == 99 * 99 - 22
    assert result.status is Status.CONVERGED, result.message
    assert result.chi2_dof <= 1.0127
    truth = {
        "sersic 0.center.x": 67.94035491,
        "sersic 0.n": 2.14513004,
        "sersic 1.radius_e": 12.095631,
        "sersic 2.intensity_e": 10**2.41520244,
        "sky.intensity": 10**1.5,
    }
    for name, true in truth.items():
        at = result.names.index(name)
        assert abs(result.values[at] - true) < 4 * result.uncertainties[at], name


def test_history_tells_the_cost_of_each_step(seed_result):
    _, result = seed_result
    history = result.history
    assert {"step", "seconds", "evaluations", "jacobians", "chi2_dof", "damping", "accepted"} <= set(history)
    assert len({len(column) for column in history.values()}) == 1
    assert history["chi2_dof"][0] == pytest.approx(275.4, abs=0.1)
    assert history["jacobians"][-1] == result.jacobians
    assert np.all(np.diff(history["chi2_dof"]) <= 0)


def test_a_fit_leaves_its_problem_alone(seed_result):
    seed, _ = seed_result
    before = json.dumps(seed.describe(), default=lambda a: a.tolist())
    engine.fit(seed, "lm", max_steps=3)
    assert json.dumps(seed.describe(), default=lambda a: a.tolist()) == before


def test_the_same_fit_gives_the_same_numbers(seed_result):
    seed, result = seed_result
    np.testing.assert_array_equal(engine.fit(seed, "lm").values, result.values)


@pytest.mark.parametrize("case", CASES)
def test_a_real_galaxy_from_a_click(shared_data: Path, case: str):
    folder = shared_data / "data" / case
    facts = json.loads((folder / "case.json").read_text())
    reference = facts["reference"]["sersic_sky"]
    true, tolerance = reference["params"], reference["tolerance"]
    entry = {"data": "image.fits", "sigma": "sigma.fits", "mask": "mask.fits"}
    if (folder / "psf.fits").exists():
        entry["psf"] = "psf.fits"
    click = [round(true["x0"]), round(true["y0"])]
    fitted = engine.load(
        {
            "residua": 1,
            "images": [entry],
            "components": [
                {"name": "galaxy", "model": "sersic", "parameters": {"center": click}},
                {"name": "sky", "model": "flat sky"},
            ],
        },
        base=folder,
    )
    result = engine.fit(fitted, "lm")
    assert result.status is Status.CONVERGED, result.message
    assert result.dof == reference["dof"]
    assert result.chi2 <= reference["chi2"] * (1 + tolerance["chi2_rel"])
    values, sersic = result.all_values, true["sersic"]
    turn = (values["galaxy.position_angle"] - sersic["pa_y"] + 90) % 180 - 90
    differences = {
        "x0": values["galaxy.center.x"] - true["x0"],
        "y0": values["galaxy.center.y"] - true["y0"],
        "q": values["galaxy.axis_ratio"] - sersic["q"],
        "n": values["galaxy.n"] - sersic["n"],
        "r_e": values["galaxy.radius_e"] - sersic["r_e"],
        "pa_deg": turn,
        "I_e_rel": values["galaxy.intensity_e"] / sersic["I_e"] - 1,
        "sky": values["sky.intensity"] - true["sky"],
    }
    for name, difference in differences.items():
        assert abs(difference) <= tolerance[name], name


def test_without_noise_the_truth_is_found():
    start = with_parameters(
        GALAXY, radius_e=8.0, n=3.0, axis_ratio=0.8, position_angle=60.0, center=[22.0, 19.0]
    )
    result = engine.fit(problem([start, SKY], noise=1e-6), "lm")
    truth = [23.4, 17.8, 0.6, 30.0, 5.0, 1.5, 20.0, 5.0]
    np.testing.assert_allclose(result.values, truth, rtol=1e-5)


def test_uncertainties_are_those_of_the_normal_equations():
    fitted = problem()
    result = engine.fit(fitted, "lm")
    jacobian = fitted.jacobian(result.values)
    weight = fitted.image.weight[fitted.image.weight > 0]
    expected = np.linalg.inv(jacobian.T @ (jacobian * weight[:, None]))
    np.testing.assert_allclose(result.covariance, expected, rtol=1e-5, atol=1e-12)
    np.testing.assert_allclose(np.diag(result.correlation), 1.0)


def test_a_parameter_at_its_bound_is_said_to_be():
    start = with_parameters(GALAXY, n={"value": 1.0, "bounds": [0.5, 1.2]})
    result = engine.fit(problem([start, SKY]), "lm")
    assert result.status is Status.AT_BOUND
    assert not result.converged
    assert result.at_bounds == ["galaxy.n"]
    assert "galaxy.n is at its upper bound 1.2" in result.message
    assert math.isnan(result.uncertainties[result.names.index("galaxy.n")])
    assert np.isfinite(np.delete(result.uncertainties, result.names.index("galaxy.n"))).all()


def test_two_skies_are_degenerate():
    result = engine.fit(problem([GALAXY, SKY, {**SKY, "name": "other sky"}]), "lm")
    assert result.status is Status.DEGENERATE
    assert "sky: intensity; other sky: intensity, which trade off" in result.message


def test_too_few_steps_are_told():
    result = engine.fit(problem([with_parameters(GALAXY, radius_e=9.0), SKY]), "lm", max_steps=1)
    assert result.status is Status.OUT_OF_STEPS


def test_a_cancelled_fit_keeps_its_best_and_goes_on_from_there():
    start = with_parameters(GALAXY, radius_e=12.0, n=4.0, center=[21.0, 20.0])
    fitted = problem([start, SKY])
    seen: list[engine.Step] = []
    stopped = engine.fit(fitted, "lm", on_step=seen.append, should_stop=lambda: len(seen) == 3)
    assert stopped.status is Status.CANCELLED
    assert len(seen) == 3
    assert stopped.chi2 == pytest.approx(seen[-1].chi2)
    resumed = engine.fit(fitted, "lm", resume=seen[-1])
    straight = engine.fit(fitted, "lm")
    assert resumed.status is Status.CONVERGED
    np.testing.assert_allclose(resumed.values, straight.values, rtol=1e-3)
    assert resumed.jacobians < straight.jacobians


def test_nothing_free_is_refused():
    fixed = {name: {"value": value, "fixed": True} for name, value in GALAXY["parameters"].items()}
    with pytest.raises(engine.FitterError, match="free at least one"):
        engine.fit(problem([{**GALAXY, "parameters": fixed}]), "lm")


def test_too_few_pixels_are_refused():
    content = description([GALAXY, SKY], shape=(40, 48))
    mask = np.ones((40, 48))
    mask[16:19, 22:25] = 0
    mask[16, 22] = 1
    content["images"][0]["mask"] = mask
    with pytest.raises(engine.EngineError, match="too few"):
        engine.fit(engine.load(content), "lm")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_step": 5}, "Did you mean max_steps"),
        ({"max_steps": 0}, "must be a whole number at least 1"),
        ({"damping": "much"}, "damping of lm"),
    ],
)
def test_a_wrong_option_is_refused(options, message):
    with pytest.raises(engine.OptionError, match=message):
        engine.fit(problem(), "lm", **options)


def test_an_unknown_fitter_is_refused():
    with pytest.raises(engine.FitterError, match="There is no fitter 'ml'"):
        engine.fit(problem(), "ml")


@pytest.mark.parametrize("likelihood", ["poisson", "student-t"])
def test_other_likelihoods_find_the_galaxy(likelihood, rng):
    content = description([with_parameters(GALAXY, radius_e=7.0), SKY], likelihood=likelihood)
    truth = engine.load(description([GALAXY, SKY])).render()
    if likelihood == "poisson":
        data = rng.poisson(truth).astype(float)
        content["images"][0] |= {"data": data, "sigma": np.sqrt(truth)}
    else:
        data = truth + rng.standard_t(5, size=truth.shape)
        data[5, 5] += 1000.0
        content["images"][0] |= {"data": data}
    result = engine.fit(engine.load(content), "lm")
    assert result.status is Status.CONVERGED, result.message
    expected = np.array([23.4, 17.8, 0.6, 30.0, 5.0, 1.5, 20.0, 5.0])
    assert np.all(np.abs(result.values - expected) < 4.5 * result.uncertainties)


def test_wrong_weights_show_in_the_sandwich():
    content = description([GALAXY, SKY], noise=2.0)
    content["images"][0]["sigma"] = np.full((40, 48), 1.0)
    result = engine.fit(engine.load(content), "lm")
    assert result.chi2_dof == pytest.approx(4, rel=0.15)
    assert any("uncertainties are too small" in note for note in result.notes)
    assert result.robust_uncertainties is not None
    # The noise is twice what the weights say, so is the scatter.
    ratio = np.median(result.robust_uncertainties / result.uncertainties)
    assert 1.5 < ratio < 2.6


def test_a_fit_that_converges_with_its_last_step_has_converged():
    fitted = problem([with_parameters(GALAXY, radius_e=6.0), SKY])
    taken = len(engine.fit(fitted, "lm").history["step"]) - 1
    assert engine.fit(fitted, "lm", max_steps=taken).status is Status.CONVERGED
    assert engine.fit(fitted, "lm", max_steps=taken - 1).status is Status.OUT_OF_STEPS


@pytest.mark.parametrize("axis_ratio", [0.5, 0.95])
@pytest.mark.parametrize("turn", [45.0, 90.0, 120.0])
def test_a_start_a_quarter_turn_off_is_rescued(axis_ratio, turn):
    start = with_parameters(GALAXY, position_angle=30.0 + turn, axis_ratio=axis_ratio)
    result = engine.fit(problem([start, SKY]), "lm")
    assert result.status is Status.CONVERGED, result.message
    assert result.all_values["galaxy.axis_ratio"] == pytest.approx(0.6, abs=0.02)
    assert result.all_values["galaxy.position_angle"] == pytest.approx(30, abs=2)


def test_turning_an_ellipse_over_leaves_the_image_alone():
    fitted = problem()
    x = fitted.values
    over = x.copy()
    over[fitted.names.index("galaxy.axis_ratio")] = 1 / 0.6
    over[fitted.names.index("galaxy.position_angle")] -= 90
    over[fitted.names.index("galaxy.radius_e")] *= 0.6
    np.testing.assert_allclose(fitted.space.fold(over), x)
    np.testing.assert_array_equal(fitted.space.fold(x), x)


def test_a_bounded_axis_ratio_is_not_turned_over():
    start = with_parameters(GALAXY, axis_ratio={"value": 0.4, "bounds": [0.1, 0.5]})
    result = engine.fit(problem([start, SKY]), "lm")
    assert result.at_bounds == ["galaxy.axis_ratio"]
