"""The Moffat profile, Moffat (1969)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from engine.parameters.spec import Spec
from engine.profiles.base import Break, Profile
from engine.profiles.central import INTENSITY_0

RADIUS_CORE = Spec(
    name="radius_core",
    unit="pixel",
    lower=1e-3,
    default=3.0,
    label="core radius",
    help="Semi-major axis of the core; the full width at half maximum is 2 radius_core sqrt(2^(1/beta) - 1).",
)
BETA = Spec(
    name="beta",
    unit="",
    lower=1.01,
    upper=50.0,
    default=2.5,
    help="Steepness of the wings, which fall as R^(-2 beta); 2.5 to 4.8 for stars seen through air.",
)


def shape(radius: Tensor, radius_core: Tensor, beta: Tensor) -> Tensor:
    """Return the brightness relative to the center; shape of ``radius``."""
    return (1 + (radius / radius_core) ** 2) ** (-beta)


def shape_gradient(radius: Tensor, radius_core: float, beta: float) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Return the shape and its derivatives by radius, radius_core and beta."""
    square = (radius / radius_core).square_()
    log = torch.log1p(square)
    f = torch.exp(log * -beta)
    # -d ln f / d (R / core)**2, times f
    fall = (f / (1 + square)).mul_(beta)
    by_radius = (fall * radius).mul_(-2 / radius_core**2)
    return f, by_radius, [square.mul_(fall).mul_(2 / radius_core), log.mul_(f).neg_()]


def flux(radius_core: float, beta: float) -> float:
    """Return the total flux for intensity_0 = 1 and axis ratio 1."""
    return math.pi * radius_core**2 / (beta - 1) if beta > 1 else math.inf


def grading(radius_core: float, beta: float) -> float:
    """Return 1/2: the profile is smooth in the square of the radius."""
    return 0.5


def scale(radius_core: float, beta: float) -> float:
    """Return half of the full width at half maximum."""
    return radius_core * math.sqrt(2 ** (1 / beta) - 1)


def break_at(radius_core: float, beta: float) -> Break:
    """Return the core, where the wings begin."""
    return Break(radius_core)


def starts(radius_e: float) -> dict[str, float]:
    """Return the core radius of that half-light radius, for the default wings."""
    return {"radius_core": radius_e / math.sqrt(2 ** (1 / (BETA.default - 1)) - 1)}


MOFFAT = Profile(
    name="moffat",
    title="Moffat",
    summary="A core with power-law wings, such as a star seen through air.",
    formula="intensity_0 (1 + (R / radius_core)^2)^(-beta)",
    source="Moffat 1969, eq. 7",
    amplitude=INTENSITY_0,
    specs=(RADIUS_CORE, BETA),
    shape=shape,
    shape_gradient=shape_gradient,
    flux=flux,
    grading=grading,
    scale=scale,
    break_at=break_at,
    starts=starts,
)
