"""Examples that come with the engine, simulated by its own code."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from engine.errors import DescriptionError, did_you_mean
from engine.simulate import gaussian_psf, simulate

if TYPE_CHECKING:
    from engine.problem import Problem


@dataclass(frozen=True)
class Example:
    """A simulated image with its description: a title, a scene to fit from its starts, and the true scene."""

    title: str
    summary: str
    shape: tuple[int, int]
    truth: list[dict[str, Any]]
    start: list[dict[str, Any]]
    noise: float | str
    seed: int
    psf: Callable[[], np.ndarray]
    blurred: bool


def _sersic(
    name: str, x: float, y: float, q: float, angle: float, n: float, radius: float, log: float
) -> dict[str, Any]:
    return {
        "name": name,
        "model": "sersic",
        "parameters": {
            # The first pixel's center lies at 0.5 where these numbers come from.
            "center": [x - 0.5, y - 0.5],
            "axis_ratio": q,
            "position_angle": angle,
            "radius_e": radius,
            "n": n,
            "intensity_e": 10**log,
        },
    }


def _sky(log: float) -> dict[str, Any]:
    return {"name": "sky", "model": "flat sky", "parameters": {"intensity": 10**log}}


EXAMPLES = {
    "seed": Example(
        title="Three galaxies",
        summary="Three overlapping Sersic galaxies on a flat sky, 99 x 99 pixels: 22 free parameters.",
        shape=(99, 99),
        truth=[
            _sky(1.5),
            _sersic(
                "sersic 0",
                68.44035491,
                65.58516735,
                0.54945988,
                37.19794926,
                2.14513004,
                22.05219055,
                2.45583024,
            ),
            _sersic(
                "sersic 1",
                54.00353786,
                41.54430634,
                0.40203928,
                172.03862521,
                2.88613347,
                12.095631,
                2.76711163,
            ),
            _sersic(
                "sersic 2", 43.13601431, 58.3422508, 0.71894728, 77.07973506, 3.264371, 4.3767236, 2.41520244
            ),
        ],
        start=[
            _sky(1.4),
            _sersic("sersic 0", 67.0, 66.0, 0.6, 40.0, 1.5, 25.0, 2.0),
            _sersic("sersic 1", 55.0, 40.0, 0.5, 170.0, 2.0, 10.0, 3.0),
            _sersic("sersic 2", 41.0, 60.0, 0.8, 80.0, 3.0, 5.0, 2.0),
        ],
        noise="half-poisson",
        seed=42,
        psf=lambda: gaussian_psf(2.0, 21),
        blurred=False,
    ),
    "disk": Example(
        title="One blurred disk galaxy",
        summary="A bulge and a disk seen through a PSF, 120 x 100 pixels, with nothing but their center given.",
        shape=(100, 120),
        truth=[
            _sky(1.0),
            _sersic("disk", 61.7, 48.9, 0.45, 118.0, 1.0, 16.0, 1.5),
            _sersic("bulge", 61.7, 48.9, 0.8, 118.0, 3.0, 4.0, 2.1),
        ],
        start=[
            {"name": "sky", "model": "flat sky"},
            {"name": "disk", "model": "exponential", "parameters": {"center": [61, 48]}},
            {"name": "bulge", "model": "sersic", "parameters": {"center": {"link": "disk.center"}}},
        ],
        noise="half-poisson",
        seed=7,
        psf=lambda: gaussian_psf(1.6, 21),
        blurred=True,
    ),
}


def examples() -> dict[str, str]:
    """Return name and one line of text for each example."""
    return {name: example.summary for name, example in EXAMPLES.items()}


def _find(name: str) -> Example:
    if name not in EXAMPLES:
        raise DescriptionError(f"There is no example '{name}'. {did_you_mean(name, EXAMPLES)}")
    return EXAMPLES[name]


def example(name: str) -> dict[str, Any]:
    """Return the description of an example with its arrays in it, for :func:`engine.load`.

    Raises :class:`DescriptionError` for an unknown name.
    """
    case = _find(name)
    psf = case.psf()
    image, truth = simulate(
        case.truth, case.shape, seed=case.seed, noise=case.noise, psf=psf if case.blurred else None
    )
    variance = truth / 4 if case.noise == "half-poisson" else np.full(case.shape, float(case.noise) ** 2)
    entry: dict[str, Any] = {"name": name, "data": np.array(image.data), "variance": variance}
    if case.blurred:
        entry["psf"] = psf
    return {
        "residua": 1,
        "images": [entry],
        "components": copy.deepcopy(case.start),
        "fitters": ["lm"],
        "seed": 42,
    }


@functools.lru_cache(maxsize=8)
def _pixels(name: str) -> np.ndarray:
    return np.asarray(example(name)["images"][0]["data"])


def true_values(problem: Problem) -> dict[str, float]:
    """Return the true values of parameters where ``problem`` is about the image of an example, else nothing.

    Components are matched by name and model; values are those the image was made with, keyed as in the problem.
    """
    image = problem.image
    for name, case in EXAMPLES.items():
        if image.shape != case.shape or image.origin != (0, 0):
            continue
        if not np.array_equal(image.data, _pixels(name)):
            continue
        models = {component.name: component.model.key for component in problem.components}
        found: dict[str, float] = {}
        for part in case.truth:
            if models.get(part["name"]) == part["model"]:
                for key, value in part["parameters"].items():
                    pairs = zip(("x", "y"), value, strict=True) if key == "center" else (("", value),)
                    found |= {f"{part['name']}.{key}{axis and '.' + axis}": float(v) for axis, v in pairs}
        return {p.key: found[p.key] for p in problem.parameters if p.key in found}
    return {}


def write_example(name: str, folder: str | Path) -> Path:
    """Write an example's FITS files and ``fit.yaml`` into ``folder``; return the path of the latter.

    The seed problem's PSF is written but not used, as in its source.

    Raises :class:`DescriptionError` for an unknown name or a folder that cannot be written.
    """
    from astropy.io import fits

    case = _find(name)
    folder = Path(folder)
    description = example(name)
    entry = description["images"][0]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for role, array in (("data", entry["data"]), ("variance", entry["variance"]), ("psf", case.psf())):
            file = "image.fits" if role == "data" else f"{role}.fits"
            fits.PrimaryHDU(np.asarray(array, dtype=np.float64)).writeto(folder / file, overwrite=True)
            if role in entry:
                entry[role] = file
        path = folder / "fit.yaml"
        path.write_text(yaml.safe_dump(description, sort_keys=False), encoding="utf-8")
    except OSError as error:
        raise DescriptionError(f"{folder} cannot be written: {error.strerror}.") from error
    return path
