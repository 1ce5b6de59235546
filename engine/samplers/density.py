"""The posterior as samplers see it: a density in coordinates without bounds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.fitters.base import Work
from engine.frozen import FrozenProblem
from engine.parameters.box import Box
from engine.parameters.transform import Transform
from engine.samplers.whitening import Whitening

# Samples stay where they are within this many sigmas of the expected posterior, which chains hardly ever leave.
_REACH = 6.0


@dataclass(frozen=True)
class Point:
    """The density at one place, or at many: then each has a leading axis (chain,).

    Attributes:
        x: Physical parameters, (free,).
        log_density: ln of the posterior in the sampler's coordinates, up to a constant; -inf outside.
        gradient: Its derivative in the sampler's coordinates, (free,); zero where not asked for.
        chi2: Sum of weight * residual**2.
    """

    x: np.ndarray
    log_density: np.ndarray
    gradient: np.ndarray
    chi2: np.ndarray


class Density:
    """ln posterior in white coordinates w: -cost/2 + ln |d x / d z|, with its gradient from one closed-form pass.

    The cost holds likelihood and priors. The constant ln |det factor| of the whitening is left out.

    Args:
        work: What is sampled; evaluations are counted there.
        transform: Between x and z.
        whitening: Between z and w.
        frozen: The problem, frozen where it will be evaluated.
    """

    def __init__(self, work: Work, transform: Transform, whitening: Whitening, frozen: FrozenProblem) -> None:
        self.work = work
        self.transform = transform
        self.whitening = whitening
        self.frozen = frozen

    def physical(self, w: np.ndarray) -> np.ndarray:
        """Return x, (..., free); angles are not wrapped."""
        return self.transform.physical(self.whitening.unconstrained(w))

    def many(self, w: np.ndarray, *, gradient: bool = True) -> Point:
        """Return the density, and its gradient, at each of ``w``, (chain, free), in one batch."""
        z = self.whitening.unconstrained(w)
        x = self.transform.physical(z)
        usable = np.isfinite(x).all(-1) & ~self.transform.runaway(z)
        if not usable.all():
            return self._partly(w, x, usable, gradient)
        self.work.counted(len(w), gradient=gradient)
        # Far out numbers overflow; that the density is zero there is all that matters.
        with np.errstate(all="ignore"):
            costs = self.frozen.costs(x, gradient=gradient)
        slopes = self.transform.slopes(z)
        by_w = costs.gradient
        if gradient:
            by_z = costs.gradient * slopes.first + slopes.log_jacobian_gradient
            by_z[~np.isfinite(costs.cost)] = 0.0
            by_w = by_z @ self.whitening.factor
        return Point(x, slopes.log_jacobian - 0.5 * costs.cost, by_w, costs.chi2)

    def _partly(self, w: np.ndarray, x: np.ndarray, usable: np.ndarray, gradient: bool) -> Point:
        """The density where some places have none."""
        found = Point(x, np.full(len(w), -np.inf), np.zeros(w.shape), np.full(len(w), np.inf))
        if usable.any():
            own = self.many(w[usable], gradient=gradient)
            found.log_density[usable], found.chi2[usable] = own.log_density, own.chi2
            found.gradient[usable] = own.gradient
        return found

    def at(self, w: np.ndarray, *, gradient: bool = True) -> Point:
        """Return the density, and its gradient, at ``w``, (free,)."""
        found = self.many(w[None], gradient=gradient)
        return Point(found.x[0], found.log_density[0], found.gradient[0], found.chi2[0])


def frozen_around(work: Work, transform: Transform, center: np.ndarray, expected: Whitening) -> FrozenProblem:
    """Return the problem frozen where a posterior is expected.

    Args:
        work: The problem.
        transform: Between x and z.
        center: x, (free,), inside the bounds.
        expected: The whitening by the Hessian there, which tells the width.
    """
    sigma = np.sqrt((expected.factor**2).sum(1))
    low, high = transform.physical(expected.center + _REACH * np.array([-sigma, sigma]))
    return FrozenProblem(work.problem, Box(center, low, high))
