"""The exponential profile, Freeman (1970), in the half-light notation of the Sersic profile."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from engine.profiles.base import Profile
from engine.profiles.sersic import INTENSITY_E, RADIUS_E, sersic_bn


def shape(radius: Tensor, radius_e: Tensor) -> Tensor:
    """Return the brightness relative to that at radius_e; shape of ``radius``."""
    return torch.exp(-sersic_bn(1.0) * (radius / radius_e - 1))


def shape_gradient(radius: Tensor, radius_e: float) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Return the shape and its derivatives by radius and radius_e."""
    slope = sersic_bn(1.0) / radius_e
    f = torch.exp((radius - radius_e).mul_(-slope))
    by_scale = (f * radius).mul_(slope / radius_e)
    return f, f * -slope, [by_scale]


def flux(radius_e: float) -> float:
    """Return the total flux for intensity_e = 1 and axis ratio 1."""
    b = sersic_bn(1.0)
    return 2 * math.pi * (radius_e / b) ** 2 * math.exp(b)


def grading(radius_e: float) -> float:
    """Return 1: no cusp."""
    return 1.0


def scale(radius_e: float) -> float:
    """Return radius_e."""
    return radius_e


EXPONENTIAL = Profile(
    name="exponential",
    title="Exponential",
    summary="A disk: a Sersic profile of index 1. Its scale length is radius_e / 1.678.",
    formula="intensity_e exp(-1.678 (R / radius_e - 1))",
    source="Freeman 1970",
    amplitude=INTENSITY_E,
    specs=(RADIUS_E,),
    shape=shape,
    shape_gradient=shape_gradient,
    flux=flux,
    grading=grading,
    scale=scale,
)
