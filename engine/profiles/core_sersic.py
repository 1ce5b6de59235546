"""The core-Sersic profile, Graham et al. (2003), in the form of Trujillo et al. (2004).

radius_e and n are those of the outer Sersic profile; b_n is the Sersic profile's own, so that radius_e holds half of
the flux only as far as the core is small.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import softplus

from engine.parameters.spec import Spec
from engine.profiles.base import Break, Profile
from engine.profiles.nuker import INTENSITY_BREAK, RADIUS_BREAK, cusp_grading
from engine.profiles.sersic import bn_and_slope, sersic_bn

RADIUS_E = Spec(
    name="radius_e",
    unit="pixel",
    lower=1e-3,
    default=15.0,
    help="Semi-major axis of the half-light ellipse of the outer Sersic profile.",
)
N = Spec(
    name="n",
    unit="",
    lower=0.3,
    upper=12.0,
    default=4.0,
    help="Sersic index of the outer profile.",
)
ALPHA = Spec(
    name="alpha",
    unit="",
    lower=0.3,
    upper=50.0,
    default=3.0,
    help="Sharpness of the break between core and Sersic profile: large is abrupt.",
)
GAMMA = Spec(
    name="gamma",
    unit="",
    lower=0.0,
    upper=1.8,
    default=0.1,
    help="Slope of the core: the brightness rises as R^(-gamma) towards the center; 0 is flat.",
)
_LOG_2 = math.log(2)
_LINEAR = 40.0


def shape(
    radius: Tensor, radius_e: Tensor, n: Tensor, radius_break: Tensor, alpha: Tensor, gamma: Tensor
) -> Tensor:
    """Return the brightness relative to that at radius_break; shape of ``radius``."""
    log_x = torch.log(radius / radius_break)
    core = softplus(-alpha * log_x, threshold=_LINEAR) - _LOG_2
    at_break = (radius_break / radius_e * 2 ** (1 / alpha)) ** (1 / n)
    turn = softplus(alpha * log_x, threshold=_LINEAR) - _LOG_2
    z = at_break * torch.exp(turn / (alpha * n))
    return torch.exp(gamma / alpha * core - sersic_bn(n) * (z - at_break))


def shape_gradient(
    radius: Tensor, radius_e: float, n: float, radius_break: float, alpha: float, gamma: float
) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Return the shape and its derivatives by radius, radius_e, n, radius_break, alpha and gamma."""
    b, b_slope = bn_and_slope(n)
    log_x = torch.log(radius / radius_break)
    core = softplus(-alpha * log_x, threshold=_LINEAR) - _LOG_2
    turn = core + alpha * log_x
    log_at_break = (math.log(radius_break / radius_e) + _LOG_2 / alpha) / n
    at_break = math.exp(log_at_break)
    log_z = log_at_break + turn / (alpha * n)
    z = torch.exp(log_z)
    f = torch.exp(gamma / alpha * core - b * (z - at_break))
    share = torch.sigmoid(alpha * log_x)
    inner = (gamma - z * (b / n)) * (1 - share)
    # With z = exp((ln(break / radius_e) + softplus / alpha) / n), softplus = turn + ln 2
    by_alpha = (
        (core / alpha + (1 - share) * log_x) * (-gamma / alpha)
        - z * (share * log_x - (turn + _LOG_2) / alpha) * (b / (n * alpha))
        - at_break * b * _LOG_2 / (n * alpha**2)
    )
    by_n = (z - at_break) * -b_slope + (z * log_z - at_break * log_at_break) * (b / n)
    return (
        f,
        f * (-gamma * (1 - share) - z * share * (b / n)) / radius,
        [
            f * (z - at_break) * (b / (n * radius_e)),
            f * by_n,
            f * (inner + at_break * b / n) / radius_break,
            f * by_alpha,
            f * core / alpha,
        ],
    )


def flux(radius_e: float, n: float, radius_break: float, alpha: float, gamma: float) -> float:
    """Return the total flux for intensity_break = 1 and axis ratio 1.

    By the trapezoid rule in the logarithm of the radius, which converges exponentially for such profiles.
    """
    step = 0.3 / max(alpha, 3.0)
    low = math.log(radius_break) - 45 / (2 - gamma)
    high = max(math.log(radius_break), math.log(radius_e)) + n * math.log(120 / sersic_bn(n) + 1) + 3
    log_r = torch.arange(low, high, step, dtype=torch.float64)
    values = [torch.tensor(v, dtype=torch.float64) for v in (radius_e, n, radius_break, alpha, gamma)]
    return float(2 * math.pi * step * (shape(torch.exp(log_r), *values) * torch.exp(2 * log_r)).sum())


def grading(radius_e: float, n: float, radius_break: float, alpha: float, gamma: float) -> float:
    """Return k that makes R**(1 - gamma) dR a polynomial and (R / break)**alpha at least a square."""
    return cusp_grading(alpha, gamma)


def scale(radius_e: float, n: float, radius_break: float, alpha: float, gamma: float) -> float:
    """Return radius_e."""
    return radius_e


def break_at(radius_e: float, n: float, radius_break: float, alpha: float, gamma: float) -> Break:
    """Return the break, on either side of which the profile is smooth."""
    return Break(radius_break)


def starts(radius_e: float) -> dict[str, float]:
    """Return a small core in a galaxy of that half-light radius."""
    return {"radius_e": radius_e, "radius_break": max(0.1 * radius_e, 1.0)}


CORE_SERSIC = Profile(
    name="core-sersic",
    title="Core-Sersic",
    summary="A bright elliptical galaxy: a Sersic profile that turns into a shallow power law at the center.",
    formula="intensity_break 2^(-gamma / alpha) (1 + (radius_break / R)^alpha)^(gamma / alpha) "
    "exp(-b_n (((R^alpha + radius_break^alpha) / radius_e^alpha)^(1 / (alpha n)) "
    "- (2^(1 / alpha) radius_break / radius_e)^(1/n)))",
    source="Graham et al. 2003, eq. 5; Trujillo et al. 2004, eq. 5",
    amplitude=INTENSITY_BREAK,
    specs=(RADIUS_E, N, RADIUS_BREAK, ALPHA, GAMMA),
    shape=shape,
    shape_gradient=shape_gradient,
    flux=flux,
    grading=grading,
    scale=scale,
    break_at=break_at,
    starts=starts,
)
