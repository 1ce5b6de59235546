"""Bounded parameters on the whole line, so that samplers need not know of bounds.

A flat prior between the bounds stays flat, because the density in z is that in x times d x / d z.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, log_expit

from engine.parameters.space import ParameterSpace

# Beyond this z a parameter is within 1e-13 of its bound (of the distance that matters): no digits are left.
_FARTHEST = 30.0
# Beyond e**100 of its unit, a quantity is a runaway: a posterior that reaches there is not proper.
_LARGEST = 100.0


@dataclass(frozen=True)
class Slopes:
    """Derivatives of x in z, each (..., free).

    Attributes:
        first: d x / d z.
        log_jacobian: ln |d x / d z|, summed over parameters, (...).
        log_jacobian_gradient: Its derivative in z.
        between: True for parameters with two bounds, (free,).
    """

    first: np.ndarray
    log_jacobian: np.ndarray
    log_jacobian_gradient: np.ndarray
    between: np.ndarray

    @property
    def second(self) -> np.ndarray:
        """d2 x / d z2."""
        # With every kind of bounds it is (d x / d z) (d ln |d x / d z| / d z).
        return np.asarray(self.first * self.log_jacobian_gradient)

    @property
    def log_jacobian_curvature(self) -> np.ndarray:
        """Minus the second derivative of the log-Jacobian in z; never negative."""
        # Between bounds the gradient is 1 - 2s and the curvature 2 s (1 - s), for s = 1 / (1 + exp(-z)).
        return np.asarray(np.where(self.between, 0.5 * (1 - self.log_jacobian_gradient**2), 0.0))


class Transform:
    """The map between free parameters x and coordinates z on the whole line, one to one.

    Between two bounds x = lower + (upper - lower) / (1 + exp(-z)); with one bound x = lower + exp(z) or
    upper - exp(-z), so that x always grows with z; without bounds x = z. Angles have no bounds: their z is
    unwrapped, and draws are wrapped when they are reported.
    """

    def __init__(self, lower: np.ndarray, upper: np.ndarray) -> None:
        self.lower, self.upper = np.asarray(lower, dtype=float), np.asarray(upper, dtype=float)
        below, above = np.isfinite(self.lower), np.isfinite(self.upper)
        self.both = np.flatnonzero(below & above)
        self.from_below = np.flatnonzero(below & ~above)
        self.from_above = np.flatnonzero(~below & above)
        self._width = self.upper[self.both] - self.lower[self.both]
        self._log_width = float(np.log(self._width).sum())
        self._between = below & above
        self._one_sided = np.concatenate((self.from_below, self.from_above))
        self._signs = np.repeat([1.0, -1.0], (len(self.from_below), len(self.from_above)))

    @classmethod
    def of(cls, space: ParameterSpace) -> Transform:
        """Return the transform of the free parameters of a space."""
        return cls(space.lower, space.upper)

    def physical(self, z: np.ndarray) -> np.ndarray:
        """Return x, (..., free), from z of the same shape."""
        x = np.array(z, dtype=float)
        i, j, k = self.both, self.from_below, self.from_above
        if len(i):
            x[..., i] = self.lower[i] + self._width * expit(x[..., i])
        if len(j):
            x[..., j] = self.lower[j] + np.exp(np.minimum(x[..., j], _LARGEST))
        if len(k):
            x[..., k] = self.upper[k] - np.exp(np.minimum(-x[..., k], _LARGEST))
        # Rounding may step over a bound by one digit.
        return np.asarray(np.minimum(np.maximum(x, self.lower), self.upper))

    def runaway(self, z: np.ndarray) -> np.ndarray:
        """Return where a parameter with one bound has left for infinity, (...), of z (..., free)."""
        return np.asarray((z[..., self._one_sided] * self._signs > _LARGEST).any(-1))

    def unconstrained(self, x: np.ndarray) -> np.ndarray:
        """Return z, (..., free); parameters on a bound are taken a hair inside it."""
        z = np.array(x, dtype=float)
        i, j, k = self.both, self.from_below, self.from_above
        with np.errstate(divide="ignore"):
            z[..., i] = np.log(z[..., i] - self.lower[i]) - np.log(self.upper[i] - z[..., i])
            z[..., j] = np.log(z[..., j] - self.lower[j])
            z[..., k] = -np.log(self.upper[k] - z[..., k])
        z[..., i] = np.clip(z[..., i], -_FARTHEST, _FARTHEST)
        z[..., j] = np.maximum(z[..., j], -_FARTHEST)
        z[..., k] = np.minimum(z[..., k], _FARTHEST)
        return z

    def slopes(self, z: np.ndarray) -> Slopes:
        """Return the derivatives at ``z``, (..., free)."""
        first, gradient = np.ones(z.shape), np.zeros(z.shape)
        i, j, k = self.both, self.from_below, self.from_above
        log_jacobian = np.zeros(z.shape[:-1])
        if len(i):
            own = z[..., i]
            s, rest = expit(own), expit(-own)
            first[..., i], gradient[..., i] = self._width * s * rest, rest - s
            # ln(s) + ln(1 - s)
            log_jacobian = self._log_width + (2 * log_expit(own) - own).sum(-1)
        if len(j):
            own = z[..., j]
            first[..., j], gradient[..., j] = np.exp(np.minimum(own, _LARGEST)), 1.0
            log_jacobian = log_jacobian + own.sum(-1)
        if len(k):
            own = -z[..., k]
            first[..., k], gradient[..., k] = np.exp(np.minimum(own, _LARGEST)), -1.0
            log_jacobian = log_jacobian + own.sum(-1)
        return Slopes(first, np.asarray(log_jacobian), gradient, self._between)
