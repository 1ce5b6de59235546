"""Where chains begin: around lm's minimum, at the start values, scattered, or where an earlier run ended."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np

from engine.fitters.assess import at_bound
from engine.fitters.base import Move, Moves, Outcome, Work
from engine.fitters.lm import LevenbergMarquardt
from engine.fitters.search_box import scattered
from engine.linalg import invert
from engine.problem import NormalEquations
from engine.results import Status
from engine.samplers.whitening import inside


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
    ends: list[tuple[float, np.ndarray, NormalEquations, Outcome]] = []
    for number in range(chains if start == "scattered" else 1):
        first = work.start if number == 0 else scattered(work.space, work.start, work.rng)
        outcome = yield from by_lm(work.at(first))
        normal = outcome.normal or work.normal_equations(outcome.x)
        if normal.finite:
            ends.append((normal.cost, outcome.x, normal, outcome))
    if not ends:
        return Outcome(Status.NOT_FINITE, work.start)
    best = int(np.argmin([cost for cost, *_ in ends]))
    _, x, normal, outcome = ends[best]
    places = [inside(work.space, place, there) for _, place, there, _ in ends]
    normals = [
        there if np.array_equal(place, end) else work.normal_equations(place)
        for place, (_, end, there, _) in zip(places, ends, strict=True)
    ]
    inverse, _ = invert(normal.hessian)
    measured = inverse is not None and not at_bound(work.problem, x).any()
    converged = outcome.status is Status.CONVERGED
    return Origin(
        np.array(places),
        normals,
        [number % len(places) for number in range(chains)],
        best,
        x if measured else None,
        np.sqrt(np.maximum(np.diag(inverse), 0.0)) if measured and inverse is not None else None,
        "" if converged else f"lm, from which chains start: {outcome.status.value}",
    )


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
