"""The model image over the posterior, and replicated data beside the data."""

from dataclasses import replace

import numpy as np
import pytest
from astropy.io import fits
from scipy.stats import poisson

import engine
from engine.likelihoods import LIKELIHOODS
from engine.render import Accuracy
from engine.samplers.posterior_images import chosen_draws
from tests.engine.scenes import GALAXY, SKY, problem, with_parameters


@pytest.fixture(scope="module")
def sampled(device: str) -> tuple[engine.Problem, engine.FitResult]:
    fitted = problem(psf=True, shape=(30, 34), seed=3)
    return fitted, engine.fit(fitted, "laplace", seed=1, chains=2, draws=200, check=0)


def test_mean_and_spread_are_those_of_the_rendered_draws(sampled):
    fitted, result = sampled
    images = engine.posterior_images(fitted, result, draws=40)
    rendered = np.array([fitted.render(x) for x in chosen_draws(fitted, result, 40)])
    assert images.draws == 40
    # To within the accuracy of either way to render, but far closer than 40 draws tell a spread.
    np.testing.assert_allclose(images.mean, rendered.mean(0), rtol=4 * Accuracy.relative)
    np.testing.assert_allclose(images.sd, rendered.std(0, ddof=1), rtol=0.03)


def test_the_spread_is_what_the_covariance_implies(sampled):
    fitted, result = sampled
    images = engine.posterior_images(fitted, result, draws=400)
    jacobian = fitted.jacobian(result.values)
    expected = np.sqrt(np.einsum("pi,ij,pj->p", jacobian, result.covariance, jacobian))
    ratio = images.sd.ravel() / expected
    assert np.median(ratio) == pytest.approx(1, abs=0.05)
    assert np.all(np.abs(ratio - 1) < 0.3)


def test_random_draws_are_chosen_by_the_generator(sampled, rng):
    fitted, result = sampled
    first, second = (chosen_draws(fitted, result, 30, np.random.default_rng(4)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert len(chosen_draws(fitted, result, 10_000, rng)) == 400


def test_the_right_model_passes_its_check(sampled):
    fitted, result = sampled
    check = engine.predictive_check(fitted, result)
    assert check.message.startswith("Data simulated from the posterior look like the data")
    for figure in (check.chi2, check.neighbors, check.largest):
        assert 0.01 < figure.p_value < 0.99
        assert figure.observed.shape == figure.replicated.shape == (200,)
    # A probability that is right is as often below one value as the next.
    counts = np.histogram(check.above, bins=5, range=(0, 1))[0]
    np.testing.assert_allclose(counts, check.above.size / 5, rtol=0.25)
    again = engine.predictive_check(fitted, result)
    np.testing.assert_array_equal(again.chi2.replicated, check.chi2.replicated)


def test_what_the_model_lacks_is_named():
    second = {**with_parameters(GALAXY, center=[10.0, 22.0], radius_e=3.0, intensity_e=3.0), "name": "second"}
    fitted = problem([GALAXY, SKY], truth=[GALAXY, second, SKY], shape=(30, 34))
    result = engine.fit(fitted, "laplace", seed=1, draws=60, chains=1, check=0)
    check = engine.predictive_check(fitted, result, draws=60)
    assert check.chi2.p_value < 0.01
    assert check.neighbors.p_value < 0.01
    assert "the model lacks structure" in check.message
    # The data are too bright where the second galaxy is.
    assert check.above[22, 10] < 0.01


def test_ignored_pixels_take_no_part(sampled):
    fitted, result = sampled
    weight = np.array(fitted.image.weight)
    weight[5, 7] = 0
    data = np.array(fitted.image.data)
    data[5, 7] = 1e6
    masked = fitted.with_pixels(data=data, weight=weight)
    check = engine.predictive_check(masked, result, draws=50)
    assert np.isnan(check.above[5, 7])
    assert check.largest.observed.max() < 10


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_replicas_follow_their_likelihood(name, rng):
    likelihood = LIKELIHOODS[name]
    model, weight = np.full((200, 200), 6.0), np.full((200, 200), 0.25)
    replica = likelihood.replicate(model, weight, 2.0, rng)
    assert replica.mean() == pytest.approx(6, abs=0.05)
    expected = {"gaussian": 4.0, "poisson": 3.0, "student-t": 4.0 * 5 / 3}[name]
    assert replica.var() == pytest.approx(expected, rel=0.06)
    tail = likelihood.upper_tail(replica, model, weight, 2.0)
    assert tail.mean() == pytest.approx(0.5, abs=0.01)
    assert likelihood.replicate(model, 0 * weight, 2.0, rng) == pytest.approx(model)


def test_the_tail_of_counts_is_that_of_scipy():
    counts = np.array([0.0, 1.0, 5.0, 12.0])
    weight, mean = np.ones(4), np.full(4, 4.0)
    expected = poisson.sf(counts, 4.0) + 0.5 * poisson.pmf(counts, 4.0)
    np.testing.assert_allclose(LIKELIHOODS["poisson"].upper_tail(counts, mean, weight, 1.0), expected)


def test_a_fit_without_draws_or_of_another_problem_is_refused(sampled):
    fitted, result = sampled
    with pytest.raises(engine.FitterError, match=r"lm makes no draws\. Sample the problem"):
        engine.posterior_images(fitted, engine.fit(fitted, "lm"))
    with pytest.raises(engine.FitterError, match="Take the problem that was sampled"):
        engine.predictive_check(fitted, replace(result, names=["other"]))


def test_a_samplers_run_folder_shows_its_mean_and_spread(sampled, tmp_path):
    fitted, result = sampled
    engine.write_run(tmp_path, fitted, result)
    expected = engine.posterior_images(fitted, result)
    with fits.open(tmp_path / "images.fits") as hdus:
        np.testing.assert_allclose(hdus["MODEL_MEAN"].data, expected.mean)
        np.testing.assert_allclose(hdus["MODEL_SD"].data, expected.sd)
        assert hdus["MODEL_SD"].header["NDRAWS"] == 200
