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
        second: d2 x / d z2.
        log_jacobian: ln |d x / d z|, summed over parameters, (...).
        log_jacobian_gradient: Its derivative in z.
        log_jacobian_curvature: Minus its second derivative in z; never negative.
    """

    first: np.ndarray
    second: np.ndarray
    log_jacobian: np.ndarray
    log_jacobian_gradient: np.ndarray
    log_jacobian_curvature: np.ndarray


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
        self._log_width = np.log(self._width)

    @classmethod
    def of(cls, space: ParameterSpace) -> Transform:
        """Return the transform of the free parameters of a space."""
        return cls(space.lower, space.upper)

    def physical(self, z: np.ndarray) -> np.ndarray:
        """Return x, (..., free), from z of the same shape."""
        x = np.array(z, dtype=float)
        i, j, k = self.both, self.from_below, self.from_above
        x[..., i] = self.lower[i] + self._width * expit(x[..., i])
        x[..., j] = self.lower[j] + np.exp(np.minimum(x[..., j], _LARGEST))
        x[..., k] = self.upper[k] - np.exp(np.minimum(-x[..., k], _LARGEST))
        # Rounding may step over a bound by one digit.
        return np.asarray(np.clip(x, self.lower, self.upper))

    def runaway(self, z: np.ndarray) -> np.ndarray:
        """Return where a parameter with one bound has left for infinity, (...), of z (..., free)."""
        far = (z[..., self.from_below] > _LARGEST).any(-1) | (z[..., self.from_above] < -_LARGEST).any(-1)
        return np.asarray(far)

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
        first, second = np.ones_like(z, dtype=float), np.zeros_like(z, dtype=float)
        gradient, curvature = np.zeros_like(z, dtype=float), np.zeros_like(z, dtype=float)
        i, j, k = self.both, self.from_below, self.from_above
        s, rest = expit(z[..., i]), expit(-z[..., i])
        first[..., i] = self._width * s * rest
        gradient[..., i] = rest - s
        curvature[..., i] = 2 * s * rest
        first[..., j], gradient[..., j] = np.exp(np.minimum(z[..., j], _LARGEST)), 1.0
        first[..., k], gradient[..., k] = np.exp(np.minimum(-z[..., k], _LARGEST)), -1.0
        # In all three, d2 x / d z2 = (d x / d z) (d ln |d x / d z| / d z).
        second = first * gradient
        log_jacobian = (
            (self._log_width + log_expit(z[..., i]) + log_expit(-z[..., i])).sum(-1)
            + z[..., j].sum(-1)
            - z[..., k].sum(-1)
        )
        return Slopes(first, second, np.asarray(log_jacobian), gradient, curvature)
