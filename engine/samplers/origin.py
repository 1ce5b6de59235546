"""Where chains begin: around lm's minimum, at the start values, scattered, or where an earlier run ended."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from engine.fitters.assess import at_bound
from engine.fitters.base import Move, Moves, Outcome, Work
from engine.fitters.lm import LevenbergMarquardt
from engine.fitters.search_box import scattered
from engine.linalg import invert
from engine.normal_equations import NormalEquations
from engine.parameters.space import whole_turns
from engine.results import Status
from engine.samplers.modes import renamed
from engine.samplers.whitening import inside

# A minimum that is higher by this much in cost, -2 ln posterior, holds e^-50 of what the best one holds.
_LOST = 100.0
# Minima closer than this, in conditional sigmas, are one.
_SAME = 0.1


@dataclass(frozen=True)
class Origin:
    """Where the chains of a run begin.

    Attributes:
        places: Distinct places, physical units, inside the bounds, (place, free).
        normals: Normal equations at each of them.
        which: The place of each chain, (chain,).
        best: The place with the smallest cost.
        values: What lm found there, (free,); None where it was not run, or ended on a bound.
        sigma: Uncertainties by lm, alike.
        remark: What lm said where it did not converge.
    """

    places: np.ndarray
    normals: Sequence[NormalEquations]
    which: Sequence[int]
    best: int = 0
    values: np.ndarray | None = None
    sigma: np.ndarray | None = None
    remark: str = ""


def find_origin(work: Work, start: str, chains: int) -> Generator[Move, None, Origin | Outcome]:
    """Return where ``chains`` begin, for one of the values of the option ``start``; or why they cannot."""
    if start == "here":
        normal = work.normal_equations(work.start)
        yield Move(work.start, normal.chi2, {"phase": "start"})
        if not normal.finite:
            return Outcome(Status.NOT_FINITE, work.start)
        x = inside(work.space, work.start, normal)
        return Origin(x[None], [work.normal_equations(x)], [0] * chains)
    count = chains if start == "scattered" else 1
    ends: list[_End] = []
    for number in range(count):
        first = work.start if number == 0 else scattered(work.space, work.start, work.rng)
        outcome = yield from by_lm(work.at(renamed(work.problem, first, number)))
        normal = outcome.normal or work.normal_equations(outcome.x)
        if normal.finite:
            ends.append(_End(number, outcome, normal))
    if not ends:
        return Outcome(Status.NOT_FINITE, work.start)
    best = min(ends, key=lambda end: end.normal.cost)
    near = {end.number: end for end in ends if end.normal.cost < best.normal.cost + _LOST}
    places, normals, which, first_of = _places(work, near, best, count)
    x, outcome = best.outcome.x, best.outcome
    inverse, _ = invert(best.normal.hessian)
    measured = inverse is not None and not at_bound(work.problem, x).any()
    remark = (
        "" if outcome.status is Status.CONVERGED else f"lm, from which chains start: {outcome.status.value}"
    )
    if len(near) < count:
        remark = (
            f"{remark} {count - len(near)} of {count} scattered runs of lm ended where chi2 is so much larger that no "
            "part of the posterior is there; their chains start from the best one."
        ).strip()
    return Origin(
        np.array(places),
        normals,
        [which[number % count] for number in range(chains)],
        first_of[best.number],
        x if measured else None,
        np.sqrt(np.maximum(np.diag(inverse), 0.0)) if measured and inverse is not None else None,
        remark,
    )


@dataclass(frozen=True)
class _End:
    """Where a run of lm ended: the number of its chain, the outcome, and the normal equations there."""

    number: int
    outcome: Outcome
    normal: NormalEquations


def _places(
    work: Work, near: Mapping[int, _End], best: _End, count: int
) -> tuple[list[np.ndarray], list[NormalEquations], list[int], dict[int, int]]:
    """Distinct places of ``count`` chains with their normal equations; the place of each chain, and of each end."""
    places: list[np.ndarray] = []
    normals: list[NormalEquations] = []
    which: list[int] = []
    for number in range(count):
        end = near.get(number)
        x = end.outcome.x if end else renamed(work.problem, best.outcome.x, number)
        normal = end.normal if end else work.normal_equations(x)
        place = inside(work.space, x, normal)
        if not np.array_equal(place, x):
            normal = work.normal_equations(place)
        same = [i for i, other in enumerate(places) if _near(work, place - other, normals[i])]
        if not same:
            places.append(place)
            normals.append(normal)
        which.append(same[0] if same else len(places) - 1)
    return places, normals, which, {number: which[number] for number in near}


def _near(work: Work, apart: np.ndarray, normal: NormalEquations) -> bool:
    """True where two places differ by less than a small part of every parameter's conditional sigma, or by turns."""
    apart = apart - whole_turns(apart, work.space.period)
    return bool((np.abs(apart) * np.sqrt(np.maximum(np.diag(normal.hessian), 0.0)) < _SAME).all())


def by_lm(work: Work) -> Moves:
    """Run lm to its end, telling that it is only the beginning."""
    inner = LevenbergMarquardt().moves(work)
    while True:
        try:
            move = next(inner)
        except StopIteration as stop:
            outcome: Outcome = stop.value
            return outcome
        yield Move(move.x, move.chi2, {"phase": "lm"})
