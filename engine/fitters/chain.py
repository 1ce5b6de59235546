"""Several fitters in a row as one fit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from engine.fitters.base import Fitter, Moves, Outcome, Stop, Work


class Chain(Fitter):
    """Run each method from where the one before it ended; the last one's status counts."""

    title = "Chain"
    summary = "Several fitters in a row, each from where the one before it ended."

    def __init__(self, methods: list[Fitter]) -> None:
        super().__init__()
        self.methods = methods
        self.only_float64 = any(method.only_float64 for method in methods)  # type: ignore[misc]  # as the key
        self.key = "+".join(method.key for method in methods)  # type: ignore[misc]  # a chain's key is its members'

    def options(self) -> dict[str, Any]:
        """Return the options of each method, by its name."""
        return {method.key: method.options() for method in self.methods}

    def moves(self, work: Work) -> Moves:
        """Yield the moves of each method in turn."""
        outcome: Outcome | None = None
        for method in self._remaining(work):
            inner = method.moves(work if outcome is None else work.at(outcome.x))
            stopped = False
            try:
                while True:
                    move = next(inner)
                    try:
                        yield replace(move, info={"fitter": method.key, **move.info})
                    except Stop as stop:
                        stopped = True
                        inner.throw(stop)
            except StopIteration as end:
                outcome = end.value
                if stopped:
                    break
        assert outcome is not None
        return outcome

    def _remaining(self, work: Work) -> list[Fitter]:
        """The methods from the one that a saved step, or saved draws, belong to; all of them for a new fit."""
        if work.previous is not None and work.previous.draws is not None:
            return self.methods[-1:]
        keys = [method.key for method in self.methods]
        reached = work.resumed.get("fitter")
        return self.methods[keys.index(reached) if reached in keys else 0 :]
