"""What a geometry supplies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from engine.parameters.spec import Spec


@dataclass(frozen=True)
class Geometry:
    """A radius over the plane, homogeneous of degree one in the offsets.

    Attributes:
        name: Short name.
        specs: Its parameters, in the order in which the functions take them.
        radius: ``(dx, dy, *parameters) -> radius``, differentiable by autograd.
        half_square_gradient: ``(dx, dy, *parameters) -> (radius, [radius * d radius / d p ...])`` for p in
            center x, center y, then each of ``specs``. The product spares a division per parameter.
        metric: ``(*parameters) -> (a, b, c)`` with radius**2 close to a dx**2 + 2 b dx dy + c dy**2.
        metric_gradient: ``(parameters (..., parameter)) -> ((..., 3), (..., 3, parameter))``: the metric of many and
            its derivatives, where radius**2 is that quadratic form exactly; None where it is not.
        smallest_scale: ``(*parameters) -> `` shortest distance, in units of the radius, over which the radius
            changes (the axis ratio of an ellipse).
        formula: The radius in words or symbols, for lists of models.
    """

    name: str
    specs: tuple[Spec, ...]
    radius: Callable[..., Tensor]
    half_square_gradient: Callable[..., tuple[Tensor, list[Tensor]]]
    metric: Callable[..., tuple[float, float, float]]
    smallest_scale: Callable[..., float]
    formula: str
    metric_gradient: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]] | None = None
