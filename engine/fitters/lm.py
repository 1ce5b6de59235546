"""Levenberg-Marquardt."""

from __future__ import annotations

import numpy as np
import param

from engine.fitters.base import Fitter, Move, Moves, Outcome, Work
from engine.fitters.newton import allowance, damped_step, expected_gain, held
from engine.results import Status

# Beyond this damping a step is a millionth of the gradient step: nothing more to gain.
_STUCK = 1e10
# Where the integration over pixels is coarser than the data are good, chi2 is rough on the scale of the
# tolerance. After this many steps in a row that gain nothing, a hundred tolerances (a tenth of a sigma) will do.
_PATIENCE = 5
_NEAR_ENOUGH = 100


class LevenbergMarquardt(Fitter):
    """Damped Gauss-Newton: (H + damping diag(H)) step = gradient, with the damping set by the gain ratio.

    Marquardt (1963); the update of the damping is Nielsen (1999), eq. 3.7. Bounds: a parameter on its bound
    whose gradient points outward is held for the step, and steps are cut off at the bounds. An axis ratio may
    pass 1: the ellipse then goes on with its axes named the other way round. Each step costs one evaluation of
    model and Jacobian together.
    """

    key = "lm"
    title = "Levenberg-Marquardt"
    summary = "Damped Gauss-Newton steps: fast, precise, local. The one to start with."

    max_steps = param.Integer(200, bounds=(1, None), doc="Steps at most, each one Jacobian.")
    tolerance = param.Number(
        1e-4,
        bounds=(0, None),
        doc="Stop when a Gauss-Newton step would lower chi2/max(1, chi2_dof) by less than this; "
        "1e-4 is a hundredth of a sigma.",
    )
    damping = param.Number(0.1, bounds=(0, None), doc="Starting damping; 0 is pure Gauss-Newton.")

    def moves(self, work: Work) -> Moves:
        """Yield after each step, taken or refused."""
        space = work.space
        x = np.clip(work.start, space.lower, space.upper)
        here = work.normal_equations(x)
        idle = 0
        damping, growth = float(work.resumed.get("damping", self.damping)), 2.0
        yield Move(x, here.chi2, {"damping": damping, "accepted": True})
        if not here.finite:
            return Outcome(Status.NOT_FINITE, x)
        for number in range(self.max_steps + 1):
            remaining = expected_gain(x, here, space.lower, space.open_upper)
            limit = allowance(work, here, self.tolerance)
            if remaining <= limit or (idle >= _PATIENCE and remaining <= _NEAR_ENOUGH * limit):
                return Outcome(Status.CONVERGED, x, normal=here)
            if number == self.max_steps:
                break
            step = damped_step(here, held(x, here, space.lower, space.open_upper), damping)
            step = np.clip(x + step, space.lower, space.open_upper) - x
            trial = np.clip(space.fold(x + step), space.lower, space.upper)
            predicted = 2 * here.gradient @ step - step @ here.hessian @ step
            there = work.normal_equations(trial)
            gain = (here.cost - there.cost) / predicted if there.finite and predicted > 0 else -1.0
            accepted = gain > 1e-4
            idle = 0 if accepted and here.cost - there.cost > 0.01 * limit else idle + 1
            if accepted:
                x, here = trial, there
                damping *= max(1 / 9, 1 - (2 * gain - 1) ** 3)
                growth = 2.0
            else:
                damping = max(damping, 1e-6) * growth
                growth *= 2.0
            yield Move(x, here.chi2, {"damping": damping, "accepted": accepted})
            if damping > _STUCK:
                return Outcome(Status.STALLED, x, normal=here)
        return Outcome(Status.OUT_OF_STEPS, x, normal=here)
