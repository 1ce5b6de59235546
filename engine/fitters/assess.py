"""The verdict on a fit, the same for every method: bounds, degeneracies, uncertainties."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.fitters.base import Outcome
from engine.linalg import flattest_direction, invert
from engine.normal_equations import NormalEquations
from engine.problem import Problem
from engine.results import Posterior, Status

# Correlation-scaled Hessians with a smaller eigenvalue than this have lost half of the digits.
_SINGULAR = 1e-9
# Below this one they are worth a word: a correlation of about 0.999.
_FLAT = 1e-3
# From here on the sandwich estimate is given beside the formal one.
_FAR_FROM_ONE = 0.1


@dataclass(frozen=True)
class Verdict:
    """What the one loop puts into the result."""

    status: Status
    message: str
    x: np.ndarray
    chi2: float
    uncertainties: np.ndarray
    covariance: np.ndarray
    robust_uncertainties: np.ndarray | None
    at_bounds: list[str]
    notes: tuple[str, ...]


def at_bound(problem: Problem, x: np.ndarray) -> np.ndarray:
    """Return True for each parameter that lies on one of its bounds, (free,)."""
    space = problem.space
    # Fitters cut off at the bounds exactly; one unit of rounding is allowed, whatever the unit of the parameter.
    return np.asarray((x <= np.nextafter(space.lower, np.inf)) | (x >= np.nextafter(space.upper, -np.inf)))


def assess(problem: Problem, outcome: Outcome) -> Verdict:
    """Return the verdict: status in words, uncertainties from the normal equations at the end point."""
    if outcome.posterior is not None:
        return _assess_posterior(problem, outcome, outcome.posterior)
    x = problem.space.wrap(outcome.x)
    normal = outcome.normal or problem.normal_equations(x)
    bound = at_bound(problem, x)
    names = problem.names
    status, particulars = outcome.status, [outcome.remark] if outcome.remark else []
    covariance = np.full((len(x), len(x)), np.nan)
    free = np.flatnonzero(~bound)
    if not normal.finite:
        status = Status.NOT_FINITE
    elif free.size:
        inner = normal.hessian[np.ix_(free, free)]
        inverse, smallest = invert(inner)
        if inverse is None or smallest < _SINGULAR:
            if status is Status.CONVERGED:
                status = Status.DEGENERATE
            particulars.append(
                f"The data do not constrain {flattest_direction(inner, [names[i] for i in free])}."
            )
        if inverse is not None:
            covariance[np.ix_(free, free)] = inverse
    at_bounds = [name for name, stuck in zip(names, bound, strict=True) if stuck]
    if at_bounds:
        if status is Status.CONVERGED:
            status = Status.AT_BOUND
        particulars.append(_bounds_in_words(problem, x, bound))
    return Verdict(
        status=status,
        message=" ".join([status.value, *particulars]),
        x=x,
        chi2=normal.chi2,
        uncertainties=np.sqrt(np.diag(covariance)),
        covariance=covariance,
        robust_uncertainties=_robust(problem, x, covariance, normal),
        at_bounds=at_bounds,
        notes=_notes(problem, normal, free),
    )


def _assess_posterior(problem: Problem, outcome: Outcome, posterior: Posterior) -> Verdict:
    """Return the verdict on draws: the sampler's own, except where it was stopped."""
    x = problem.space.wrap(np.clip(posterior.mean, problem.space.lower, problem.space.upper))
    _, chi2 = problem.cost(x)
    message = posterior.message
    if outcome.status is Status.CANCELLED:
        message = f"Stopped on request; the draws so far are kept. {message}"
    return Verdict(
        status=outcome.status,
        message=message,
        x=x,
        chi2=chi2,
        uncertainties=np.sqrt(np.diag(posterior.covariance)),
        covariance=posterior.covariance,
        robust_uncertainties=None,
        at_bounds=[],
        notes=(*posterior.notes, *_on_chi2(problem, chi2)),
    )


def _bounds_in_words(problem: Problem, x: np.ndarray, bound: np.ndarray) -> str:
    parts = []
    for i in np.flatnonzero(bound):
        side = "lower" if x[i] - problem.space.lower[i] <= problem.space.upper[i] - x[i] else "upper"
        parts.append(f"{problem.names[i]} is at its {side} bound {x[i]:g}")
    return "; ".join(parts) + "."


def _robust(
    problem: Problem, x: np.ndarray, covariance: np.ndarray, normal: NormalEquations
) -> np.ndarray | None:
    """Sandwich estimate where chi2/dof says that the weights or the model are off; White (1982), eq. 3.2."""
    if not normal.finite or problem.dof < 1 or abs(normal.chi2 / problem.dof - 1) < _FAR_FROM_ONE:
        return None
    bread = np.nan_to_num(covariance)
    spread = np.diag(bread @ problem.score_covariance(x) @ bread)
    return np.where(np.isfinite(np.diag(covariance)), np.sqrt(np.maximum(spread, 0.0)), np.nan)


def _notes(problem: Problem, normal: NormalEquations, free: np.ndarray) -> tuple[str, ...]:
    if problem.dof < 1 or not normal.finite:
        return ()
    return (*_on_chi2(problem, normal.chi2), *_on_flatness(problem, normal, free))


def _on_flatness(problem: Problem, normal: NormalEquations, free: np.ndarray) -> tuple[str, ...]:
    if free.size < 2:
        return ()
    inner = normal.hessian[np.ix_(free, free)]
    if not _SINGULAR <= invert(inner)[1] < _FLAT:
        return ()
    names = problem.names
    return (f"Least constrained: {flattest_direction(inner, [names[i] for i in free])}.",)


def _on_chi2(problem: Problem, chi2: float) -> tuple[str, ...]:
    if problem.image.noise_estimated or problem.dof < 1:
        return ()
    ratio = chi2 / problem.dof
    if ratio > 2:
        return (
            f"chi2/dof is {ratio:.3g}: the model or the noise is wrong, and the uncertainties are too small.",
        )
    if ratio < 0.5:
        return (f"chi2/dof is {ratio:.3g}: the noise is overestimated, and so are the uncertainties.",)
    return ()
