"""What a profile supplies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from engine.parameters.spec import Spec
from engine.render.arrays import Array, Arrays


@dataclass(frozen=True)
class ShapeSlopes:
    """What scores of the shapes, (..., sample), come to.

    Attributes:
        squares: Scores of the squares of the radii, (..., sample), but for ``factor``.
        factor: That multiplies them, (...).
        parameters: Slopes in the parameters, (..., parameter).
        total: The sum of scores times shapes, (...).
    """

    squares: Array
    factor: np.ndarray
    parameters: np.ndarray
    total: np.ndarray


@dataclass(frozen=True)
class Shapes:
    """The shapes of many sets of parameters: ``scale`` times ``values``.

    Attributes:
        values: At the samples, (..., sample).
        scale: (...).
        pull: From scores of the shapes, which it overwrites, to :class:`ShapeSlopes`.
    """

    values: Array
    scale: np.ndarray
    pull: Callable[[Array], ShapeSlopes]


@dataclass(frozen=True)
class Break:
    """A radius at which a profile ends or bends sharply.

    Attributes:
        radius: In pixels.
        power: p such that the profile is smooth in s where radius - R = s**p, inside the break; 1 where it bends.
        core: A second, smaller radius at which it bends softly; 0 for none.
    """

    radius: float
    power: int = 1
    core: float = 0.0


def _no_starts(radius_e: float) -> dict[str, float]:
    return {}


@dataclass(frozen=True)
class Profile:
    """Surface brightness as amplitude times shape(radius).

    Attributes:
        name: Key of the model that puts this profile on ellipses, such as ``sersic``.
        title: Name for a screen.
        summary: One sentence.
        formula: The brightness in symbols.
        source: Paper and equation.
        amplitude: The parameter in which the brightness is linear.
        specs: The other parameters, in the order in which the functions take them.
        shape: ``(radius, *parameters) -> shape``, differentiable by autograd.
        shape_gradient: ``(radius, *floats) -> (shape, d shape / d radius, [d shape / d p ...])``.
        flux: ``(*floats) -> `` integral over the plane for amplitude 1 and axis ratio 1; inf where it diverges.
        grading: ``(*floats) -> k`` such that shape(s**k) is smooth in s at s = 0: how cuspy the center is.
        scale: ``(*floats) -> `` a radius, in pixels, that says how large the object looks.
        break_at: ``(*floats) -> `` the :class:`Break` that the integration must respect; None where the profile
            is smooth away from its center.
        of_squares: ``(radius**2 (..., sample), parameters (..., parameter), work arrays) -> Shapes``: many sets of
            parameters at once; None where autograd does.
        starts: ``(radius_e) -> {parameter: value}``, starting values for an object of that half-light radius.
    """

    name: str
    title: str
    summary: str
    formula: str
    source: str
    amplitude: Spec
    specs: tuple[Spec, ...]
    shape: Callable[..., Tensor]
    shape_gradient: Callable[..., tuple[Tensor, Tensor, list[Tensor]]]
    flux: Callable[..., float]
    grading: Callable[..., float]
    scale: Callable[..., float]
    break_at: Callable[..., Break] | None = None
    starts: Callable[[float], dict[str, float]] = _no_starts
    of_squares: Callable[[Array, np.ndarray, Arrays], Shapes] | None = None
