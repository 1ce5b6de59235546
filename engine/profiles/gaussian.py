"""The Gaussian profile."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from engine.parameters.spec import Spec
from engine.profiles.base import Profile
from engine.profiles.central import INTENSITY_0

SIGMA = Spec(
    name="sigma",
    unit="pixel",
    lower=1e-3,
    default=3.0,
    help="Standard deviation along the major axis; the full width at half maximum is 2.355 sigma.",
)
# Half of the flux lies inside this many sigma, where the brightness is half of the central one too.
_HALF_LIGHT = math.sqrt(2 * math.log(2))


def shape(radius: Tensor, sigma: Tensor) -> Tensor:
    """Return the brightness relative to the center; shape of ``radius``."""
    return torch.exp(-0.5 * (radius / sigma) ** 2)


def shape_gradient(radius: Tensor, sigma: float) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Return the shape and its derivatives by radius and sigma."""
    square = (radius / sigma).square_()
    f = torch.exp(square * -0.5)
    return f, (f * radius).mul_(-1 / sigma**2), [square.mul_(f).div_(sigma)]


def flux(sigma: float) -> float:
    """Return the total flux for intensity_0 = 1 and axis ratio 1."""
    return 2 * math.pi * sigma**2


def grading(sigma: float) -> float:
    """Return 1/2: the profile is smooth in the square of the radius."""
    return 0.5


def scale(sigma: float) -> float:
    """Return the half-light radius, which is half of the full width at half maximum."""
    return _HALF_LIGHT * sigma


def starts(radius_e: float) -> dict[str, float]:
    """Return the sigma of that half-light radius."""
    return {"sigma": radius_e / _HALF_LIGHT}


GAUSSIAN = Profile(
    name="gaussian",
    title="Gaussian",
    summary="A soft blob without wings: a compact source or one term of a sum of Gaussians.",
    formula="intensity_0 exp(-R^2 / (2 sigma^2))",
    source="definition",
    amplitude=INTENSITY_0,
    specs=(SIGMA,),
    shape=shape,
    shape_gradient=shape_gradient,
    flux=flux,
    grading=grading,
    scale=scale,
    starts=starts,
)
