"""Do the 68 % intervals of Levenberg-Marquardt hold the truth 68 % of the time?

Injects galaxies (single Sersic on a flat sky, blurred by a Gaussian PSF, Gaussian noise) with random
parameters, fits each from nothing but a click on its center, and counts how often the truth lies within one
and two sigma. Prints a Markdown table; ``--write FILE`` keeps it.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import numpy as np
import torch

import engine
from engine.simulate import gaussian_psf, simulate

SHAPE = (64, 64)
HEADER = """# Are the uncertainties right?

`python benchmarks/coverage.py --galaxies 1000 --seed 2 --write docs/coverage.md` injects galaxies with known parameters
(a Sersic on a flat sky, 64 x 64 pixels, a Gaussian PSF of sigma 1.3 pixels, Gaussian noise), fits each by
Levenberg-Marquardt from nothing but a click on its center, and counts how often the truth lies within the interval.
A pull is (fitted - true) / uncertainty; its width is 1 where the uncertainty is right.

"""
NAMES = ("center.x", "center.y", "axis_ratio", "position_angle", "radius_e", "n", "intensity_e")


def galaxy(rng: np.random.Generator, signal: float) -> dict[str, float]:
    """Return random parameters; intensity_e is set for a signal to noise of ``signal`` within radius_e."""
    parameters = {
        "center.x": rng.uniform(30, 34),
        "center.y": rng.uniform(30, 34),
        "axis_ratio": rng.uniform(0.3, 0.9),
        "position_angle": rng.uniform(0, 180),
        "radius_e": rng.uniform(2.5, 7),
        "n": rng.uniform(0.7, 4),
    }
    # Half of the flux, about 2 pi q radius_e^2 intensity_e for these n, over noise 1 on the same ellipse.
    area = math.pi * parameters["axis_ratio"] * parameters["radius_e"] ** 2
    parameters["intensity_e"] = signal / (2 * math.sqrt(area))
    return parameters


def fit_one(number: int, seed: int, signal: tuple[float, float]) -> tuple[engine.FitResult, dict[str, float]]:
    """Inject and fit one galaxy."""
    rng = np.random.default_rng((seed, number))
    truth = galaxy(rng, math.exp(rng.uniform(math.log(signal[0]), math.log(signal[1]))))
    psf = gaussian_psf(1.3, 13)
    center = [truth["center.x"], truth["center.y"]]
    rest = {name: value for name, value in truth.items() if not name.startswith("center")}
    components = [
        {"name": "galaxy", "model": "sersic", "parameters": {"center": center, **rest}},
        {"name": "sky", "model": "flat sky", "parameters": {"intensity": 10.0}},
    ]
    image, _ = simulate(components, SHAPE, seed=int(rng.integers(2**31)), noise=1.0, psf=psf)
    problem = engine.load(
        {
            "residua": 1,
            "images": [{"data": image.data, "sigma": np.ones(SHAPE), "psf": psf}],
            "components": [
                {"name": "galaxy", "model": "sersic", "parameters": {"center": [round(c) for c in center]}},
                {"name": "sky", "model": "flat sky"},
            ],
        }
    )
    return engine.fit(problem, "lm"), {**{f"galaxy.{k}": v for k, v in truth.items()}, "sky.intensity": 10.0}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--galaxies", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--signal", type=float, nargs=2, default=(50.0, 500.0), help="Range of signal to noise."
    )
    parser.add_argument("--write", type=Path, help="Keep the table in this file.")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    pulls: dict[str, list[float]] = {}
    ends: dict[str, int] = {}
    for number in range(arguments.galaxies):
        result, truth = fit_one(number, arguments.seed, tuple(arguments.signal))
        ends[result.status.word] = ends.get(result.status.word, 0) + 1
        if not result.converged:
            continue
        for name, value, sigma in zip(result.names, result.values, result.uncertainties, strict=True):
            difference = value - truth[name]
            if name.endswith("position_angle"):
                difference = (difference + 90) % 180 - 90
            pulls.setdefault(name, []).append(difference / sigma)
    kept = ends.get("converged", 0)
    low, high = arguments.signal
    lines = [
        f"{arguments.galaxies} galaxies, seed {arguments.seed}, "
        f"signal to noise within radius_e from {low:g} to {high:g}; "
        + ", ".join(f"{count} {word}" for word, count in sorted(ends.items(), key=lambda e: -e[1]))
        + ".",
        "",
        f"| parameter | within 1 sigma (68.3 %, +-{100 * math.sqrt(0.683 * 0.317 / kept):.1f}) "
        "| within 2 sigma (95.4 %) | mean pull | width of pulls |",
        "|---|---|---|---|---|",
    ]
    every = []
    for name, values in pulls.items():
        z = np.array(values)
        every.append(z)
        lines.append(_row(name, z))
    lines.append(_row("all", np.concatenate(every)))
    text = "\n".join(lines) + "\n"
    print(text)
    if arguments.write:
        arguments.write.write_text(HEADER + text, encoding="utf-8")


def _row(name: str, z: np.ndarray) -> str:
    inner, outer = 100 * np.mean(abs(z) < 1), 100 * np.mean(abs(z) < 2)
    return f"| {name} | {inner:.1f} % | {outer:.1f} % | {z.mean():+.3f} | {z.std():.3f} |"


if __name__ == "__main__":
    main()
