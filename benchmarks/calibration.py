"""Are the posteriors right? Simulation-based calibration (Talts et al. 2018, arXiv:1804.06788).

Galaxies are drawn from a prior, simulated with noise and a PSF, and sampled under that same prior. If sampler,
transform and likelihood are right, the rank of each true value among its thinned draws is uniform. Reported for
each parameter: the chi-square of the ranks' histogram and its p-value; calibrated is what has all p-values above 0.01 /
(number of parameters). --break-jacobian halves the log-Jacobian of the bounded parameters: then the ranks
must not be uniform. Figures go to results/calibration.json, those of samplers not run now kept.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import chi2 as chi2_distribution

import engine
from benchmarks.peers import commit, machine
from engine.parameters import parse_prior
from engine.parameters.transform import Slopes, Transform
from engine.simulate import gaussian_psf, simulate

RESULTS = Path(__file__).resolve().parent / "results"
SHAPE = (25, 27)
PRIORS = {
    "galaxy.axis_ratio": "truncated-normal(0.65, 0.1, 0.3, 1)",
    "galaxy.radius_e": "truncated-normal(3, 0.6, 1, 6)",
    "galaxy.n": "truncated-normal(1.5, 0.3, 0.6, 3)",
    "galaxy.intensity_e": "lognormal(1.6, 0.3)",
    "sky.intensity": "normal(2, 0.2)",
}
NOISE = 0.5
# Ranks 0 .. 63 of a value among 63 draws, in 8 bins.
BINS, IN_BIN = 8, 8
KEPT = BINS * IN_BIN - 1
SAMPLERS: dict[str, dict[str, Any]] = {
    "nuts": {"chains": 1, "warmup": 40, "draws": KEPT},
    "hmc": {"chains": 1, "warmup": 40, "draws": 2 * KEPT},
    "ensemble-hmc": {"chains": 7, "warmup": 40, "draws": 18},
    "metropolis": {"chains": 4, "warmup": 300, "draws": 20 * KEPT},
    "elliptical": {"chains": 1, "warmup": 50, "draws": 5 * KEPT},
}


def main() -> int:
    options = parse()
    if options.break_jacobian:
        Transform.slopes = broken(Transform.slopes)  # type: ignore[method-assign]
    results: dict[str, Any] = {}
    if options.out.exists() and not options.break_jacobian:
        results = json.loads(options.out.read_text())["samplers"]
    failed = False
    for sampler in options.samplers:
        began = time.perf_counter()
        ranks = ranks_of(sampler, options.galaxies, options.seed)
        rows = figures(ranks)
        passed = all(row["p"] >= 0.01 / len(rows) for row in rows.values())
        failed = failed or not passed
        seconds = (time.perf_counter() - began) / options.galaxies
        report(sampler, rows, passed, seconds)
        results[sampler] = {
            "galaxies": options.galaxies,
            "options": SAMPLERS[sampler],
            "seed": options.seed,
            "seconds_a_galaxy": seconds,
            "calibrated": passed,
            "parameters": rows,
        }
        if not options.break_jacobian:
            options.out.parent.mkdir(parents=True, exist_ok=True)
            text = {"commit": commit(), "machine": machine(), "priors": PRIORS, "samplers": results}
            options.out.write_text(json.dumps(text, indent=2) + "\n")
    return int(failed)


def ranks_of(sampler: str, galaxies: int, seed: int) -> np.ndarray:
    """The rank of each true value among its draws, (galaxy, parameter)."""
    ranks = []
    for number in range(galaxies):
        rng = np.random.default_rng((seed, number))
        truth = {key: parse_prior(text, key).draw(rng) for key, text in PRIORS.items()}
        problem = simulated(truth, rng)
        result = engine.fit(problem, sampler, seed=int(rng.integers(2**31)), **SAMPLERS[sampler])
        ranks.append(ranks_among(result, truth))
        if (number + 1) % 20 == 0:
            print(f"{sampler}: {number + 1} of {galaxies}", file=sys.stderr, flush=True)
    return np.array(ranks)


def ranks_among(result: engine.FitResult, truth: dict[str, float]) -> list[int]:
    """The rank, 0 to KEPT, of each true value among as many nearly independent draws."""
    assert result.draws is not None
    # Draws as far apart as possible, chain after chain.
    flat = result.draws.reshape(-1, len(result.names))
    kept = flat[np.linspace(0, len(flat) - 1, KEPT).round().astype(int)]
    return [int((kept[:, result.names.index(key)] < value).sum()) for key, value in truth.items()]


def simulated(truth: dict[str, float], rng: np.random.Generator) -> engine.Problem:
    """A noisy image of a galaxy with these values, to be fitted under the priors."""
    psf = gaussian_psf(1.2, 9)
    image, _ = simulate(scene(truth, False), SHAPE, seed=int(rng.integers(2**31)), noise=NOISE, psf=psf)
    entry = {"data": np.array(image.data), "sigma": np.full(SHAPE, NOISE), "psf": psf}
    return engine.load({"residua": 1, "images": [entry], "components": scene(truth, True)})


def scene(truth: dict[str, float], free: bool) -> list[dict[str, Any]]:
    def entry(key: str) -> Any:
        return {"value": truth[key], "prior": PRIORS[key]} if free else truth[key]

    def held(value: Any) -> Any:
        return {"value": value, "fixed": True} if free else value

    galaxy = {"center": held([13.2, 11.7]), "position_angle": held(40.0)}
    galaxy |= {name: entry(f"galaxy.{name}") for name in ("axis_ratio", "radius_e", "n", "intensity_e")}
    return [
        {"name": "galaxy", "model": "sersic", "parameters": galaxy},
        {"name": "sky", "model": "flat sky", "parameters": {"intensity": entry("sky.intensity")}},
    ]


def figures(ranks: np.ndarray) -> dict[str, dict[str, Any]]:
    """For each parameter: how many ranks fall in each bin, their chi-square and its p-value."""
    rows = {}
    for column, key in zip(ranks.T, PRIORS, strict=True):
        counts = np.bincount(column // IN_BIN, minlength=BINS)
        expected = len(column) / BINS
        statistic = float(((counts - expected) ** 2 / expected).sum())
        rows[key] = {
            "counts": counts.tolist(),
            "chi_square": statistic,
            "p": float(chi2_distribution.sf(statistic, BINS - 1)),
        }
    return rows


def report(sampler: str, rows: dict[str, dict[str, Any]], passed: bool, seconds: float) -> None:
    print(f"{sampler}: {seconds:.2f} s a galaxy")
    for key, row in rows.items():
        counts = " ".join(f"{count:4d}" for count in row["counts"])
        print(f"  {key:<22} {counts}   chi-square {row['chi_square']:6.1f}   p {row['p']:.4f}")
    print("  Calibrated, as far as these ranks can tell." if passed else "  Not calibrated.", flush=True)


def broken(whole: Callable[[Transform, np.ndarray], Slopes]) -> Callable[[Transform, np.ndarray], Slopes]:
    """What gives half of the log-Jacobian that ``whole`` gives."""

    def half(self: Transform, z: np.ndarray) -> Slopes:
        slopes = whole(self, z)
        return Slopes(
            slopes.first,
            slopes.second,
            0.5 * slopes.log_jacobian,
            0.5 * slopes.log_jacobian_gradient,
            slopes.log_jacobian_curvature,
        )

    return half


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.calibration",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--samplers",
        nargs="+",
        choices=list(SAMPLERS),
        default=["nuts", "hmc", "ensemble-hmc"],
        help="which to test (default: nuts hmc ensemble-hmc)",
    )
    parser.add_argument("--galaxies", type=int, default=200, help="simulated galaxies (default 200)")
    parser.add_argument("--break-jacobian", action="store_true", help="see that an error would be noticed")
    parser.add_argument("--seed", type=int, default=1, help="of everything")
    parser.add_argument("--out", type=Path, default=RESULTS / "calibration.json", help="where figures go")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
