"""Components with typical parameters, for tests that run over every model."""

from typing import Any

import numpy as np

import engine

GEOMETRY = {"axis_ratio": 0.7, "position_angle": 30.0}

# One example of each profile: shape parameters, and an amplitude that makes it a few hundred counts bright.
PROFILES: dict[str, dict[str, float]] = {
    "sersic": {"radius_e": 5.0, "n": 2.3, "intensity_e": 20.0},
    "exponential": {"radius_e": 6.0, "intensity_e": 40.0},
    "de vaucouleurs": {"radius_e": 8.0, "intensity_e": 10.0},
    "gaussian": {"sigma": 3.0, "intensity_0": 200.0},
    "moffat": {"radius_core": 4.0, "beta": 2.5, "intensity_0": 300.0},
    "king": {"radius_core": 4.0, "radius_edge": 18.0, "alpha": 2.0, "intensity_0": 300.0},
    "ferrer": {"radius_edge": 12.0, "alpha": 1.5, "beta": 0.5, "intensity_0": 200.0},
    "nuker": {"radius_break": 5.0, "alpha": 2.0, "beta": 3.0, "gamma": 0.5, "intensity_break": 100.0},
    "core-sersic": {
        "radius_e": 9.0,
        "n": 2.5,
        "radius_break": 2.5,
        "alpha": 4.0,
        "gamma": 0.2,
        "intensity_break": 150.0,
    },
}


def galaxy(model: str, center: tuple[float, float], **changes: float) -> dict[str, Any]:
    """A component of the fit description named ``galaxy``."""
    parameters = {"center.x": center[0], "center.y": center[1], **GEOMETRY, **PROFILES[model], **changes}
    return {"name": "galaxy", "model": model, "parameters": parameters}


def problem_of(
    components: list[dict[str, Any]],
    shape: tuple[int, int] = (31, 33),
    psf: np.ndarray | None = None,
    oversampling: int = 1,
    **image: Any,
) -> engine.Problem:
    """A problem on an image of ones with sigma 1."""
    entry: dict[str, Any] = {"data": np.ones(shape), "sigma": np.ones(shape), **image}
    if psf is not None:
        entry |= {"psf": psf, "psf_oversampling": oversampling}
    return engine.load({"residua": 1, "images": [entry], "components": components})


def asymmetric_psf(rows: int, columns: int, rng: np.random.Generator) -> np.ndarray:
    """A lopsided PSF of positive pixels, sum 1, brightest near its origin."""
    y, x = np.mgrid[:rows, :columns]
    spot = np.exp(-0.5 * ((x - columns // 2 - 0.4) ** 2 / 1.5 + (y - rows // 2 + 0.3) ** 2 / 2.5))
    psf = spot + 0.05 * rng.random((rows, columns))
    return np.asarray(psf / psf.sum())
