"""The empirical profile of King (1962), with the free exponent of Elson (1999).

The brightness is (u(R) - u(radius_edge))**alpha with u = (1 + (R / radius_core)**2)**(-1/alpha). It is written
here as (expm1(y) / expm1(y0))**alpha with y = ln((core**2 + edge**2) / (core**2 + R**2)) / alpha and y0 = y(R = 0),
which loses no digits at the edge.
"""

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
    lower=1e-2,
    default=3.0,
    label="core radius",
    help="Semi-major axis of the core, inside which the profile is flat.",
)
RADIUS_EDGE = Spec(
    name="radius_edge",
    unit="pixel",
    lower=1e-2,
    default=20.0,
    label="edge radius",
    help="Semi-major axis of the edge, beyond which there is no light: the tidal radius.",
)
ALPHA = Spec(
    name="alpha",
    unit="",
    lower=0.3,
    upper=20.0,
    default=2.0,
    help="How gently the profile meets its edge, as (radius_edge - R)^alpha; 2 is King's own.",
)


def _log_expm1(y: Tensor) -> Tensor:
    """Return ln(exp(y) - 1) for y > 0, also where exp(y) would overflow."""
    return y + torch.log(-torch.expm1(-y))


def shape(radius: Tensor, radius_core: Tensor, radius_edge: Tensor, alpha: Tensor) -> Tensor:
    """Return the brightness relative to the center, 0 from the edge on; shape of ``radius``."""
    inside = radius < radius_edge
    r = torch.where(inside, radius, torch.zeros_like(radius))
    core = radius_core**2
    y = torch.log1p((radius_edge - r) * (radius_edge + r) / (core + r**2)) / alpha
    y0 = torch.log1p(torch.as_tensor(radius_edge**2 / core)) / alpha
    return torch.where(inside, torch.exp(alpha * (_log_expm1(y) - _log_expm1(y0))), torch.zeros_like(radius))


def shape_gradient(
    radius: Tensor, radius_core: float, radius_edge: float, alpha: float
) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Return the shape and its derivatives by radius, radius_core, radius_edge and alpha."""
    inside = radius < radius_edge
    r = torch.where(inside, radius, 0.0)
    core, edge = radius_core**2, radius_edge**2
    square = core + r * r
    y = torch.log1p((radius_edge - r) * (radius_edge + r) / square) / alpha
    y0 = math.log1p(edge / core) / alpha
    log0 = y0 + math.log(-math.expm1(-y0))
    log = _log_expm1(y) - log0
    f = torch.where(inside, torch.exp(alpha * log), 0.0)
    # d ln(expm1(y)) / d y, at R and at the center
    rise, rise0 = -1 / torch.expm1(-y), -1 / math.expm1(-y0)
    f_rise = f * rise
    by_radius = f_rise * r / square * -2
    by_core = (f_rise * (1 / (core + edge) - 1 / square) - f * (rise0 * (1 / (core + edge) - 1 / core))).mul_(
        2 * radius_core
    )
    by_edge = (f_rise - f * rise0).mul_(2 * radius_edge / (core + edge))
    by_alpha = f * (log + rise0 * y0) - f_rise * y
    return f, by_radius, [by_core, by_edge, by_alpha]


def flux(radius_core: float, radius_edge: float, alpha: float) -> float:
    """Return the total flux for intensity_0 = 1 and axis ratio 1, by Gauss-Legendre quadrature."""
    import numpy as np

    points, weights = np.polynomial.legendre.leggauss(64)
    # R**2 grows from the core exponentially, and the edge is approached as a high power.
    s = 1 - ((1 - points) / 2) ** _power(alpha)
    ds = _power(alpha) * ((1 - points) / 2) ** (_power(alpha) - 1) * weights / 2
    span = math.log1p((radius_edge / radius_core) ** 2)
    square = radius_core**2 * np.expm1(s * span)
    y, y0 = (1 - s) * span / alpha, span / alpha
    f = np.exp(alpha * (y - y0 + np.log(np.expm1(-y) / math.expm1(-y0))))
    return float(math.pi * (f * (square + radius_core**2) * span * ds).sum())


def grading(radius_core: float, radius_edge: float, alpha: float) -> float:
    """Return 1/2: the profile is smooth in the square of the radius."""
    return 0.5


def scale(radius_core: float, radius_edge: float, alpha: float) -> float:
    """Return the geometric mean of the two radii."""
    return math.sqrt(radius_core * radius_edge)


def _power(alpha: float) -> int:
    return max(1, math.ceil(2 / alpha))


def break_at(radius_core: float, radius_edge: float, alpha: float) -> Break:
    """Return the edge, and the core."""
    return Break(radius_edge, _power(alpha), radius_core)


def starts(radius_e: float) -> dict[str, float]:
    """Return a core and an edge around that half-light radius."""
    return {"radius_core": 0.7 * radius_e, "radius_edge": 5 * radius_e}


KING = Profile(
    name="king",
    title="King",
    summary="A globular cluster or a dwarf galaxy: a flat core and a sharp edge.",
    formula="intensity_0 ((u(R) - u(radius_edge)) / (1 - u(radius_edge)))^alpha, "
    "u(R) = (1 + (R / radius_core)^2)^(-1/alpha)",
    source="King 1962, eq. 14 (alpha = 2); Elson 1999",
    amplitude=INTENSITY_0,
    specs=(RADIUS_CORE, RADIUS_EDGE, ALPHA),
    shape=shape,
    shape_gradient=shape_gradient,
    flux=flux,
    grading=grading,
    scale=scale,
    break_at=break_at,
    starts=starts,
)
