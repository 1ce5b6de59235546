"""First-order descent with the optimizers of torch."""

from __future__ import annotations

import inspect
import math
from typing import Any

import numpy as np
import param
import torch

from engine.errors import OptionError
from engine.fitters.base import Fitter, Move, Moves, Outcome, Work
from engine.fitters.newton import arrived
from engine.normal_equations import NormalEquations
from engine.results import Status

# Those whose constructor takes parameters and a learning rate, and that work on one dense vector.
_OPTIMIZERS = ["Adam", "NAdam", "AdamW", "RAdam", "Adamax", "Adagrad", "RMSprop", "Rprop", "SGD", "LBFGS"]


# Memory of the mean slope and of its square. The slopes of chi2 fall by orders of magnitude on the way down; with
# torch's own 0.999 the steps stay small for a thousand more, long after the reason is gone.
_BETAS = (0.9, 0.99)
# Steps between two looks at how far the minimum still is, each as dear as one step and a third.
_CHECK = 25


class GradientDescent(Fitter):
    """Descend along the gradient of the cost with an optimizer of torch.optim."""

    key = "gradient"
    title = "Gradient descent"
    summary = "Many small first-order steps: slow, but it does not leap. Finish with lm."

    optimizer: Any = param.Selector(default="Adam", objects=_OPTIMIZERS, doc="Class of torch.optim.")
    learning_rate = param.Number(
        0.1, bounds=(0, None), inclusive_bounds=(False, True), doc="Size of a step in scaled coordinates."
    )
    max_steps = param.Integer(600, bounds=(1, None), doc="Steps at most, each one gradient.")
    schedule: Any = param.Selector(
        default="cosine",
        objects=["cosine", "constant", "exponential"],
        doc="How the learning rate falls: to zero along a cosine, not at all, or to 1 % exponentially.",
    )
    patience = param.Integer(
        100, bounds=(1, None), doc="Stop after this many steps without a new lowest cost (by 1e-6 of it)."
    )
    tolerance = param.Number(
        0.01,
        bounds=(0, None),
        doc="Stop when a Gauss-Newton step would lower chi2/max(1, chi2_dof) by less; checked every 25 steps.",
    )
    scaled = param.Boolean(
        True,
        doc="Measure each parameter by the change that would alter the model by as much as the data differ from "
        "it at the start, so that one learning rate suits all; off: physical units.",
    )
    optimizer_options = param.Dict(
        {},
        doc="Further arguments of the optimizer, as a mapping of names to values; betas are (0.9, 0.99) if left out.",
    )

    def moves(self, work: Work) -> Moves:
        """Yield the best values after each step."""
        space, x = work.space, work.start
        start = work.normal_equations(x)
        yield Move(x, start.chi2, {"learning_rate": float(self.learning_rate)})
        if not start.finite:
            return Outcome(Status.NOT_FINITE, x)
        scale = self._scale(start) if self.scaled else np.ones_like(x)
        y = torch.zeros(len(x), dtype=torch.float64, requires_grad=True)
        optimizer = self._optimizer(y)
        lowest, best, best_chi2, since = start.cost, x, start.chi2, 0
        finite = True

        def evaluate() -> float:
            nonlocal lowest, best, best_chi2, since, finite
            at = np.clip(x + scale * y.detach().numpy(), space.lower, space.upper)
            here = work.cost_gradient(at)
            y.grad = torch.from_numpy(-2 * here.gradient * scale)
            finite = finite and math.isfinite(here.cost)
            if here.cost < lowest:
                since = 0 if lowest - here.cost > 1e-6 * abs(lowest) else since
                lowest, best, best_chi2 = here.cost, at, here.chi2
            return here.cost

        for number in range(int(work.resumed.get("descents", 0)), self.max_steps):
            rate = self._rate(number)
            for group in optimizer.param_groups:
                group["lr"] = rate
            since += 1
            optimizer.step(evaluate)
            with torch.no_grad():  # A step that leaves the box ends on its wall.
                y.clamp_(
                    torch.from_numpy((space.lower - x) / scale), torch.from_numpy((space.upper - x) / scale)
                )
            if not (finite and bool(torch.isfinite(y).all())):
                return Outcome(Status.NOT_FINITE, best, "Lower the learning rate.")
            yield Move(best, best_chi2, {"learning_rate": rate, "descents": number + 1})
            if since >= self.patience:
                break
            if (number + 1) % _CHECK == 0 and arrived(
                work, best, work.normal_equations(best), self.tolerance
            ):
                return Outcome(Status.CONVERGED, best)
        evaluate()
        if arrived(work, best, work.normal_equations(best), self.tolerance):
            return Outcome(Status.CONVERGED, best)
        if since >= self.patience:
            return Outcome(Status.STALLED, best, "Lower the learning rate, or finish with lm.")
        return Outcome(Status.OUT_OF_STEPS, best, "Gradient descent is slow; finish with lm.")

    def _optimizer(self, y: torch.Tensor) -> torch.optim.Optimizer:
        kind = getattr(torch.optim, self.optimizer)
        options: dict[str, Any] = dict(self.optimizer_options or {})
        if "betas" in inspect.signature(kind).parameters:
            options.setdefault("betas", _BETAS)
        try:
            optimizer: torch.optim.Optimizer = kind([y], lr=float(self.learning_rate), **options)
        except (TypeError, ValueError) as error:
            raise OptionError(f"optimizer_options do not suit {self.optimizer}: {error}.") from error
        return optimizer

    def _rate(self, number: int) -> float:
        part = number / self.max_steps
        factor = {
            "cosine": 0.5 * (1 + math.cos(math.pi * part)),
            "exponential": 0.01**part,
            "constant": 1.0,
        }[self.schedule]
        rate: float = self.learning_rate * factor
        return rate

    @staticmethod
    def _scale(start: NormalEquations) -> np.ndarray:
        curvature = np.diag(start.hessian)
        return np.sqrt(max(abs(start.cost), 1e-300) / np.where(curvature > 0, curvature, 1.0))
