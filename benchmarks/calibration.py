"""Are the posteriors right? Simulation-based calibration.

`python -m benchmarks.calibration --write docs/calibration.md` draws galaxies from a prior (a Sersic on a flat sky,
27 x 25 pixels, a Gaussian PSF of sigma 1.2 pixels, Gaussian noise so strong that priors and bounds matter), and samples
each image under that same prior. Where sampler, transform and likelihood are right, the rank of a true value among
its draws is uniform: Talts, Betancourt, Simpson, Vehtari & Gelman (2018), arXiv:1804.06788.

The 64 ranks among 63 thinned draws go into 8 bins. p is the probability of a chi-square of the counts as large as that,
for each parameter; a sampler passes where every p is above 0.01 / (number of parameters), so that a right one fails 1
time in 100. With the log-Jacobian of the bounded parameters halved (--break-jacobian), on images that tell next to
nothing (--noise 20), a sampler must fail, and does.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
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
    "galaxy.axis_ratio": "uniform(0.4, 1)",
    "galaxy.radius_e": "truncated-normal(3, 0.6, 1, 6)",
    "galaxy.n": "truncated-normal(1.5, 0.3, 0.6, 3)",
    "galaxy.intensity_e": "lognormal(1.6, 0.3)",
    "sky.intensity": "normal(2, 0.2)",
}
NOISE = 2.0
# Ranks 0 .. 63 of a value among 63 draws, in 8 bins.
BINS, IN_BIN = 8, 8
KEPT = BINS * IN_BIN - 1
ALLOWED = 0.01
SAMPLERS: dict[str, dict[str, Any]] = {
    "nuts": {"chains": 1, "warmup": 40, "draws": 2 * KEPT},
    "hmc": {"chains": 1, "warmup": 40, "draws": 2 * KEPT},
    "ensemble-hmc": {"chains": 7, "warmup": 40, "draws": 18},
    "metropolis": {"chains": 4, "warmup": 300, "draws": 20 * KEPT},
    "elliptical": {"chains": 1, "warmup": 50, "draws": 5 * KEPT},
}
# Galaxies between two writings of what is done.
EVERY = 10


def main() -> int:
    options = parse()
    if options.break_jacobian:
        Transform.slopes = broken(Transform.slopes)  # type: ignore[method-assign,assignment]
    results: dict[str, Any] = {}
    if options.out.exists():
        results = json.loads(options.out.read_text())["samplers"]
    for sampler in options.samplers:
        name = sampler if options.noise == NOISE else f"{sampler}, noise {options.noise:g}"
        name += ", log-Jacobian broken" * options.break_jacobian
        about = {"options": SAMPLERS[sampler], "priors": PRIORS, "noise": options.noise, "seed": options.seed}
        ranks, seconds = gone_before(results.get(name, {}), about)
        for one, took in ranks_of(sampler, range(len(ranks), options.galaxies), options.seed, options.noise):
            ranks.append(one)
            seconds += took
            if len(ranks) % EVERY == 0 or len(ranks) == options.galaxies:
                results[name] = {**about, **judged(np.array(ranks)), "seconds": seconds}
                write(options.out, results)
                print(f"{name}: {len(ranks)} of {options.galaxies}", file=sys.stderr, flush=True)
        report(name, results[name])
    if options.write:
        options.write.write_text(page(results), encoding="utf-8")
    # Broken is right where it is noticed.
    return int(any(results[name]["calibrated"] == ("broken" in name) for name in results))


def gone_before(found: dict[str, Any], about: dict[str, Any]) -> tuple[list[list[int]], float]:
    """The ranks and seconds of galaxies that were sampled with the same settings, in order of galaxies."""
    if any(found.get(key) != value for key, value in about.items()):
        return [], 0.0
    columns = [[int(rank) for rank in row["ranks"].split()] for row in found["parameters"].values()]
    return [list(ranks) for ranks in zip(*columns, strict=True)], found["seconds"]


def write(path: Path, results: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = {"commit": commit(), "machine": machine(), "samplers": results}
    path.write_text(json.dumps(text, indent=2) + "\n")


def ranks_of(
    sampler: str, galaxies: range, seed: int, noise: float = NOISE
) -> Iterator[tuple[list[int], float]]:
    """The rank of each true value among its draws, (parameter,), and the seconds it took, galaxy after galaxy."""
    for number in galaxies:
        began = time.perf_counter()
        rng = np.random.default_rng((seed, number))
        truth = {key: parse_prior(text, key).draw(rng) for key, text in PRIORS.items()}
        problem = simulated(truth, rng, noise)
        result = engine.fit(problem, sampler, seed=int(rng.integers(2**31)), **SAMPLERS[sampler])
        yield ranks_among(result, truth), time.perf_counter() - began


def ranks_among(result: engine.FitResult, truth: dict[str, float]) -> list[int]:
    """The rank, 0 to KEPT, of each true value among as many nearly independent draws."""
    assert result.draws is not None
    # Draws as far apart as possible, chain after chain.
    flat = result.draws.reshape(-1, len(result.names))
    kept = flat[np.linspace(0, len(flat) - 1, KEPT).round().astype(int)]
    return [int((kept[:, result.names.index(key)] < value).sum()) for key, value in truth.items()]


def simulated(truth: dict[str, float], rng: np.random.Generator, noise: float) -> engine.Problem:
    """A noisy image of a galaxy with these values, to be fitted under the priors."""
    psf = gaussian_psf(1.2, 9)
    image, _ = simulate(scene(truth, False), SHAPE, seed=int(rng.integers(2**31)), noise=noise, psf=psf)
    entry = {"data": np.array(image.data), "sigma": np.full(SHAPE, noise), "psf": psf}
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


def judged(ranks: np.ndarray) -> dict[str, Any]:
    """Of (galaxy, parameter): each parameter's counts, chi-square and p, and whether all of them are uniform."""
    rows: dict[str, dict[str, Any]] = {}
    for column, key in zip(ranks.T, PRIORS, strict=True):
        counts = np.bincount(column // IN_BIN, minlength=BINS)
        expected = len(column) / BINS
        statistic = float(((counts - expected) ** 2 / expected).sum())
        rows[key] = {
            "counts": counts.tolist(),
            "chi_square": statistic,
            "p": float(chi2_distribution.sf(statistic, BINS - 1)),
            "ranks": " ".join(map(str, column)),
        }
    passed = all(row["p"] >= ALLOWED / len(rows) for row in rows.values())
    return {"galaxies": len(ranks), "calibrated": passed, "parameters": rows}


def report(name: str, found: dict[str, Any]) -> None:
    print(f"{name}: {found['seconds'] / found['galaxies']:.2f} s a galaxy")
    for key, row in found["parameters"].items():
        counts = " ".join(f"{count:4d}" for count in row["counts"])
        print(f"  {key:<22} {counts}   chi-square {row['chi_square']:6.1f}   p {row['p']:.4f}")
    print(f"  {verdict(found)}", flush=True)


def verdict(found: dict[str, Any]) -> str:
    lowest = min(row["p"] for row in found["parameters"].values())
    limit = ALLOWED / len(found["parameters"])
    if found["calibrated"]:
        return f"Calibrated, as far as these ranks can tell: the smallest p is {lowest:.3f}, above {limit:g}."
    return f"Not calibrated: the smallest p is {lowest:.2g}, below {limit:g}."


def page(results: dict[str, Any]) -> str:
    """The page of the documentation that tells of these results."""
    assert __doc__
    title, _, text = __doc__.strip().partition("\n\n")
    lines = [f"# {title.partition(' Simulation')[0]}", "", text]
    for name, found in results.items():
        settings = ", ".join(f"{key} {value}" for key, value in found["options"].items())
        lines += ["", f"## {name}", "", f"{found['galaxies']} galaxies, seed {found['seed']}; {settings}; "]
        lines[-1] += f"noise {found['noise']:g}. {verdict(found)}"
        lines += ["", "| parameter | prior | counts of ranks | chi-square | p |", "|---|---|---|---|---|"]
        for key, row in found["parameters"].items():
            counts = " ".join(map(str, row["counts"]))
            prior = found["priors"][key]
            lines.append(f"| {key} | {prior} | {counts} | {row['chi_square']:.1f} | {row['p']:.4f} |")
    return "\n".join(lines) + "\n"


def broken(whole: Callable[[Transform, np.ndarray], Slopes]) -> Callable[[Transform, np.ndarray], Slopes]:
    """What gives half of the log-Jacobian that ``whole`` gives."""

    def half(self: Transform, z: np.ndarray) -> Slopes:
        slopes = whole(self, z)
        gradient = 0.5 * slopes.log_jacobian_gradient
        return replace(slopes, log_jacobian=0.5 * slopes.log_jacobian, log_jacobian_gradient=gradient)

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
    parser.add_argument(
        "--galaxies", type=int, default=200, help="of each (default 200); those done before are kept"
    )
    parser.add_argument("--noise", type=float, default=NOISE, help=f"sigma of a pixel (default {NOISE:g})")
    parser.add_argument("--break-jacobian", action="store_true", help="see that an error would be noticed")
    parser.add_argument("--seed", type=int, default=1, help="of everything")
    parser.add_argument("--write", type=Path, help="a page of documentation to write all results to")
    parser.add_argument("--out", type=Path, default=RESULTS / "calibration.json", help="where figures go")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
