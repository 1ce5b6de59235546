"""From a problem to its fit description: engine.load of it gives the same problem."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine.description import VERSION
from engine.models.total_flux import AmplitudeOfTotal
from engine.parameters import Parameter
from engine.problem import Problem


def describe(problem: Problem, x: np.ndarray) -> dict[str, Any]:
    """Return the description of ``problem`` at ``x``, every parameter written out; file paths are absolute."""
    values = problem.all_values(problem.space.wrap(x))
    components = []
    for component in problem.components:
        written: dict[str, Any] = {}
        for parameter in problem.parameters:
            if parameter.component == component.name and not isinstance(parameter.link, AmplitudeOfTotal):
                written[parameter.name] = _written(parameter, values[parameter.key])
        components.append({"name": component.name, "model": component.model.key, "parameters": written})
    description: dict[str, Any] = {
        "residua": VERSION,
        "images": [dict(problem.image_entry) or _entry_of(problem)],
        "components": components,
        "likelihood": problem.likelihood,
    }
    if problem.fitters:
        description["fitters"] = [{name: dict(options)} for name, options in problem.fitters]
    if problem.seed is not None:
        description["seed"] = problem.seed
    if problem.computer.precision != "float64":
        description["precision"] = problem.computer.precision
    if problem.stated_device is not None:
        description["device"] = problem.stated_device
    return description


def _entry_of(problem: Problem) -> dict[str, Any]:
    """The entry of an image that came as an object, its arrays in it; sky coordinates are not kept."""
    image = problem.image
    x0, x1, y0, y1 = image.window or (0, image.shape[1], 0, image.shape[0])
    entry: dict[str, Any] = {"name": image.name}
    # Pixels count in the full image, of which nothing is known outside the window.
    rim = ((y0, 0), (x0, 0))
    entry["data"] = np.pad(image.data, rim)
    if problem.likelihood == "poisson" and image.gain is not None:
        # A gain and a weight are not taken together, and for counts it is the gain that matters.
        entry |= {"gain": image.gain, "mask": np.pad(image.mask, rim, constant_values=True)}
    else:
        entry["weight"] = np.pad(image.weight, rim)
    if image.psf is not None:
        entry |= {"psf": np.array(image.psf), "psf_oversampling": image.psf_oversampling}
    if image.zero_point is not None:
        entry["zero_point"] = image.zero_point
    if image.window is not None:
        entry["window"] = [x0, x1, y0, y1]
    return entry


def _written(parameter: Parameter, value: float) -> Any:
    if parameter.link is not None:
        return {"link": parameter.link.text}
    entry: dict[str, Any] = {"value": value}
    if parameter.fixed:
        entry["fixed"] = True
    spec = parameter.spec
    if (parameter.lower, parameter.upper) != (spec.lower, spec.upper):
        entry["bounds"] = [_or_none(parameter.lower), _or_none(parameter.upper)]
    if parameter.prior is not None:
        entry["prior"] = str(parameter.prior)
    return value if len(entry) == 1 else entry


def _or_none(bound: float) -> float | None:
    return bound if math.isfinite(bound) else None
