"""Are the posteriors right? Simulation-based calibration (Talts et al. 2018, arXiv:1804.06788).

Galaxies are drawn from a prior, simulated with noise and a PSF, and sampled under that same prior. If sampler,
transform and likelihood are right, the rank of each true value among its thinned draws is uniform. Reported for
each parameter: the chi-square of the ranks' histogram and its p-value. --break-jacobian halves the log-Jacobian of
the bounded parameters: then the ranks must not be uniform.
"""

import argparse
import sys
from typing import Any

import numpy as np
from scipy.stats import chi2 as chi2_distribution

import engine
from engine.parameters.transform import Slopes, Transform
from engine.simulate import gaussian_psf, simulate

SHAPE = (25, 27)
PRIORS = {
    "galaxy.axis_ratio": "uniform(0.3, 1)",
    "galaxy.radius_e": "truncated-normal(3, 0.6, 1, 6)",
    "galaxy.n": "uniform(0.6, 3)",
    "galaxy.intensity_e": "lognormal(1.6, 0.3)",
    "sky.intensity": "normal(2, 0.2)",
}
NOISE = 1.5
BINS = 8


def main() -> int:
    options = parse()
    if options.break_jacobian:
        break_jacobian()
    rng = np.random.default_rng(options.seed)
    ranks: list[list[int]] = []
    for number in range(options.galaxies):
        ranks.append(one(rng, options.sampler, options.draws))
        if (number + 1) % 20 == 0:
            print(f"{number + 1} of {options.galaxies}", file=sys.stderr, flush=True)
    failed = report(np.array(ranks), options.galaxies)
    return int(failed)


def one(rng: np.random.Generator, sampler: str, draws: int) -> list[int]:
    """The rank, 0 to BINS x 8 - 1, of each true value among as many nearly independent draws less one."""
    truth = {key: engine.parameters.parse_prior(text, key).draw(rng) for key, text in PRIORS.items()}
    psf = gaussian_psf(1.2, 9)
    image, _ = simulate(
        scene(truth, False),
        SHAPE,
        seed=int(rng.integers(2**31)),
        noise=NOISE,
        psf=psf,
    )
    entry = {"data": np.array(image.data), "sigma": np.full(SHAPE, NOISE), "psf": psf}
    problem = engine.load({"residua": 1, "images": [entry], "components": scene(truth, True)})
    result = engine.fit(problem, sampler, seed=int(rng.integers(2**31)), chains=1, draws=draws)
    assert result.draws is not None
    kept = result.draws[0, :: max(1, draws // (BINS * 8 - 1))][: BINS * 8 - 1]
    return [int((kept[:, result.names.index(key)] < value).sum()) for key, value in truth.items()]


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


def report(ranks: np.ndarray, galaxies: int) -> bool:
    """Print the histograms' chi-squares; return whether any p-value is below 0.01 / number of parameters."""
    failed = False
    for column, key in zip(ranks.T, PRIORS, strict=True):
        counts = np.bincount(column // 8, minlength=BINS)
        expected = galaxies / BINS
        statistic = float(((counts - expected) ** 2 / expected).sum())
        p = float(chi2_distribution.sf(statistic, BINS - 1))
        failed = failed or p < 0.01 / len(PRIORS)
        print(f"{key:<22} {' '.join(f'{c:4d}' for c in counts)}   chi-square {statistic:6.1f}   p {p:.4f}")
    print("Not calibrated." if failed else "Calibrated, as far as these ranks can tell.")
    return failed


def break_jacobian() -> None:
    whole = Transform.slopes

    def broken(self: Transform, z: np.ndarray) -> Slopes:
        slopes = whole(self, z)
        return Slopes(
            slopes.first,
            slopes.second,
            0.5 * slopes.log_jacobian,
            0.5 * slopes.log_jacobian_gradient,
            slopes.log_jacobian_curvature,
        )

    Transform.slopes = broken  # type: ignore[method-assign]


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.calibration",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--sampler", default="elliptical", help="name of a sampler (default elliptical)")
    parser.add_argument("--galaxies", type=int, default=200, help="simulated galaxies (default 200)")
    parser.add_argument("--draws", type=int, default=315, help="draws for each (default 315, thinned to 63)")
    parser.add_argument("--break-jacobian", action="store_true", help="see that an error would be noticed")
    parser.add_argument("--seed", type=int, default=1, help="of everything")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
