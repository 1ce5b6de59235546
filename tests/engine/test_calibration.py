"""Simulation-based calibration, Talts et al. (2018): right samplers pass, a broken log-Jacobian does not."""

from typing import Any

import numpy as np
import pytest

import engine
from engine.parameters.transform import Transform
from tests.engine.scenes import problem
from tests.engine.test_samplers import broken_slopes

KEPT = 20
# Draws that are as good as independent: of many chains the last ones, of one chain every second.
OPTIONS: dict[str, dict[str, Any]] = {
    "ensemble-hmc": {"chains": KEPT, "warmup": 12, "draws": 4, "adapt_trajectory": False},
    "nuts": {"chains": 1, "warmup": 12, "draws": 2 * KEPT},
    "hmc": {"chains": 1, "warmup": 12, "draws": 2 * KEPT},
}


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


def excess(sampler: str, galaxies: int) -> float:
    """How far, in sigma, the spread of the ranks is from that of a flat distribution, on images that tell little."""
    rng = np.random.default_rng(8)
    ranks = []
    for _ in range(galaxies):
        truth = rng.uniform(0.5, 1.0)
        free = {"value": 0.7, "prior": "uniform(0.5, 1)"}
        fitted = problem(
            scene(free),
            truth=scene({"value": truth, "fixed": True}),
            shape=(10, 11),
            noise=60.0,
            seed=int(rng.integers(2**31)),
        )
        seed = int(rng.integers(2**31))
        result = engine.fit(fitted, sampler, seed=seed, start="here", spread=1.0, **OPTIONS[sampler])
        draws = result.draws[..., 0]
        ranks.append(int(((draws[:, -1] if len(draws) > 1 else draws[0, 1::2]) < truth).sum()))
    flat = (np.array(ranks) + 0.5) / (KEPT + 1) - 0.5
    # Of a flat distribution, the mean square is 1/12 and its variance 1/180.
    return float((np.mean(flat**2) - 1 / 12) / np.sqrt(1 / 180 / galaxies))


@pytest.mark.parametrize(("sampler", "galaxies"), [("ensemble-hmc", 80), ("nuts", 40), ("hmc", 40)])
def test_a_sampler_is_calibrated(sampler, galaxies):
    assert abs(excess(sampler, galaxies)) < 2.5


def test_a_broken_jacobian_is_not(monkeypatch):
    monkeypatch.setattr(Transform, "slopes", broken_slopes(Transform.slopes))
    assert excess("ensemble-hmc", 80) < -3


def test_the_benchmark_of_calibration_ranks_the_truth():
    from benchmarks.calibration import KEPT, PRIORS, ranks_of

    ((ranks, seconds),) = ranks_of("ensemble-hmc", range(3, 4), seed=3)
    assert len(ranks) == len(PRIORS)
    assert all(0 <= rank <= KEPT for rank in ranks)
    assert seconds > 0


def test_the_benchmark_of_calibration_goes_on_where_it_was():
    from benchmarks.calibration import PRIORS, gone_before, judged

    ranks = np.random.default_rng(5).integers(0, 64, (40, len(PRIORS)))
    found = {"seed": 1, "seconds": 2.5, **judged(ranks)}
    assert found["calibrated"]
    assert gone_before(found, {"seed": 1}) == (ranks.tolist(), 2.5)
    assert gone_before(found, {"seed": 2}) == ([], 0.0)
    assert not judged(ranks // 2)["calibrated"]
