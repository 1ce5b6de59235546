"""A quadratic model of the cost, as the fitters get it from a problem."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class NormalEquations:
    """A quadratic model of the cost around x: cost + ... in the free parameters.

    Attributes:
        cost: -2 ln posterior up to a constant; chi2 for Gaussian noise without priors.
        chi2: Sum of weight * residual**2.
        gradient: -(1/2) d cost / d x, (free,): J^T W (data - model) for the Gaussian.
        hessian: (1/2) d2 cost / d x2 in the Gauss-Newton approximation, (free, free): J^T W J.
    """

    cost: float
    chi2: float
    gradient: np.ndarray
    hessian: np.ndarray

    @property
    def finite(self) -> bool:
        """True where every number is finite."""
        return bool(
            math.isfinite(self.cost) and np.isfinite(self.gradient).all() and np.isfinite(self.hessian).all()
        )

    @classmethod
    def nowhere(cls, free: int) -> NormalEquations:
        """Return what there is to say of a place outside of the bounds, with so many free parameters."""
        return cls(math.inf, math.inf, np.zeros(free), np.zeros((free, free)))
