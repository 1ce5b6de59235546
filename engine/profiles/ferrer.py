"""The modified Ferrer profile: Ferrers (1877), with the free central slope of Laurikainen et al. (2005)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from engine.parameters.spec import Spec
from engine.profiles.base import Break, Profile
from engine.profiles.central import INTENSITY_0

RADIUS_EDGE = Spec(
    name="radius_edge",
    unit="pixel",
    lower=1e-2,
    default=10.0,
    label="edge radius",
    help="Semi-major axis of the edge, beyond which there is no light.",
)
ALPHA = Spec(
    name="alpha",
    unit="",
    lower=0.3,
    upper=20.0,
    default=2.0,
    help="How gently the profile meets its edge, as (radius_edge - R)^alpha.",
)
BETA = Spec(
    name="beta",
    unit="",
    lower=-10.0,
    upper=1.8,
    default=0.0,
    help="Central slope: 0 is a round top, above 0 a peak, below 0 a plateau.",
)


def shape(radius: Tensor, radius_edge: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
    """Return the brightness relative to the center, 0 from the edge on; shape of ``radius``."""
    inside = radius < radius_edge
    # A harmless stand-in outside: autograd must not meet the infinite slope at the edge.
    x = torch.where(inside, radius / radius_edge, torch.full_like(radius, 0.5))
    return torch.where(inside, (-torch.expm1((2 - beta) * torch.log(x))) ** alpha, torch.zeros_like(radius))


def shape_gradient(
    radius: Tensor, radius_edge: float, alpha: float, beta: float
) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Return the shape and its derivatives by radius, radius_edge, alpha and beta."""
    inside = radius < radius_edge
    log_x = torch.log(torch.where(inside, radius / radius_edge, 0.5))
    power = torch.exp((2 - beta) * log_x)
    depth = -torch.expm1((2 - beta) * log_x)
    f = torch.where(inside, depth**alpha, 0.0)
    # d f / d ln(x) without its sign and its factor 2 - beta
    fall = f / depth * power * alpha
    by_radius = fall / radius * (beta - 2)
    return f, by_radius, [fall * ((2 - beta) / radius_edge), f * torch.log(depth), fall * log_x]


def flux(radius_edge: float, alpha: float, beta: float) -> float:
    """Return the total flux for intensity_0 = 1 and axis ratio 1."""
    a = 2 / (2 - beta)
    log_beta = math.lgamma(a) + math.lgamma(alpha + 1) - math.lgamma(a + alpha + 1)
    return math.pi * radius_edge**2 * a * math.exp(log_beta)


def grading(radius_edge: float, alpha: float, beta: float) -> float:
    """Return the smallest multiple of 1 / (2 - beta) that is at least 1, which makes the power of R a whole one."""
    return math.ceil(2 - beta - 1e-9) / (2 - beta)


def scale(radius_edge: float, alpha: float, beta: float) -> float:
    """Return half of the edge radius."""
    return 0.5 * radius_edge


def break_at(radius_edge: float, alpha: float, beta: float) -> Break:
    """Return the edge."""
    return Break(radius_edge, max(1, math.ceil(2 / alpha)))


def starts(radius_e: float) -> dict[str, float]:
    """Return the edge of that half-light radius, for the default slopes."""
    return {"radius_edge": 2.2 * radius_e}


FERRER = Profile(
    name="ferrer",
    title="Ferrer",
    summary="A bar or a lens: a nearly flat inner part and an edge.",
    formula="intensity_0 (1 - (R / radius_edge)^(2 - beta))^alpha inside radius_edge, 0 outside",
    source="Ferrers 1877; Laurikainen, Salo & Buta 2005; Peng et al. 2010",
    amplitude=INTENSITY_0,
    specs=(RADIUS_EDGE, ALPHA, BETA),
    shape=shape,
    shape_gradient=shape_gradient,
    flux=flux,
    grading=grading,
    scale=scale,
    break_at=break_at,
    starts=starts,
)
