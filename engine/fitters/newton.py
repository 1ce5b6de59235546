"""Gauss-Newton on a box: the pieces that several fitters share."""

from __future__ import annotations

import numpy as np

from engine.fitters.base import Work
from engine.linalg import damped_solve
from engine.normal_equations import NormalEquations


def held(x: np.ndarray, here: NormalEquations, lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """Return True for parameters on a bound that a step downhill would leave through it, (free,)."""
    return np.asarray(((x <= lower) & (here.gradient < 0)) | ((x >= upper) & (here.gradient > 0)))


def damped_step(here: NormalEquations, stuck: np.ndarray, damping: float) -> np.ndarray:
    """Return the damped Gauss-Newton step of the parameters that are not ``stuck``; zero for the others."""
    step = np.zeros_like(here.gradient)
    moving = np.flatnonzero(~stuck & (np.diag(here.hessian) > 0))
    if moving.size:
        step[moving] = damped_solve(here.hessian[np.ix_(moving, moving)], here.gradient[moving], damping)
    return step


def expected_gain(x: np.ndarray, here: NormalEquations, lower: np.ndarray, upper: np.ndarray) -> float:
    """Return how much an undamped step would lower the cost, were the cost quadratic.

    The squared distance to the minimum in units of the uncertainties; James & Roos (1975) call it EDM.
    """
    return float(here.gradient @ damped_step(here, held(x, here, lower, upper), 1e-12))


def allowance(work: Work, here: NormalEquations, tolerance: float) -> float:
    """Return the gain that does not matter: ``tolerance``, or more of it where the fit is poor anyway."""
    return tolerance * max(1.0, here.chi2 / work.problem.dof)


def arrived(work: Work, x: np.ndarray, here: NormalEquations, tolerance: float) -> bool:
    """Return True where a Gauss-Newton step would gain no more than the tolerance: what converged means here.

    An axis ratio of 1 is no wall: an ellipse that would gain by turning over has not arrived.
    """
    if not here.finite:
        return False
    remaining = expected_gain(x, here, work.space.lower, work.space.open_upper)
    return remaining <= allowance(work, here, tolerance)
