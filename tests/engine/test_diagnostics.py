"""R-hat, effective sample sizes and energies against ArviZ and against chains whose autocorrelation is known."""

import math

import numpy as np
import pytest

from engine.samplers import diagnostics
from engine.samplers.diagnostics import autocorrelation, bfmi, diagnose, ess_bulk, ess_mean, rhat

# By ArviZ 0.23: R-hat, bulk ESS, tail ESS, Monte Carlo error of the mean; for chains() below, in this order.
REFERENCE = {
    "independent": (0.9997447763924634, 1985.2403185595117, 1969.98387032409, 0.0224656149998069),
    "slow": (1.027469170908624, 122.82214986299789, 243.06702119908846, 0.22283007414005063),
    "antithetic": (1.000772841405111, 5560.475898736147, 1679.4590330704702, 0.015517628286152722),
    "one apart": (1.2260826405422995, 13.42251797319344, 234.02398849870227, 0.3875298260281066),
    "heavy tails": (0.9993071311337226, 1206.627068395055, 1210.678901642746, 0.6038669419679611),
    "one wide": (1.2097468077887208, 610.0816658624515, 29.866276770411428, 0.08157162147619955),
}


def autoregressive(rng: np.random.Generator, phi: float, shape: tuple[int, int]) -> np.ndarray:
    noise = rng.normal(size=shape)
    x = np.empty(shape)
    x[:, 0] = noise[:, 0] / math.sqrt(1 - phi**2)
    for t in range(1, shape[1]):
        x[:, t] = phi * x[:, t - 1] + noise[:, t]
    return x


def chains() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(11)
    return {
        "independent": autoregressive(rng, 0.0, (4, 500)),
        "slow": autoregressive(rng, 0.9, (4, 500)),
        "antithetic": autoregressive(rng, -0.5, (4, 501)),
        "one apart": autoregressive(rng, 0.5, (4, 300)) + np.array([0, 0, 0, 2.0])[:, None],
        "heavy tails": rng.standard_cauchy((3, 400)),
        "one wide": autoregressive(rng, 0.3, (4, 250)) * np.array([1, 1, 1, 4.0])[:, None],
    }


@pytest.mark.parametrize("name", REFERENCE)
def test_figures_are_those_of_arviz(name):
    figures = diagnose(chains()[name][:, :, None])
    expected = REFERENCE[name]
    assert figures.rhat[0] == pytest.approx(expected[0], abs=1e-9)
    # The cut of the autocorrelation differs by one lag at most.
    assert figures.ess_bulk[0] == pytest.approx(expected[1], rel=0.02)
    assert figures.ess_tail[0] == pytest.approx(expected[2], rel=0.03)
    assert figures.mcse[0] == pytest.approx(expected[3], rel=0.02)


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.8, -0.3])
def test_the_effective_size_of_an_autoregressive_chain_is_known(phi, rng):
    draws = autoregressive(rng, phi, (4, 5000))
    expected = draws.size * (1 - phi) / (1 + phi)
    assert ess_mean(draws) == pytest.approx(expected, rel=0.12)
    assert ess_bulk(draws) == pytest.approx(expected, rel=0.12)


def test_autocorrelation_falls_as_it_should(rng):
    lags = autocorrelation(autoregressive(rng, 0.7, (2, 20000)))[:, :4]
    np.testing.assert_allclose(lags, [0.7 ** np.arange(4)] * 2, atol=0.05)


def test_rhat_sees_a_chain_apart_and_a_chain_too_wide():
    assert rhat(chains()["one apart"]) > 1.1
    assert rhat(chains()["one wide"]) > 1.1
    assert rhat(chains()["independent"]) < 1.01


def test_what_cannot_be_told_is_nan():
    assert math.isnan(rhat(np.zeros((4, 100))))
    assert math.isnan(ess_bulk(np.random.default_rng(0).normal(size=(2, 5))))
    assert math.isnan(diagnose(np.full((2, 50, 1), np.nan)).rhat[0])


def test_bfmi_is_about_two_for_independent_energies_and_low_for_a_walk(rng):
    assert bfmi(rng.normal(size=(2, 4000))) == pytest.approx(2.0, abs=0.15)
    walk = np.cumsum(rng.normal(size=(1, 4000)), axis=1)
    assert bfmi(walk)[0] < 0.3
    said = diagnostics.words_of_bfmi(bfmi(walk))
    assert said.startswith("E-BFMI is 0.00, below 0.3, in chain 1")
    assert "warm up for longer" in said
    assert diagnostics.words_of_bfmi(np.array([1.0, 0.9])) == ""
