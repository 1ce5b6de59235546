"""Stochastic variational inference: the best Gaussian, or flow, in unconstrained coordinates, by Pyro."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import param

from engine.fitters.base import Fitter, Move, Moves, Outcome, Work
from engine.linalg import invert
from engine.parameters.transform import Transform
from engine.results import Status
from engine.samplers.approximate import outcome_of
from engine.samplers.density import Density, frozen_around
from engine.samplers.origin import by_lm
from engine.samplers.whitening import inside, of_hessian


class Svi(Fitter):
    """Fits a Gaussian with all correlations, or a flow, to the posterior by stochastic gradients of the evidence bound.

    Kucukelbir et al. (2017); Rezende & Mohamed (2015) for flows. It lives in unconstrained coordinates whitened by
    lm's Hessian, where it begins as a unit sphere; between bounds it is bent accordingly.
    """

    key = "svi"
    title = "Variational inference"
    summary = (
        "The Gaussian or flow nearest to the posterior in coordinates without bounds, as draws: checked."
    )

    guide: Any = param.Selector(
        default="full-rank",
        objects=["full-rank", "flow"],
        doc="What is fitted: a Gaussian with all correlations, or that behind a normalizing flow, which bends; a flow "
        "needs some thousand steps.",
    )
    layers = param.Integer(2, bounds=(1, 8), doc="Autoregressive layers of the flow.")
    steps = param.Integer(300, bounds=(1, None), doc="Steps of the optimizer, each one gradient a particle.")
    particles = param.Integer(2, bounds=(1, None), doc="Draws that each gradient is averaged over.")
    learning_rate = param.Number(
        0.02,
        bounds=(0, None),
        inclusive_bounds=(False, True),
        doc="Size of a step of Adam, in the whitened coordinates; it falls to a hundredth of this.",
    )
    chains = param.Integer(4, bounds=(1, None), doc="Into how many chains the draws are dealt.")
    draws = param.Integer(1000, bounds=(4, None), doc="Draws of each chain; they are independent.")
    check = param.Integer(
        200,
        bounds=(0, None),
        doc="At how many draws the posterior itself is computed, to judge the approximation.",
    )

    def moves(self, work: Work) -> Moves:
        """Yield lm's steps, then the evidence bound after each step."""
        from engine.samplers.guide import Guide

        before = yield from by_lm(work)
        normal = before.normal or work.normal_equations(before.x)
        if not normal.finite:
            return Outcome(Status.NOT_FINITE, before.x)
        transform = Transform.of(work.space)
        x = inside(work.space, before.x, normal)
        there = work.normal_equations(x)
        expected = of_hessian(work.space, transform, x, there)
        density = Density(work, transform, expected, frozen_around(work, transform, x, expected))
        guide = Guide(
            density,
            seed=int(work.rng.integers(2**63 - 1)),
            particles=self.particles,
            learning_rate=float(self.learning_rate),
            decay=0.01 ** (1 / self.steps),
            layers=self.layers if self.guide == "flow" else 0,
        )
        for number in range(1, self.steps + 1):
            bound = guide.step()
            if not math.isfinite(bound):
                return Outcome(Status.NOT_FINITE, before.x, "Lower the learning rate.")
            if number % 5 == 0 or number == self.steps:
                yield Move(before.x, normal.chi2, {"phase": "svi", "draw": number, "evidence_bound": bound})
        w, log_guide = guide.draw(self.chains * self.draws)
        inverse, _ = invert(normal.hessian)

        def log_weight(number: int) -> float:
            return float(density.at(w[number], gradient=False).log_density) - float(log_guide[number])

        return outcome_of(
            work,
            density.physical(w).reshape(self.chains, self.draws, -1),
            log_weight,
            check=self.check,
            title="The best flow without bounds"
            if self.guide == "flow"
            else "The best Gaussian without bounds",
            lm=None if inverse is None else (before.x, np.sqrt(np.maximum(np.diag(inverse), 0.0))),
            before=before,
        )
