"""The Nuker profile, Lauer et al. (1995), eq. 3; Byun et al. (1996)."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import softplus

from engine.parameters.spec import Spec
from engine.profiles.base import Break, Profile

INTENSITY_BREAK = Spec(
    name="intensity_break",
    unit="flux/pixel",
    lower=0.0,
    default=1.0,
    label="intensity at break",
    help="Surface brightness at radius_break.",
)
RADIUS_BREAK = Spec(
    name="radius_break",
    unit="pixel",
    lower=1e-2,
    default=5.0,
    label="break radius",
    help="Semi-major axis at which the inner slope turns into the outer one.",
)
ALPHA = Spec(
    name="alpha",
    unit="",
    lower=0.2,
    upper=50.0,
    default=2.0,
    help="Sharpness of the break: large is abrupt.",
)
BETA = Spec(
    name="beta",
    unit="",
    lower=0.0,
    upper=20.0,
    default=2.5,
    help="Outer slope: the brightness falls as R^(-beta) far out. The total flux is infinite up to 2.",
)
GAMMA = Spec(
    name="gamma",
    unit="",
    lower=0.0,
    upper=1.8,
    default=0.5,
    help="Inner slope: the brightness rises as R^(-gamma) towards the center; 0 is a flat core.",
)
_LOG_2 = math.log(2)
# Beyond this argument softplus is the argument itself to the last digit.
_LINEAR = 40.0


def shape(radius: Tensor, radius_break: Tensor, alpha: Tensor, beta: Tensor, gamma: Tensor) -> Tensor:
    """Return the brightness relative to that at radius_break; shape of ``radius``."""
    log_x = torch.log(radius / radius_break)
    turn = softplus(alpha * log_x, threshold=_LINEAR) - _LOG_2
    return torch.exp(-gamma * log_x - (beta - gamma) / alpha * turn)


def shape_gradient(
    radius: Tensor, radius_break: float, alpha: float, beta: float, gamma: float
) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Return the shape and its derivatives by radius, radius_break, alpha, beta and gamma."""
    log_x = torch.log(radius / radius_break)
    turn = softplus(alpha * log_x, threshold=_LINEAR) - _LOG_2
    share = torch.sigmoid(alpha * log_x)
    f = torch.exp(-gamma * log_x - (beta - gamma) / alpha * turn)
    fall = f * (gamma + (beta - gamma) * share)
    return (
        f,
        (fall / radius).neg_(),
        [
            fall / radius_break,
            f * ((beta - gamma) / alpha) * (turn / alpha - share * log_x),
            f * turn / -alpha,
            f * (turn / alpha - log_x),
        ],
    )


def flux(radius_break: float, alpha: float, beta: float, gamma: float) -> float:
    """Return the total flux for intensity_break = 1 and axis ratio 1; inf for beta up to 2."""
    if beta <= 2:
        return math.inf
    inner, outer = (2 - gamma) / alpha, (beta - 2) / alpha
    log_beta = math.lgamma(inner) + math.lgamma(outer) - math.lgamma(inner + outer)
    return 2 * math.pi * radius_break**2 / alpha * math.exp((beta - gamma) / alpha * _LOG_2 + log_beta)


def grading(radius_break: float, alpha: float, beta: float, gamma: float) -> float:
    """Return k that makes R**(1 - gamma) dR a polynomial and (R / break)**alpha at least a square."""
    return cusp_grading(alpha, gamma)


def cusp_grading(alpha: float, gamma: float) -> float:
    """Return the multiple of 1 / (2 - gamma), at most about 20, that turns R**alpha into s**2 or smoother.

    It also makes the slope, R**(-gamma) dR, a polynomial or smoother, as the derivatives by the center need it. From
    gamma = 1 on that integral exists only as a principal value, and the central pixel's derivative is rough.
    """
    power = 2 - gamma
    wanted = max(min(2 / alpha, 20.0), 1 / (1 - min(gamma, 0.8)))
    return max(1, math.ceil(wanted * power - 1e-9)) / power


def scale(radius_break: float, alpha: float, beta: float, gamma: float) -> float:
    """Return radius_break."""
    return radius_break


def break_at(radius_break: float, alpha: float, beta: float, gamma: float) -> Break:
    """Return the break, on either side of which the profile is smooth."""
    return Break(radius_break)


def starts(radius_e: float) -> dict[str, float]:
    """Return a break at that half-light radius."""
    return {"radius_break": radius_e}


NUKER = Profile(
    name="nuker",
    title="Nuker",
    summary="The center of an early-type galaxy: two power laws with a break between them.",
    formula="intensity_break 2^((beta - gamma) / alpha) x^(-gamma) (1 + x^alpha)^((gamma - beta) / alpha), "
    "x = R / radius_break",
    source="Lauer et al. 1995, eq. 3; Byun et al. 1996",
    amplitude=INTENSITY_BREAK,
    specs=(RADIUS_BREAK, ALPHA, BETA, GAMMA),
    shape=shape,
    shape_gradient=shape_gradient,
    flux=flux,
    grading=grading,
    scale=scale,
    break_at=break_at,
    starts=starts,
)
