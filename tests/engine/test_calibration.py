"""Simulation-based calibration, Talts et al. (2018): right samplers pass, a broken log-Jacobian does not."""

from typing import Any

import numpy as np
import pytest

import engine
from engine.parameters.transform import Transform
from tests.engine.scenes import problem
from tests.engine.test_samplers import broken_slopes

GALAXIES, KEPT = 80, 20


def scene(axis_ratio: Any) -> list[dict[str, Any]]:
    fixed = {
        "center.x": 5.2,
        "center.y": 4.9,
        "position_angle": 30.0,
        "n": 1.0,
        "radius_e": 2.0,
        "intensity_e": 9.0,
    }
    parameters: dict[str, Any] = {key: {"value": value, "fixed": True} for key, value in fixed.items()}
    sky = {"name": "sky", "model": "flat sky", "parameters": {"intensity": {"value": 1.0, "fixed": True}}}
    return [
        {"name": "galaxy", "model": "sersic", "parameters": {**parameters, "axis_ratio": axis_ratio}},
        sky,
    ]


def excess() -> float:
    """How far, in sigma, the spread of the ranks is from that of a flat distribution, on images that tell little."""
    rng = np.random.default_rng(8)
    ranks = []
    for _ in range(GALAXIES):
        truth = rng.uniform(0.5, 1.0)
        free = {"value": 0.7, "prior": "uniform(0.5, 1)"}
        fitted = problem(
            scene(free),
            truth=scene({"value": truth, "fixed": True}),
            shape=(10, 11),
            noise=60.0,
            seed=int(rng.integers(2**31)),
        )
        result = engine.fit(
            fitted,
            "ensemble-hmc",
            seed=int(rng.integers(2**31)),
            chains=KEPT,
            warmup=12,
            draws=4,
            start="here",
            spread=1.0,
            adapt_trajectory=False,
        )
        ranks.append(int((result.draws[:, -1, 0] < truth).sum()))
    flat = (np.array(ranks) + 0.5) / (KEPT + 1) - 0.5
    # Of a flat distribution, the mean square is 1/12 and its variance 1/180.
    return float((np.mean(flat**2) - 1 / 12) / np.sqrt(1 / 180 / GALAXIES))


def test_the_sampler_is_calibrated():
    assert abs(excess()) < 2.5


def test_a_broken_jacobian_is_not(monkeypatch):
    monkeypatch.setattr(Transform, "slopes", broken_slopes(Transform.slopes))
    assert excess() < -3


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["nuts", "hmc", "ensemble-hmc"])
def test_the_benchmark_of_calibration_runs(sampler):
    from benchmarks.calibration import judged, ranks_of

    found = judged(np.array([ranks for ranks, _ in ranks_of(sampler, range(5), seed=3)]))
    assert all(row["p"] > 1e-4 for row in found["parameters"].values()), found


def test_the_benchmark_of_calibration_goes_on_where_it_was():
    from benchmarks.calibration import PRIORS, gone_before, judged

    ranks = np.random.default_rng(5).integers(0, 64, (40, len(PRIORS)))
    found = {"seed": 1, "seconds": 2.5, **judged(ranks)}
    assert found["calibrated"]
    assert gone_before(found, {"seed": 1}) == (ranks.tolist(), 2.5)
    assert gone_before(found, {"seed": 2}) == ([], 0.0)
    assert not judged(ranks // 2)["calibrated"]
