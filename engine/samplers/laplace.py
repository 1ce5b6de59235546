"""The Gaussian around the minimum, as draws."""

from __future__ import annotations

import numpy as np
import param

from engine.fitters.assess import at_bound
from engine.fitters.base import Fitter, Move, Moves, Outcome, Work
from engine.linalg import invert
from engine.results import Status
from engine.samplers.approximate import outcome_of
from engine.samplers.origin import by_lm
from engine.samplers.truncated import truncated_normal


class Laplace(Fitter):
    """The posterior that lm's Hessian implies, cut off at the bounds; Laplace (1774), Tierney & Kadane (1986)."""

    key = "laplace"
    title = "Laplace approximation"
    summary = "The Gaussian of lm's covariance, cut off at the bounds, as draws: quick, and checked."

    chains = param.Integer(4, bounds=(1, None), doc="Into how many chains the draws are dealt.")
    draws = param.Integer(1000, bounds=(4, None), doc="Draws of each chain; they are independent.")
    check = param.Integer(
        200,
        bounds=(0, None),
        doc="At how many draws the posterior itself is computed, to judge the approximation.",
    )

    def moves(self, work: Work) -> Moves:
        """Yield lm's steps, then the draws."""
        before = yield from by_lm(work)
        x = before.x
        normal = before.normal or work.normal_equations(x)
        if not normal.finite:
            return Outcome(Status.NOT_FINITE, x)
        space = work.space
        covariance, _ = invert(normal.hessian)
        if covariance is None:
            return Outcome(Status.DEGENERATE, x, normal=normal)
        # On a bound the cost still falls outward: the Gaussian's peak lies beyond.
        peak = x + covariance @ normal.gradient if at_bound(work.problem, x).any() else x
        flat = truncated_normal(
            peak, covariance, space.lower, space.upper, self.chains * self.draws, work.rng
        )
        yield Move(x, normal.chi2, {"phase": "draws"})

        def log_weight(number: int) -> float:
            step = flat[number] - peak
            solved: float = step @ np.linalg.solve(covariance, step)
            return 0.5 * solved - 0.5 * work.cost(flat[number])[0]

        return outcome_of(
            work,
            flat.reshape(self.chains, self.draws, -1),
            log_weight,
            check=self.check,
            title="The Gaussian around lm's minimum",
            lm=(x, np.sqrt(np.diag(covariance))),
            before=before,
        )
