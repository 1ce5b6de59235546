"""Every sampler: the posterior it should draw, by quadrature; and what each promises alone."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import xarray

import engine
from engine import Status
from engine.fitters import registry
from engine.parameters.transform import Slopes, Transform
from engine.samplers.diagnostics import bfmi
from tests.engine.scenes import problem

CHAINS = ["nuts", "hmc", "ensemble-hmc", "metropolis", "elliptical"]
SAMPLERS = [*CHAINS, "laplace", "svi"]
FEW: dict[str, dict[str, Any]] = {
    "nuts": {"warmup": 60, "draws": 120, "chains": 2},
    "hmc": {"warmup": 60, "draws": 120, "chains": 2},
    "ensemble-hmc": {"warmup": 60, "draws": 120, "chains": 2},
    "metropolis": {"warmup": 300, "draws": 600, "chains": 2},
    "elliptical": {"warmup": 30, "draws": 300, "chains": 2},
    "laplace": {"draws": 300, "chains": 2, "check": 50},
    "svi": {"draws": 300, "chains": 2, "check": 50, "steps": 60},
}
SHAPE = (20, 22)


def galaxy(**free: Any) -> dict[str, Any]:
    """A small round galaxy of which only the named parameters are free."""
    parameters: dict[str, Any] = {
        "center": {"value": [10.3, 9.6], "fixed": True},
        "axis_ratio": 0.97,
        "position_angle": 30.0,
        "radius_e": 3.0,
        "n": 1.0,
        "intensity_e": 10.0,
    }
    fixed = {
        key: value if key == "center" else {"value": value, "fixed": True}
        for key, value in parameters.items()
    }
    return {"name": "galaxy", "model": "sersic", "parameters": {**fixed, **free}}


def at_a_bound() -> engine.Problem:
    """One free parameter, the axis ratio, whose posterior is cut off at 1."""
    sky = {"name": "sky", "model": "flat sky", "parameters": {"intensity": {"value": 1.0, "fixed": True}}}
    truth = galaxy(axis_ratio={"value": 1.0, "fixed": True})
    return problem([galaxy(axis_ratio=0.95), sky], truth=[truth, sky], shape=SHAPE, noise=2.0, seed=3)


def gentle() -> engine.Problem:
    """Three free parameters, all well measured."""
    sky = {"name": "sky", "model": "flat sky", "parameters": {"intensity": 1.0}}
    shown = galaxy(intensity_e=9.0, radius_e=3.2)
    return problem([shown, sky], truth=[galaxy(), sky], shape=SHAPE, noise=0.5, seed=4)


def by_quadrature(fitted: engine.Problem, low: float, high: float) -> tuple[float, float]:
    """Mean and sigma of a posterior of one parameter between bounds, flat prior."""
    points, weights = np.polynomial.legendre.leggauss(80)
    x = low + (high - low) * (points + 1) / 2
    cost = np.array([fitted.cost(np.array([value]))[0] for value in x])
    mass = weights * np.exp(-0.5 * (cost - cost.min()))
    mean = float(mass @ x / mass.sum())
    return mean, math.sqrt(float(mass @ (x - mean) ** 2 / mass.sum()))


@pytest.fixture(scope="module")
def runs(device: str) -> dict[str, engine.FitResult]:
    fitted = gentle()
    return {name: engine.fit(fitted, name, seed=7, **FEW[name]) for name in SAMPLERS}


@pytest.fixture(scope="module")
def best(device: str) -> engine.FitResult:
    return engine.fit(gentle(), "lm")


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_sampler_returns_draws_with_their_figures(name, runs, best):
    result = runs[name]
    chains, draws = FEW[name]["chains"], FEW[name]["draws"]
    assert result.draws is not None
    assert result.draws.shape == (chains, draws, 3)
    for figures in (result.rhat, result.ess_bulk, result.ess_tail, result.mcse):
        assert figures is not None
        assert figures.shape == (3,)
        assert np.all(figures > 0)
    flat = result.draws.reshape(-1, 3)
    np.testing.assert_allclose(result.values, flat.mean(axis=0))
    np.testing.assert_allclose(result.uncertainties, flat.std(axis=0, ddof=1))
    np.testing.assert_allclose(result.covariance, np.cov(flat.T))
    for values in result.sample_stats.values():
        assert values.shape == (chains, draws)
        assert np.isfinite(values).all()
    # The likelihood is almost Gaussian here, so lm knows the posterior.
    assert np.all(np.abs(result.values - best.values) < 5 * result.mcse + 0.1 * best.uncertainties)
    spread = result.uncertainties / best.uncertainties
    assert np.all(np.abs(spread - 1) < 0.1 + 4 / np.sqrt(2 * result.ess_bulk))
    assert result.chi2 == pytest.approx(best.chi2, abs=1.0)


@pytest.mark.parametrize("name", SAMPLERS)
def test_the_same_seed_gives_the_same_draws_and_leaves_torch_alone(name, runs):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    few = {**FEW[name], "draws": 20, **({"warmup": 15} if name in CHAINS else {})}
    first, second = (engine.fit(gentle(), name, seed=7, **few) for _ in range(2))
    np.testing.assert_array_equal(first.draws, second.draws)
    other = engine.fit(gentle(), name, seed=8, **few)
    assert not np.array_equal(first.draws, other.draws)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("name", ["nuts", "ensemble-hmc", "metropolis", "elliptical", "laplace"])
def test_a_flat_prior_stays_flat_near_a_bound(name):
    fitted = at_a_bound()
    options = {
        "nuts": {"draws": 150, "warmup": 60},
        "ensemble-hmc": {"draws": 200, "warmup": 60, "chains": 4},
        "metropolis": {"draws": 800, "warmup": 200},
        "elliptical": {"draws": 500},
        "laplace": {"draws": 2000, "check": 100},
    }
    result = engine.fit(fitted, name, seed=2, **{"chains": 2, **options[name]})
    mean, sigma = by_quadrature(fitted, 0.5, 1.0)
    # The Gaussian of the Laplace approximation is not exact, the chains are.
    slack = 0.1 * sigma if name == "laplace" else 0.0
    assert abs(result.values[0] - mean) < 4 * result.mcse[0] + slack
    assert result.uncertainties[0] == pytest.approx(sigma, rel=4 / math.sqrt(2 * result.ess_tail[0]) + 0.1)
    assert result.draws.max() <= 1.0
    assert any("cut off by its upper bound" in note for note in result.notes)


def broken_slopes(
    whole: Callable[[Transform, np.ndarray], Slopes],
) -> Callable[[Transform, np.ndarray], Slopes]:
    """What gives half of the log-Jacobian: without any, the density would not even fall off towards a bound."""

    def broken(self: Transform, z: np.ndarray) -> Slopes:
        slopes = whole(self, z)
        half = 0.5 * slopes.log_jacobian_gradient
        return replace(slopes, log_jacobian=0.5 * slopes.log_jacobian, log_jacobian_gradient=half)

    return broken


def test_a_broken_jacobian_would_be_seen(monkeypatch):
    monkeypatch.setattr(Transform, "slopes", broken_slopes(Transform.slopes))
    fitted = at_a_bound()
    result = engine.fit(fitted, "elliptical", seed=2, chains=2, draws=1500)
    mean, _ = by_quadrature(fitted, 0.5, 1.0)
    assert abs(result.values[0] - mean) > 4 * result.mcse[0]


@pytest.mark.parametrize("name", CHAINS)
def test_a_stopped_sampler_keeps_its_draws(name):
    seen: list[engine.Step] = []
    result = engine.fit(
        gentle(),
        name,
        on_step=seen.append,
        should_stop=lambda: seen[-1].info.get("phase") == "draws" and seen[-1].info["draw"] >= 10,
        seed=1,
        **{**FEW[name], "warmup": 10},
    )
    assert result.status is Status.CANCELLED
    assert result.message.startswith("Stopped on request; the draws so far are kept.")
    assert result.draws.shape[:2] == (2, 10)
    assert {"lm", "warm-up", "draws"} <= set(result.history["phase"])


def test_a_sampler_stopped_before_it_draws_has_no_draws():
    result = engine.fit(gentle(), "nuts", should_stop=lambda: True, seed=1)
    assert result.status is Status.CANCELLED
    assert result.draws is None


def test_live_figures_come_with_the_steps(runs):
    history = runs["nuts"].history
    assert {"phase", "draw", "rhat", "ess_bulk", "divergences", "acceptance_rate", "n_steps"} <= set(history)
    assert history["rhat"][-1] == pytest.approx(runs["nuts"].rhat.max(), abs=1e-9)
    for name in ("nuts", "hmc", "ensemble-hmc"):
        energy = runs[name].sample_stats["energy"]
        assert runs[name].history["e_bfmi"][-1] == pytest.approx(bfmi(energy).min(), abs=1e-9)
    # A walk without momenta has no energies.
    assert "e_bfmi" not in runs["metropolis"].history


def test_the_step_of_metropolis_comes_to_accept_a_quarter():
    result = engine.fit(gentle(), "metropolis", seed=4, chains=4, warmup=300, draws=400, step_size=0.05)
    assert 0.17 < result.sample_stats["acceptance_rate"].mean() < 0.32
    # It is the same for all chains, and stays.
    assert np.ptp(result.sample_stats["step_size"]) == 0


def test_chains_can_start_and_be_scaled_in_other_ways(best):
    fitted = gentle()
    # Trajectories in unscaled coordinates are long; short ones will do to see that they are right.
    plain = {"whiten": False, "spread": 0.1, "max_tree_depth": 4}
    given = {"inverse_mass_matrix": best.covariance}
    for options in (given, {"start": "here"}, {"start": "scattered"}, plain):
        result = engine.fit(fitted, "nuts", seed=3, **{**FEW["nuts"], "warmup": 40, "draws": 80, **options})
        assert np.all(np.abs(result.values - best.values) < 6 * result.mcse + 0.1 * best.uncertainties), (
            options
        )


@pytest.mark.parametrize(
    ("matrix", "complaint"),
    [
        ([[1.0]], r"has shape \(1, 1\), but there are 3 free parameters"),
        ("nonsense", "must be a matrix of numbers"),
        (-np.eye(3), "must be positive definite"),
        (np.triu(np.ones((3, 3))), "must be symmetric"),
    ],
)
def test_a_matrix_that_does_not_do_is_refused(matrix, complaint):
    with pytest.raises(engine.OptionError, match=complaint):
        engine.fit(gentle(), "nuts", inverse_mass_matrix=matrix)


def test_angles_are_reported_within_their_period_and_averaged_on_the_circle():
    sky = {"name": "sky", "model": "flat sky", "parameters": {"intensity": {"value": 1.0, "fixed": True}}}
    truth = galaxy(axis_ratio={"value": 0.5, "fixed": True}, position_angle=0.3)
    fitted = problem([truth, sky], truth=[truth, sky], shape=SHAPE, noise=0.5, seed=5)
    result = engine.fit(fitted, "elliptical", seed=1, draws=300)
    assert np.all((result.draws >= 0) & (result.draws < 180))
    assert result.draws.max() > 170
    assert result.draws.min() < 10
    assert min(result.values[0], 180 - result.values[0]) < 2
    assert result.uncertainties[0] < 3


def test_too_few_draws_are_not_called_converged():
    result = engine.fit(gentle(), "elliptical", seed=1, chains=2, draws=40)
    assert result.status is Status.NOT_MIXED
    assert not result.converged
    assert "Draw" in result.message


def test_enough_draws_are_called_converged():
    result = engine.fit(gentle(), "elliptical", seed=1, draws=600)
    assert result.status is Status.CONVERGED, result.message
    assert result.converged
    assert "R-hat at most 1.00" in result.message
    assert "times the uncertainties of lm" in " ".join(result.notes)


@pytest.mark.parametrize("name", ["nuts", "laplace"])
def test_draws_are_written_for_arviz(name, runs, tmp_path):
    result = runs[name]
    engine.write_run(tmp_path, gentle(), result)
    with xarray.open_datatree(tmp_path / "draws.nc", engine="h5netcdf") as tree:
        assert {"posterior", "sample_stats", "observed_data"} == set(tree.children)
        for i, key in enumerate(result.names):
            variable = tree["posterior"][key]
            assert variable.dims == ("chain", "draw")
            np.testing.assert_array_equal(variable.values, result.draws[:, :, i])
            assert variable.attrs["rhat"] == pytest.approx(result.rhat[i])
        assert tree["observed_data"].attrs["used_pixels"] == SHAPE[0] * SHAPE[1]
        if name == "nuts":
            assert tree["sample_stats"]["diverging"].dtype == bool


def test_samplers_are_registered():
    assert set(SAMPLERS) <= set(registry())


@pytest.mark.parametrize("options", [{"adapt_step_size": False}, {"adapt_mass_matrix": "dense"}])
def test_the_trajectories_of_hmc_are_those_of_pyro(options, monkeypatch):
    from engine.samplers import kernels

    chosen: dict[str, Any] = {"seed": 5, "chains": 1, "warmup": 30, "draws": 10, **options}
    ours = engine.fit(gentle(), "hmc", **chosen)
    monkeypatch.delattr(kernels._Hmc, "sample")
    theirs = engine.fit(gentle(), "hmc", **chosen)
    np.testing.assert_allclose(ours.draws, theirs.draws, rtol=1e-6)
    assert ours.jacobians == theirs.jacobians


def test_proposals_evaluated_together_make_the_same_walk(monkeypatch):
    fitted, chosen = gentle(), {"seed": 7, "chains": 1, "warmup": 20, "draws": 60}
    together = engine.fit(fitted, "metropolis", **chosen)
    monkeypatch.setattr("engine.samplers.metropolis.RandomWalks._several", lambda walks: [walks._one_each()])
    alone = engine.fit(fitted, "metropolis", **chosen)
    assert 0 < together.sample_stats["accepted"].sum() < 60
    np.testing.assert_allclose(together.draws, alone.draws, rtol=1e-9)
    for name, values in alone.sample_stats.items():
        np.testing.assert_allclose(together.sample_stats[name], values, rtol=1e-6, atol=1e-9)
    # Proposals after an accepted one are evaluated again.
    assert together.evaluations > alone.evaluations
