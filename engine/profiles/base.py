"""What a profile supplies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from engine.parameters.spec import Spec


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
