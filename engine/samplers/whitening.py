"""Coordinates in which the posterior is about a unit Gaussian around the origin."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from engine.parameters import ParameterSpace
from engine.parameters.transform import Transform
from engine.problem import NormalEquations

# Correlations beyond this are not believed: the direction is taken to be shorter than the Hessian says.
_FLATTEST = 1e-7


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
    """Return x with parameters on a bound moved inside, by about the width of their posterior.

    On a bound the posterior falls off within 1 / slope or within one conditional sigma, whichever is less.
    """
    slope, bend = np.abs(normal.gradient), np.diag(normal.hessian)
    with np.errstate(divide="ignore"):
        depth = np.minimum(
            np.where(slope > 0, 1 / slope, np.inf), np.where(bend > 0, 1 / np.sqrt(bend), np.inf)
        )
    span = np.where(np.isfinite(space.upper - space.lower), space.upper - space.lower, np.inf)
    depth = np.minimum(depth, 0.25 * span)
    depth = np.where(np.isfinite(depth), depth, np.maximum(np.abs(x), 1.0))
    # Closer than a hundredth of that to a bound, the logarithm's slope there is no guide to the posterior.
    low = np.where(np.isfinite(space.lower) & (x - space.lower < 0.01 * depth), space.lower + depth, x)
    return np.where(np.isfinite(space.upper) & (space.upper - x < 0.01 * depth), space.upper - depth, low)


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
