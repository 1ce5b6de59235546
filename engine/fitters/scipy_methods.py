"""scipy.optimize as fitters: any method of minimize, and differential evolution."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import param

from engine.fitters.base import Fitter, Move, Moves, Outcome, Work
from engine.fitters.blocking import Report, stepwise
from engine.fitters.newton import arrived
from engine.fitters.search_box import search_box
from engine.results import Status

_WITH_BOUNDS = {"Nelder-Mead", "Powell", "L-BFGS-B", "TNC", "SLSQP", "COBYLA", "COBYQA", "trust-constr"}
_WITHOUT_GRADIENT = {"Nelder-Mead", "Powell", "COBYLA", "COBYQA"}
_WITH_HESSIAN = {"Newton-CG", "dogleg", "trust-ncg", "trust-krylov", "trust-exact", "trust-constr"}
_METHODS = sorted(_WITH_BOUNDS | _WITH_HESSIAN | {"BFGS", "CG"}, key=str.lower)


class _Best:
    """The lowest point that a routine has seen."""

    def __init__(self, x: np.ndarray, cost: float, chi2: float) -> None:
        self.x, self.cost, self.chi2 = x, cost, chi2

    def offer(self, x: np.ndarray, cost: float, chi2: float) -> None:
        if cost < self.cost:
            self.x, self.cost, self.chi2 = x.copy(), cost, chi2


class _Routine(Fitter):
    """What both share: yielding what the routine reports, and the verdict at its end."""

    tolerance = param.Number(
        0.01,
        bounds=(0, None),
        doc="Converged if at the end a Gauss-Newton step would lower chi2/max(1, chi2_dof) by less than this.",
    )

    def _run(self, work: Work, best: _Best, report: Report) -> str:
        raise NotImplementedError

    def moves(self, work: Work) -> Moves:
        """Yield the best values after each iteration of the routine."""
        cost, chi2 = work.cost(work.start)
        best = _Best(work.start, cost, chi2)
        yield Move(best.x, best.chi2)
        said: list[str] = []

        def routine(report: Report) -> None:
            said.append(self._run(work, best, report))

        yield from stepwise(routine)
        end = work.normal_equations(best.x)
        if not end.finite:
            return Outcome(Status.NOT_FINITE, best.x)
        if arrived(work, best.x, end, self.tolerance):
            return Outcome(Status.CONVERGED, best.x)
        out = "iteration" in said[0].lower() or "evaluation" in said[0].lower()
        remark = f"scipy says: {said[0].strip().rstrip('.')}. Finish with lm."
        return Outcome(Status.OUT_OF_STEPS if out else Status.STALLED, best.x, remark)


class ScipyMinimize(_Routine):
    """Minimize the cost with a method of scipy.optimize.minimize, in scaled coordinates."""

    key = "scipy"
    only_float64 = True  # its line searches compare costs that are nearly equal
    title = "scipy.optimize.minimize"
    summary = "Any method of scipy's minimize: quasi-Newton, simplex, trust region."

    method: Any = param.Selector(
        default="L-BFGS-B", objects=_METHODS, doc="Method of scipy.optimize.minimize."
    )
    max_steps = param.Integer(1000, bounds=(1, None), doc="Iterations at most.")
    method_options = param.Dict({}, doc="Further options of the method, as a mapping of names to values.")

    def _run(self, work: Work, best: _Best, report: Report) -> str:
        from scipy.optimize import Bounds, minimize

        space, x0 = work.space, work.start
        curvature = np.diag(work.normal_equations(x0).hessian)
        scale = 1 / np.sqrt(np.where(curvature > 0, curvature, 1.0))

        def x_of(y: np.ndarray) -> np.ndarray:
            return np.asarray(np.clip(x0 + scale * y, space.lower, space.upper))

        def value(y: np.ndarray) -> float:
            x = x_of(y)
            cost, chi2 = work.cost(x)
            best.offer(x, cost, chi2)
            return cost if math.isfinite(cost) else 1e300

        def value_and_slope(y: np.ndarray) -> tuple[float, np.ndarray]:
            x = x_of(y)
            here = work.cost_gradient(x)
            best.offer(x, here.cost, here.chi2)
            return (here.cost if math.isfinite(here.cost) else 1e300), -2 * here.gradient * scale

        def hessian(y: np.ndarray) -> np.ndarray:
            return 2 * work.normal_equations(x_of(y)).hessian * np.outer(scale, scale)

        def callback(*_: object, **__: object) -> None:
            report(Move(best.x, best.chi2))

        slopes = self.method not in _WITHOUT_GRADIENT
        function: Callable[..., object] = value_and_slope if slopes else value
        limits = Bounds((space.lower - x0) / scale, (space.upper - x0) / scale)
        found = minimize(
            function,
            np.zeros_like(x0),
            jac=True if slopes else None,
            hess=hessian if self.method in _WITH_HESSIAN else None,
            method=self.method,
            bounds=limits if self.method in _WITH_BOUNDS else None,
            callback=callback,
            options=self._limit() | dict(self.method_options or {}),
        )
        return str(found.message)

    def _limit(self) -> dict[str, float]:
        name = "maxfun" if self.method == "TNC" else "maxiter"
        limit: dict[str, float] = {name: self.max_steps * (20 if self.method == "TNC" else 1)}
        if self.method in ("L-BFGS-B", "TNC"):
            limit["ftol"] = 1e-13  # chi2 is large: scipy's own 1e-9 of it is many sigma
        return limit


class DifferentialEvolution(_Routine):
    """Global search by scipy.optimize.differential_evolution; Storn & Price (1997)."""

    key = "differential-evolution"
    title = "Differential evolution"
    summary = (
        "A population searched over a box around the start: slow, for starts that no other method survives."
    )

    max_steps = param.Integer(300, bounds=(1, None), doc="Generations at most.")
    population = param.Integer(8, bounds=(2, None), doc="Members per free parameter.")
    width = param.Number(
        3.0,
        bounds=(1, None),
        inclusive_bounds=(False, True),
        doc="Size of the box where bounds are open: factors for sizes and brightness, pixels / 3 for centers.",
    )
    polish = param.Boolean(True, doc="Finish with Levenberg-Marquardt.")

    def _run(self, work: Work, best: _Best, report: Report) -> str:
        from scipy.optimize import differential_evolution

        curvature = np.diag(work.normal_equations(work.start).hessian)
        spread = 10 / np.sqrt(np.where(curvature > 0, curvature, np.inf))
        lower, upper = search_box(work.space, work.start, self.width, spread)

        def value(x: np.ndarray) -> float:
            cost, chi2 = work.cost(x)
            best.offer(x, cost, chi2)
            return cost if math.isfinite(cost) else 1e300

        def callback(*_: object, **__: object) -> None:
            report(Move(best.x, best.chi2))

        found = differential_evolution(
            value,
            list(zip(lower, upper, strict=True)),
            maxiter=self.max_steps,
            popsize=self.population,
            x0=np.clip(work.start, lower, upper),
            polish=False,
            init="sobol",
            rng=work.rng,
            callback=callback,
        )
        if self.polish:
            from engine.fitters.lm import LevenbergMarquardt

            for move in LevenbergMarquardt().moves(work.at(best.x)):
                best.offer(move.x, work.cost(move.x)[0], move.chi2)
                report(Move(best.x, best.chi2))
        return str(found.message)
