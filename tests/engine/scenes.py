"""Small problems with known answers, shared by the engine's tests."""

from typing import Any

import numpy as np

import engine
from engine.simulate import gaussian_psf, simulate

GALAXY: dict[str, Any] = {
    "name": "galaxy",
    "model": "sersic",
    "parameters": {
        "center": [23.4, 17.8],
        "axis_ratio": 0.6,
        "position_angle": 30.0,
        "radius_e": 5.0,
        "n": 1.5,
        "intensity_e": 20.0,
    },
}
SKY: dict[str, Any] = {"name": "sky", "model": "flat sky", "parameters": {"intensity": 5.0}}


def with_parameters(component: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return a copy of a component in which some parameters are different, or gone where None."""
    parameters = {**component["parameters"], **changes}
    return {**component, "parameters": {key: value for key, value in parameters.items() if value is not None}}


def description(
    components: list[dict[str, Any]],
    truth: list[dict[str, Any]] | None = None,
    *,
    shape: tuple[int, int] = (40, 48),
    noise: float = 1.0,
    psf: bool = False,
    seed: int = 1,
    **more: Any,
) -> dict[str, Any]:
    """Return the description of a simulated image of ``truth`` to be fitted with ``components``."""
    kernel = gaussian_psf(1.2, 11) if psf else None
    image, _ = simulate(truth or [GALAXY, SKY], shape, seed=seed, noise=noise, psf=kernel)
    entry: dict[str, Any] = {"data": np.array(image.data), "sigma": np.full(shape, noise)}
    if kernel is not None:
        entry["psf"] = kernel
    return {"residua": 1, "images": [entry], "components": components, **more}


def problem(components: list[dict[str, Any]] | None = None, **options: Any) -> engine.Problem:
    """Return a simulated problem; the galaxy and the sky at their true values unless told otherwise."""
    return engine.load(description(components or [GALAXY, SKY], **options))
