"""The posterior as samplers see it: a density in coordinates without bounds."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from engine.fitters.base import Work
from engine.parameters.transform import Transform
from engine.samplers.whitening import Whitening


@dataclass(frozen=True)
class Point:
    """The density at one place.

    Attributes:
        x: Physical parameters, (free,).
        log_density: ln of the posterior in the sampler's coordinates, up to a constant; -inf outside.
        gradient: Its derivative in the sampler's coordinates, (free,); zero where not asked for.
        chi2: Sum of weight * residual**2.
    """

    x: np.ndarray
    log_density: float
    gradient: np.ndarray
    chi2: float


class Density:
    """ln posterior in white coordinates w: -cost/2 + ln |d x / d z|, with its gradient from one closed-form pass.

    The cost holds likelihood and priors. The constant ln |det factor| of the whitening is left out.
    """

    def __init__(self, work: Work, transform: Transform, whitening: Whitening) -> None:
        self.work = work
        self.transform = transform
        self.whitening = whitening

    def physical(self, w: np.ndarray) -> np.ndarray:
        """Return x, (..., free); angles are not wrapped."""
        return self.transform.physical(self.whitening.unconstrained(w))

    def at(self, w: np.ndarray) -> Point:
        """Return density and gradient at ``w``, (free,)."""
        z = self.whitening.unconstrained(w)
        x = self.transform.physical(z)
        if not np.isfinite(x).all() or self.transform.runaway(z):
            return Point(x, -math.inf, np.zeros_like(w), math.inf)
        # Far out numbers overflow; that the density is zero there is all that matters.
        with np.errstate(all="ignore"):
            here = self.work.cost_gradient(x)
        if not here.finite:
            return Point(x, -math.inf, np.zeros_like(w), math.inf)
        slopes = self.transform.slopes(z)
        by_z = here.gradient * slopes.first + slopes.log_jacobian_gradient
        return Point(x, slopes.log_jacobian - 0.5 * here.cost, self.whitening.factor.T @ by_z, here.chi2)

    def value(self, w: np.ndarray) -> Point:
        """Return the density at ``w`` without its gradient."""
        z = self.whitening.unconstrained(w)
        x = self.transform.physical(z)
        if not np.isfinite(x).all() or self.transform.runaway(z):
            return Point(x, -math.inf, np.zeros_like(w), math.inf)
        with np.errstate(all="ignore"):
            cost, chi2 = self.work.cost(x)
        if not math.isfinite(cost):
            return Point(x, -math.inf, np.zeros_like(w), math.inf)
        return Point(x, self.transform.slopes(z).log_jacobian - 0.5 * cost, np.zeros_like(w), chi2)
