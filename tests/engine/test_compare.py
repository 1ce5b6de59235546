"""Comparing fits, against numbers worked out by hand or by another route."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import integrate, stats

import engine
from engine.compare import (
    blame,
    compare,
    criteria,
    deviations,
    difference,
    disagreement,
    finishes,
    pixel_jacobian,
    psis_loo,
    race,
)
from engine.compare.psis import pareto_fit
from engine.compare.race import track
from engine.memory import PeakMemory
from engine.outputs import to_json
from engine.results import FitResult, Status


@pytest.fixture(scope="module")
def problem(device):
    """Two alike Gaussians on a sky, 30 x 24 pixels, with a window so that the origin is not (0, 0)."""
    rng = np.random.default_rng(5)
    blobs = [
        {
            "name": name,
            "model": "sersic",
            "parameters": {
                "center": center,
                "axis_ratio": 0.6,
                "position_angle": angle,
                "n": {"value": 1.0, "fixed": True},
                "radius_e": 3.0,
                "intensity_e": 40.0,
            },
        }
        for name, center, angle in (("one", [9.0, 10.0], 178.0), ("two", [20.0, 14.0], 40.0))
    ]
    scene = [{"name": "sky", "model": "flat sky", "parameters": {"intensity": 5.0}}, *blobs]
    empty = {"name": "r", "data": np.zeros((26, 34)), "sigma": np.ones((26, 34)), "window": [2, 32, 1, 25]}
    model = engine.load({"residua": 1, "images": [empty], "components": scene}).render()
    data = np.zeros((26, 34))
    data[1:25, 2:32] = model + rng.normal(size=model.shape)
    return engine.load({"residua": 1, "images": [{**empty, "data": data}], "components": scene})


@pytest.fixture(scope="module")
def fitted(problem):
    return engine.fit(problem, "lm")


def moved(
    result: FitResult, label: str = "other", status: Status | None = None, **shifts: float
) -> FitResult:
    """The same result with some parameters moved by so many of their sigma; dots are written as two underscores."""
    values = result.values.copy()
    for name, sigmas in shifts.items():
        at = result.names.index(name.replace("__", "."))
        values[at] += sigmas * result.uncertainties[at]
    return replace(
        result,
        values=values,
        all_values={**result.all_values, **dict(zip(result.names, map(float, values), strict=True))},
        status=status or result.status,
        fitter=label,
    )


def drawn(result: FitResult, seed: int = 1, count: int = 2000, **changes) -> FitResult:
    """The same result as a sampler would give it: draws of its Gaussian."""
    draws = np.random.default_rng(seed).multivariate_normal(
        result.values, result.covariance, size=(2, count // 2)
    )
    size = np.full(len(result.names), float(count))
    return replace(result, draws=draws, rhat=np.ones_like(size), ess_bulk=size, ess_tail=size, **changes)


# --- tension


def test_angles_differ_the_nearest_way_round():
    periods = np.array([180.0, 180.0, np.nan])
    np.testing.assert_allclose(
        difference([179.0, 1.0, 179.0], [1.0, 179.0, 1.0], periods), [-2.0, 2.0, 178.0]
    )


def test_tension_is_the_difference_over_the_larger_uncertainty(problem, fitted):
    wide = replace(moved(fitted, two__radius_e=3.0), uncertainties=2 * fitted.uncertainties)
    found = compare(problem, {"lm": fitted, "wide": wide})
    at = found.aligned.names.index("two.radius_e")
    assert found.tension[at, 1, 0] == pytest.approx(1.5)
    assert found.tension[at, 0, 1] == pytest.approx(-1.5)
    others = np.delete(found.tension, at, axis=0)
    np.testing.assert_allclose(others, 0, atol=1e-9)
    assert found.agreement.worst[0, 1] == pytest.approx(1.5)
    assert found.agreement.worst_parameter[0][1] == "two.radius_e"


def test_an_unknown_uncertainty_gives_way_to_the_other(problem, fitted):
    blind = replace(moved(fitted, sky__intensity=2.0), uncertainties=np.full_like(fitted.values, np.nan))
    found = compare(problem, {"lm": fitted, "blind": blind})
    assert found.tension[found.aligned.names.index("sky.intensity"), 1, 0] == pytest.approx(2.0)
    nothing = compare(problem, {"a": blind, "b": blind})
    assert np.isnan(nothing.tension[:, 0, 1]).all()


def test_deviations_from_the_truth(problem, fitted):
    truth = {"sky.intensity": float(fitted.all_values["sky.intensity"]) - 0.1, "nobody.n": 1.0}
    found = compare(problem, {"lm": fitted})
    off = deviations(found.aligned, truth)[0]
    at = found.aligned.names.index("sky.intensity")
    assert off[at] == pytest.approx(0.1 / fitted.uncertainties[fitted.names.index("sky.intensity")])
    assert np.isnan(np.delete(off, at)).all()


# --- overlap


@pytest.mark.parametrize("apart", [0.0, 0.5, 2.0])
def test_overlap_of_two_gaussians_of_the_same_width(problem, fitted, apart):
    found = compare(problem, {"a": fitted, "b": moved(fitted, one__radius_e=apart)})
    at = found.aligned.names.index("one.radius_e")
    assert found.overlap[at, 0, 1] == pytest.approx(2 * stats.norm.cdf(-apart / 2), abs=2e-3)


def test_overlap_of_draws_with_a_wider_gaussian(problem, fitted):
    wide = replace(fitted, uncertainties=2 * fitted.uncertainties)
    found = compare(problem, {"draws": drawn(fitted, count=8000), "wide": wide})
    expected = integrate.quad(
        lambda t: min(stats.norm.pdf(t), stats.norm.pdf(t, scale=2)), -12, 12, limit=200
    )[0]
    at = found.aligned.names.index("two.intensity_e")
    assert found.overlap[at, 0, 1] == pytest.approx(expected, abs=0.03)


def test_overlap_goes_round_the_turn(problem, fitted):
    at = fitted.names.index("one.position_angle")
    values = fitted.values.copy()
    values[at] = 0.3
    low = replace(fitted, values=values)
    values = values.copy()
    values[at] = 179.8
    high = replace(fitted, values=values)
    found = compare(problem, {"low": low, "high": high})
    sigma = fitted.uncertainties[at]
    assert found.overlap[found.aligned.names.index("one.position_angle"), 0, 1] == pytest.approx(
        2 * stats.norm.cdf(-0.5 / (2 * sigma)), abs=2e-3
    )


# --- identical components


def swapped(result: FitResult) -> FitResult:
    names = [name.replace("one.", "#").replace("two.", "one.").replace("#", "two.") for name in result.names]
    order = [names.index(name) for name in result.names]
    return replace(
        result,
        values=result.values[order],
        uncertainties=result.uncertainties[order],
        all_values={
            **result.all_values,
            **dict(zip(result.names, map(float, result.values[order]), strict=True)),
        },
    )


def test_components_found_in_each_others_place_are_compared_crosswise(problem, fitted):
    other = replace(swapped(fitted), chi2=fitted.chi2 + 0.01)
    found = compare(problem, {"lm": fitted, "gradient": other})
    assert found.aligned.swaps == {"gradient": {"one": "two", "two": "one"}}
    np.testing.assert_allclose(found.tension, 0, atol=1e-9)
    assert "gradient found one and two in each other's place" in found.verdict
    assert "lm and gradient agree" in found.verdict


def test_a_far_solution_is_not_taken_for_a_swap(problem, fitted):
    far = moved(fitted, one__center__x=8.0, two__intensity_e=-9.0)
    assert compare(problem, {"lm": fitted, "far": far}).aligned.swaps == {}


# --- the verdict


def test_those_that_agree_are_named_with_the_largest_difference(problem, fitted):
    found = compare(
        problem,
        {
            "LM": fitted,
            "NUTS": drawn(moved(fitted, two__radius_e=0.31)),
            "HMC": moved(fitted, one__radius_e=-0.2),
            "Metropolis": replace(
                moved(fitted, one__radius_e=4.0),
                status=Status.NOT_MIXED,
                rhat=np.full(len(fitted.names), 1.9),
                chi2=fitted.chi2 + 16,
            ),
        },
    )
    assert found.verdict == (
        "LM, NUTS and HMC agree within 0.3 sigma (most apart: two.radius_e). "
        "Metropolis has not converged, R-hat 1.9; it is 4.0 sigma from LM in one.radius_e."
    )
    assert found.agreement.groups == (("LM", "NUTS", "HMC"),)
    assert found.agreement.unfinished == ("Metropolis",)


def test_another_solution_is_told_with_its_height(problem, fitted):
    far = replace(moved(fitted, two__radius_e=6.0), chi2=fitted.chi2 + 36.0)
    found = compare(problem, {"lm": fitted, "nuts": drawn(fitted), "iterative": far})
    assert "lm and nuts agree within 0.05 sigma." in found.verdict
    assert "iterative differs from lm by 6.0 sigma in two.radius_e (chi2 higher by 36)." in found.verdict
    assert found.agreement.groups == (("lm", "nuts"), ("iterative",))


def test_bounds_and_nobody_converged_are_told(problem, fitted):
    bound = replace(fitted, status=Status.AT_BOUND, at_bounds=["two.radius_e"])
    assert "In lm two.radius_e is at its bound" in compare(problem, {"lm": bound, "b": fitted}).verdict
    lost = replace(fitted, status=Status.OUT_OF_STEPS)
    verdict = compare(problem, {"a": lost, "b": replace(fitted, status=Status.CANCELLED)}).verdict
    assert (
        verdict
        == "No run has converged, so there is nothing to rely on yet. a ran out of steps. b was stopped."
    )
    assert compare(problem, {"a": lost, "b": fitted}).verdict == (
        "Only b has converged. a ran out of steps; it is still within 0.05 sigma of b."
    )
    assert compare(problem, {"alone": fitted}).verdict == ""


def test_only_common_parameters_are_compared(problem, fitted):
    fixed = problem.restricted(
        [i for i, name in enumerate(problem.names) if name != "sky.intensity"], problem.values
    )
    fewer = engine.fit(fixed, "lm")
    found = compare({"all": problem, "fewer": fixed}, {"all": fitted, "fewer": fewer})
    assert "sky.intensity" not in found.aligned.names
    assert f"{len(fewer.names)} of {len(fitted.names)} parameters are free in every run" in found.verdict
    assert found.criteria[0].parameters == found.criteria[1].parameters + 1


def test_runs_on_other_pixels_are_refused(problem, fitted):
    other = problem.with_pixels(data=problem.image.data + 1)
    with pytest.raises(
        engine.FitterError, match=r"a and b are of different images\. Compare runs on the same"
    ):
        compare({"a": problem, "b": other}, {"a": fitted, "b": fitted})
    with pytest.raises(engine.FitterError, match="nothing to compare"):
        compare(problem, {})
    with pytest.raises(engine.FitterError, match="no problem for b"):
        compare({"a": problem}, {"a": fitted, "b": fitted})


# --- the race


def runner(seconds, chi2, jacobians=0):
    steps = np.arange(len(chi2), dtype=float)
    return {"step": steps, "seconds": np.array(seconds), "evaluations": steps * 10, "chi2": np.array(chi2)}


def test_medals_go_to_the_first_within_one_of_the_best():
    tracks = {
        "slow": runner([0, 5, 9], [900.0, 500.0, 100.0]),
        "quick": runner([0, 1, 2, 3], [900.0, 101.5, 100.9, 100.5]),
        "never": runner([0, 1], [900.0, 102.0]),
    }
    slow, quick, never = finishes(tracks)
    assert (slow.step, slow.evaluations, slow.seconds) == (2, 20, 9)
    assert (quick.step, quick.evaluations, quick.seconds) == (2, 20, 2)
    assert quick.medals == {"seconds": "gold"}, "both need the same number of steps"
    assert slow.medals == {"seconds": "silver"}
    assert not never.arrived
    assert never.excess == pytest.approx(2.0)
    assert never.medals == {}


def test_a_better_end_moves_the_goal():
    (only,) = finishes({"a": runner([0, 1], [9.0, 7.0])}, ends={"a": 5.0})
    assert not only.arrived
    (only,) = finishes({"a": runner([0, 1], [9.0, 5.5])}, ends={"a": 5.0})
    assert only.step == 1


def test_rows_without_numbers_are_left_out_and_jacobians_count():
    history = {
        "step": [0, 1, None],
        "seconds": [0.0, 0.5, None],
        "evaluations": [0, 2, None],
        "jacobians": [1, 3, None],
        "chi2_dof": [4.0, 2.0, None],
    }
    found = track(history, 10)
    np.testing.assert_array_equal(found["evaluations"], [1, 5])
    np.testing.assert_array_equal(found["chi2"], [40, 20])


def test_the_race_of_real_fits(problem):
    results = {name: engine.fit(problem, name) for name in ("lm", "iterative")}
    first, second = race(results)
    assert first.arrived
    assert second.arrived
    assert first.medals["step"] == "gold"


# --- the disagreement map


def test_disagreement_is_the_scatter_over_the_noise(problem):
    shape = problem.image.shape
    models = {"a": np.zeros(shape), "b": np.full(shape, 3.0), "c": np.full(shape, 3.0)}
    weight = np.full(shape, 4.0)
    weight[2, 5] = 0.0
    found = disagreement(problem.with_pixels(weight=weight), models)
    assert np.isnan(found[2, 5])
    np.testing.assert_allclose(found[weight > 0], math.sqrt(2) * 2)


def test_a_pixel_jacobian_is_the_row_of_the_whole_one(problem, fitted):
    whole = problem.jacobian(fitted.values)
    values = {p.key: fitted.all_values[p.key] for p in problem.parameters}
    row, column = 9, 7
    one = pixel_jacobian(problem, values, row, column)
    owned = [p.key for p in problem.parameters]
    picked = one[[owned.index(name) for name in fitted.names]]
    np.testing.assert_allclose(picked, whole[row * problem.image.shape[1] + column], rtol=1e-9, atol=1e-12)


def test_a_pixel_jacobian_follows_links_and_the_psf():
    blurred = engine.load(engine.example("disk"))
    values = {p.key: p.value for p in blurred.parameters if p.link is None}
    x, step = blurred.values, 1e-4
    row, column = 50, 66
    slopes = dict(zip(values, pixel_jacobian(blurred, values, row, column), strict=True))
    for name in ("disk.center.x", "bulge.radius_e"):
        at = blurred.names.index(name)
        ends = []
        for side in (-1, 1):
            there = x.copy()
            there[at] += side * step
            ends.append(blurred.render(there)[row, column])
        assert slopes[name] == pytest.approx((ends[1] - ends[0]) / (2 * step), rel=1e-3)


def test_blame_finds_the_parameter_that_was_moved(problem, fitted):
    other = moved(fitted, two__radius_e=1.0, sky__intensity=-0.5)
    results = {"lm": fitted, "other": other}
    models = {label: problem.render(result.values) for label, result in results.items()}
    # Full-image pixel (23, 14) is three pixels right of the center of "two".
    found = blame(dict.fromkeys(results, problem), results, models, 23, 14)
    origin = problem.image.origin
    actual = models["other"] - models["lm"]
    assert (found.low, found.high) == (
        ("lm", "other") if actual[14 - origin[1], 23 - origin[0]] > 0 else ("other", "lm")
    )
    assert found.difference == pytest.approx(abs(actual[14 - origin[1], 23 - origin[0]]))
    assert {cause.name for cause in found.causes[:2]} == {"two.radius_e", "sky.intensity"}
    assert sum(cause.contribution for cause in found.causes) + found.remainder == pytest.approx(
        found.difference
    )
    sky = next(cause for cause in found.causes if cause.name == "sky.intensity")
    assert abs(sky.contribution) == pytest.approx(
        0.5 * fitted.uncertainties[fitted.names.index("sky.intensity")]
    )
    assert abs(found.remainder) < 1e-6 * found.difference
    assert found.noise == 1.0


def test_blame_across_models_goes_by_component(problem, fitted):
    fewer = engine.load({**problem.describe(), "components": problem.describe()["components"][:2]})
    other = engine.fit(fewer, "lm")
    problems, results = {"two": problem, "one": fewer}, {"two": fitted, "one": other}
    models = {label: problems[label].render(results[label].values) for label in results}
    found = blame(problems, results, models, 20, 14)
    assert (found.low, found.high) == ("one", "two")
    assert found.causes[0].name == "two"
    assert found.remainder == pytest.approx(0, abs=1e-9)


def test_blame_outside_the_image_is_refused(problem, fitted):
    results = {"a": fitted, "b": fitted}
    models = {label: problem.render(fitted.values) for label in results}
    with pytest.raises(
        engine.FitterError, match=r"Pixel \(0, 0\) lies outside .* columns 2 to 31 and rows 1 to 24"
    ):
        blame(dict.fromkeys(results, problem), results, models, 0, 0)
    with pytest.raises(engine.FitterError, match="takes two runs"):
        blame({"a": problem}, {"a": fitted}, models, 5, 5)


# --- criteria


def test_aic_and_bic_by_hand(problem, fitted):
    (one,) = criteria({"lm": problem}, {"lm": fitted})
    assert one.deviance == pytest.approx(fitted.chi2)
    assert one.aic == pytest.approx(fitted.chi2 + 2 * len(fitted.names))
    assert one.bic == pytest.approx(fitted.chi2 + len(fitted.names) * math.log(30 * 24))
    assert one.loo is None


def test_loo_is_that_of_a_conjugate_gaussian():
    # y ~ N(mu, 1), flat prior: the exact leave-one-out predictive of y_i is N(mean of the others, 1 + 1 / (n - 1)).
    rng = np.random.default_rng(8)
    y = rng.normal(size=40)
    n = len(y)
    mu = rng.normal(y.mean(), n**-0.5, size=4000)
    exact = stats.norm.logpdf(y, (y.sum() - y) / (n - 1), math.sqrt(1 + 1 / (n - 1)))
    found = psis_loo(stats.norm.logpdf(y[None], mu[:, None]))
    np.testing.assert_allclose(found.pointwise, exact, atol=0.01)
    assert found.elpd == pytest.approx(exact.sum(), abs=0.05)
    density = stats.norm.logpdf(y, y.mean(), math.sqrt(1 + 1 / n)).sum()
    assert found.p_loo == pytest.approx(density - exact.sum(), abs=0.1)
    assert found.bad == 0


def test_an_outlier_is_reported_as_not_to_be_relied_on():
    rng = np.random.default_rng(9)
    y = np.append(rng.normal(size=9), 30.0)
    mu = rng.normal(y.mean(), 10**-0.5, size=1000)
    assert psis_loo(stats.norm.logpdf(y[None], mu[:, None])).bad >= 1


@pytest.mark.parametrize("k", [-0.2, 0.3, 0.8])
def test_the_pareto_fit_recovers_the_shape(k):
    sample = np.sort(stats.genpareto.rvs(k, size=(40, 2000), random_state=3), axis=1)
    shapes, scales = pareto_fit(sample)
    # The prior pulls the shape towards 1/2 by 10 of 2010 parts; its standard error is about (1 + k) / sqrt(2000).
    assert shapes.mean() == pytest.approx(k, abs=0.02)
    assert scales.mean() == pytest.approx(1, abs=0.05)


def test_loo_prefers_the_model_with_the_second_galaxy(problem, fitted):
    fewer = engine.load({**problem.describe(), "components": problem.describe()["components"][:2]})
    lone = engine.fit(fewer, "lm")
    found = compare(
        {"two": problem, "one": fewer},
        {"two": drawn(fitted, count=400), "one": drawn(lone, count=400)},
        loo=True,
    )
    two, one = found.criteria
    assert two.loo is not None
    assert one.loo is not None
    assert one.loo > two.loo + 100
    assert (two.loo_se, one.aic > two.aic + 100) == (0.0, True)
    # For a good model and many points LOO and AIC are the same to first order.
    assert two.loo == pytest.approx(two.aic, abs=8)


# --- all of it


def test_the_record_is_strict_json(problem, fitted):
    found = compare(problem, {"lm": fitted, "nuts": drawn(fitted)})
    record = json.loads(to_json(found.record({"sky.intensity": 5.0})))
    assert record["verdict"] == found.verdict
    assert record["labels"] == ["lm", "nuts"]
    sky = next(row for row in record["parameters"] if row["name"] == "sky.intensity")
    assert sky["truth"] == 5.0
    assert len(sky["from_truth"]) == 2
    assert record["costs"][1]["ess"] == 2000
    assert "larger of the two uncertainties" in record["denominator"]


def test_the_peak_of_memory_is_measured_anew_each_time():
    memory = PeakMemory()
    if memory.bytes() is None:
        pytest.skip("this system does not tell")
    block = np.ones(30_000_000)
    del block
    assert memory.bytes() > 200_000_000
    assert PeakMemory().bytes() < 50_000_000
