"""A component pulled about in the image: which parameters that means, and what the model is there. Pure functions."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

import engine
from dashboard.figures.limits import for_display, reduction
from dashboard.state import edits
from engine.parameters import Parameter

# While a hand moves, a picture of this many pixels a side is sent: ten a second must get through.
MOVING_SIDE = 512
# Half-light radius of an exponential in scale lengths, where a model counts in those.
HALF_LIGHT = 1.678347
SNAP_STEPS = 8


@dataclass(frozen=True)
class Preview:
    """The model where a component was pulled to.

    Attributes:
        model: Columns for the viewer's image source.
        chi2: Of this model.
        chi2_dof: The same over the degrees of freedom.
    """

    model: dict[str, Any]
    chi2: float
    chi2_dof: float


def pulled(problem: engine.Problem, name: str, shape: Mapping[str, float]) -> dict[str, float]:
    """Values by key of a component whose marker was pulled to this shape, clipped to bounds.

    ``shape`` has some of x, y, radius, axis_ratio and position_angle. A parameter that is linked to another as it
    stands moves that one; other links stay.
    """
    wanted = {
        "x": "center.x",
        "y": "center.y",
        "axis_ratio": "axis_ratio",
        "position_angle": "position_angle",
    }
    by_key = {parameter.key: parameter for parameter in problem.parameters}
    values: dict[str, float] = {}
    for mark, value in shape.items():
        if mark == "radius":
            found = by_key.get(f"{name}.radius_e")
            if found is None:
                found, value = by_key.get(f"{name}.scale_length"), value / HALF_LIGHT
        else:
            found = by_key.get(f"{name}.{wanted[mark]}")
        parameter = None if found is None else _owner(found, by_key)
        if parameter is not None and np.isfinite(value):
            values[parameter.key] = float(np.clip(value, parameter.lower, parameter.upper))
    return values


def _owner(parameter: Parameter, by_key: Mapping[str, Parameter]) -> Parameter | None:
    """The parameter whose value this one has; None where it is worked out from others."""
    for _ in range(len(by_key)):
        if parameter.link is None:
            return parameter
        target = by_key.get(str(parameter.link.text).strip())
        if target is None:
            return None
        parameter = target
    return None


def preview(problem: engine.Problem, values: Mapping[str, float]) -> Preview:
    """Model and chi2 at these values; takes as long as one model."""
    image = problem.image
    model = problem.started(values).render()
    pull = (image.data - model) * np.sqrt(image.weight)
    chi2 = float((pull**2).sum())
    return Preview(
        _columns(model, image.origin),
        chi2,
        chi2 / problem.dof if problem.dof > 0 else np.nan,
    )


def moved(description: Mapping[str, Any], values: Mapping[str, float]) -> dict[str, Any]:
    """The description with these values, as one edit."""
    changed = copy.deepcopy(dict(description))
    for key, value in values.items():
        changed = edits.set_cell(changed, key, "value", value)
    return changed


def snapped(problem: engine.Problem, name: str) -> dict[str, float]:
    """Values of a component after a few steps of lm on it alone, everything else held.

    engine.FitterError where it has no free parameter.
    """
    keep = [number for number, key in enumerate(problem.names) if key.startswith(f"{name}.")]
    if not keep:
        raise engine.FitterError(f"{name} has no free parameter. Free one in the table, then snap again.")
    part = problem.restricted(keep, problem.values)
    result = engine.fit(part, "lm", max_steps=SNAP_STEPS)
    return {key: float(value) for key, value in zip(result.names, result.values, strict=True)}


def _columns(data: np.ndarray, origin: tuple[int, int]) -> dict[str, Any]:
    block = reduction(data.shape, MOVING_SIDE)
    small = for_display(data, block)
    ny, nx = small.shape
    return {
        "image": [small],
        "x": [origin[0] - 0.5],
        "y": [origin[1] - 0.5],
        "dw": [nx * block],
        "dh": [ny * block],
    }
