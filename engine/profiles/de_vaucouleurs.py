"""The R^(1/4) law, de Vaucouleurs (1948), in the half-light notation of the Sersic profile."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.profiles import sersic
from engine.profiles.base import Profile
from engine.profiles.sersic import INTENSITY_E, RADIUS_E, sersic_bn

_N = 4.0


def shape(radius: Tensor, radius_e: Tensor) -> Tensor:
    """Return the brightness relative to that at radius_e; shape of ``radius``."""
    return torch.exp(-sersic_bn(_N) * ((radius / radius_e) ** (1 / _N) - 1))


def shape_gradient(radius: Tensor, radius_e: float) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Return the shape and its derivatives by radius and radius_e."""
    b = sersic_bn(_N)
    z = (radius / radius_e).sqrt_().sqrt_()
    f = torch.exp((z - 1).mul_(-b))
    fz = z.mul_(f).mul_(b / _N)
    return f, (fz / radius).neg_(), [fz / radius_e]


def flux(radius_e: float) -> float:
    """Return the total flux for intensity_e = 1 and axis ratio 1."""
    return sersic.flux(radius_e, _N)


def grading(radius_e: float) -> float:
    """Return 4: the exponent is linear in s for radius = s**4."""
    return _N


def scale(radius_e: float) -> float:
    """Return radius_e."""
    return radius_e


DE_VAUCOULEURS = Profile(
    name="de vaucouleurs",
    title="De Vaucouleurs",
    summary="An elliptical galaxy or a classical bulge: a Sersic profile of index 4.",
    formula="intensity_e exp(-7.669 ((R / radius_e)^(1/4) - 1))",
    source="de Vaucouleurs 1948",
    amplitude=INTENSITY_E,
    specs=(RADIUS_E,),
    shape=shape,
    shape_gradient=shape_gradient,
    flux=flux,
    grading=grading,
    scale=scale,
)
