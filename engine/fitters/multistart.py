"""One fitter from many starts: is the minimum the only one?"""

from __future__ import annotations

import math

import param

from engine.fitters.base import Fitter, Move, Moves, Outcome, Work
from engine.fitters.search_box import scattered
from engine.results import Status

# Two end points are one minimum where their costs differ by less than this; a tenth of a sigma is 0.01.
_SAME = 0.5


class Multistart(Fitter):
    """Run a fitter from the start itself and from others around it; keep the lowest minimum."""

    key = "multistart"
    title = "Multistart"
    summary = "The same fitter from many starts: reports the distinct minima."

    starts = param.Integer(12, bounds=(1, None), doc="Number of starts, the given one included.")
    width = param.Number(
        2.0,
        bounds=(1, None),
        inclusive_bounds=(False, True),
        doc="How far the others spread: factors for sizes and brightness, pixels / 3 for centers. Parameters with a "
        "prior are drawn from it.",
    )
    inner = param.String("lm", doc="Fitter to run, by name.")
    inner_options = param.Dict({}, doc="Options of the inner fitter, as a mapping of names to values.")

    def moves(self, work: Work) -> Moves:
        """Yield the best values after each step of each start."""
        from engine.fitters import configured

        method = configured(self.inner, dict(self.inner_options or {}))
        ends: list[tuple[float, float, Outcome]] = []  # cost, chi2, outcome
        best: Move | None = None
        for number in range(1, self.starts + 1):
            start = work.start if number == 1 else scattered(work.space, work.start, work.rng, self.width)
            inner = method.moves(work.at(start))
            move = Move(start, math.inf)
            try:
                while True:
                    move = next(inner)
                    if math.isfinite(move.chi2) and (best is None or move.chi2 <= best.chi2):
                        best = move
                    if best is not None:
                        yield Move(best.x, best.chi2, {"start": number, "start_chi2": move.chi2})
            except StopIteration as stop:
                outcome: Outcome = stop.value
            if outcome.status is not Status.NOT_FINITE and math.isfinite(move.chi2):
                # With priors or another likelihood the lowest cost and the lowest chi2 are two places.
                normal = outcome.normal
                cost, chi2 = (normal.cost, normal.chi2) if normal is not None else work.cost(outcome.x)
                ends.append((cost, chi2, outcome))
        if not ends:
            return Outcome(Status.NOT_FINITE, work.start)
        ends.sort(key=lambda end: end[0])
        lowest = ends[0][2]
        return Outcome(lowest.status, lowest.x, self._in_words(ends, work.problem.dof))

    def _in_words(self, ends: list[tuple[float, float, Outcome]], dof: int) -> str:
        minima: list[list[float]] = []  # of each, the chi2 of its ends
        first = math.inf
        for cost, chi2, _ in ends:
            if minima and cost - first < _SAME * max(1.0, ends[0][1] / dof):
                minima[-1].append(chi2)
            else:
                minima.append([chi2])
                first = cost
        if len(minima) == 1:
            return f"All {len(ends)} starts that ended well lead to one minimum."
        shown = ", ".join(
            f"{m[0] / dof:.5g} ({len(m)} {'start' if len(m) == 1 else 'starts'})" for m in minima[:5]
        )
        more = f" and {len(minima) - 5} more" if len(minima) > 5 else ""
        return f"{len(minima)} distinct minima, chi2/dof {shown}{more}."
