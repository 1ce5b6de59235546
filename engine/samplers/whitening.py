"""Coordinates in which the posterior is about a unit Gaussian around the origin."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from engine.normal_equations import NormalEquations
from engine.parameters import ParameterSpace
from engine.parameters.transform import Transform

# Correlations beyond this are not believed: the direction is taken to be shorter than the Hessian says.
_FLATTEST = 1e-7
# Nearer to a bound than this many conditional sigmas, the posterior feels it.
_NEAR = 2.0


@dataclass(frozen=True)
class Whitening:
    """z = center + factor w, with z unconstrained and w white.

    Attributes:
        center: (free,).
        factor: Lower triangular, (free, free).
    """

    center: np.ndarray
    factor: np.ndarray

    def unconstrained(self, w: np.ndarray) -> np.ndarray:
        """Return z, (..., free)."""
        return np.asarray(self.center + w @ self.factor.T)

    def white(self, z: np.ndarray) -> np.ndarray:
        """Return w, (free,)."""
        return np.linalg.solve(self.factor, z - self.center)


def centered_angles(space: ParameterSpace, draws: np.ndarray) -> np.ndarray:
    """Return draws, (..., parameter), with each angle within half a period of its circular mean."""
    draws = draws.copy()
    for i in np.flatnonzero(np.isfinite(space.period)):
        turn = 2 * np.pi / space.period[i]
        angle = turn * draws[..., i]
        middle = math.atan2(float(np.sin(angle).mean()), float(np.cos(angle).mean())) / turn
        half = space.period[i] / 2
        draws[..., i] = middle + np.mod(draws[..., i] - middle + half, space.period[i]) - half
    return draws


def inside(space: ParameterSpace, x: np.ndarray, normal: NormalEquations) -> np.ndarray:
    """Return x with parameters near a bound moved to where their posterior peaks in unconstrained coordinates.

    At the distance u from a bound, the density in ln(u) is u times that in u. With the slope and the curvature of the
    cost at hand, it peaks where u^2 - (u0 + g s^2) u - s^2 = 0, for the distance u0, the slope g of ln(density) in u
    and the conditional sigma s. Nearer to the bound, the Hessian is no guide to the width of the posterior.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        bend = np.diag(normal.hessian)
        sigma = np.where(bend > 0, 1 / np.sqrt(bend), np.inf)
        slope = np.abs(normal.gradient)
        # Where nothing bends, the slope alone tells; where there is neither, the size of the number.
        sigma = np.where(
            np.isfinite(sigma), sigma, np.where(slope > 0, 1 / slope, np.maximum(np.abs(x), 1.0))
        )
    span = np.where(np.isfinite(space.upper - space.lower), space.upper - space.lower, np.inf)
    sigma = np.minimum(sigma, 0.25 * span)

    def moved(distance: np.ndarray, slope: np.ndarray) -> np.ndarray:
        aim = distance + slope * sigma**2
        root = np.sqrt(aim**2 + 4 * sigma**2)
        # Of the two forms of the root, the one without a difference of like numbers.
        peak = np.where(aim > 0, (aim + root) / 2, 2 * sigma**2 / (root - aim))
        near = distance < _NEAR * sigma
        return np.where(near, np.minimum(peak, 0.5 * span), distance)

    with np.errstate(invalid="ignore"):
        low, high = x - space.lower, space.upper - x
        below = np.isfinite(low) & ((low <= high) | ~np.isfinite(high))
        above = np.isfinite(high) & ~below
        raised = np.where(below, space.lower + moved(low, normal.gradient), x)
        return np.where(above, space.upper - moved(high, -normal.gradient), raised)


def of_hessian(
    space: ParameterSpace, transform: Transform, x: np.ndarray, normal: NormalEquations
) -> Whitening:
    """Return the whitening by the Gauss-Newton Hessian ``normal`` at ``x``, which lies inside the bounds."""
    z = transform.unconstrained(x)
    slopes = transform.slopes(z)
    hessian = normal.hessian * np.outer(slopes.first, slopes.first)
    # Second derivatives of -ln(density in z) that the change of variables brings; those that help.
    extra = slopes.log_jacobian_curvature + np.maximum(-normal.gradient * slopes.second, 0.0)
    # An angle is known to half a turn at worst, whatever the data say.
    turn = np.where(np.isfinite(space.period), 12 / np.nan_to_num(space.period, nan=1.0) ** 2, 0.0)
    hessian[np.diag_indices_from(hessian)] += extra + turn
    return Whitening(z, _factor_of_inverse(hessian))


def of_covariance(transform: Transform, x: np.ndarray, covariance: np.ndarray) -> Whitening:
    """Return the whitening by a covariance in physical units, (free, free), around ``x`` inside the bounds."""
    z = transform.unconstrained(x)
    first = transform.slopes(z).first
    return Whitening(z, np.linalg.cholesky(covariance / np.outer(first, first)))


def of_draws(space: ParameterSpace, transform: Transform, draws: np.ndarray) -> Whitening | None:
    """Return the whitening by the spread of earlier draws, (chain, draw, free); None where they are too few."""
    flat = centered_angles(space, draws).reshape(-1, draws.shape[-1])
    if len(flat) < 20 * flat.shape[1]:
        return None
    z = transform.unconstrained(flat)
    return Whitening(z.mean(0), np.linalg.cholesky(np.cov(z.T).reshape(z.shape[1], -1)))


def none(transform: Transform, x: np.ndarray) -> Whitening:
    """Return the unconstrained coordinates themselves, shifted to ``x``."""
    return Whitening(transform.unconstrained(x), np.eye(len(x)))


def _factor_of_inverse(hessian: np.ndarray) -> np.ndarray:
    """The Cholesky factor of the inverse, with directions that are flatter than can be told made shorter."""
    diagonal = np.diag(hessian)
    scale = 1 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    values, vectors = np.linalg.eigh(hessian * np.outer(scale, scale))
    inverse = (vectors / np.maximum(values, _FLATTEST)) @ vectors.T
    return np.asarray(np.linalg.cholesky(inverse * np.outer(scale, scale)))
