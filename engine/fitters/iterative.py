"""Fitting a scene piece by piece: component by component, or a chunk of parameters at a time.

Block coordinate descent. Each piece is fitted by another fitter while everything else is held, so that only
the piece is rendered again. Convergence is judged on the whole: after each pass the full normal equations say
how far the minimum still is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import param

from engine.errors import OptionError, did_you_mean
from engine.fitters.base import Fitter, Move, Moves, Outcome, Work, run_through
from engine.fitters.newton import allowance, arrived
from engine.results import Status

Piece = tuple[str, list[int]]


class _ByPieces(Fitter):
    """The loop over passes; a subclass says what the pieces of a pass are."""

    max_steps = param.Integer(200, bounds=(1, None), doc="Passes over all pieces, at most.")
    tolerance = param.Number(
        0.01,
        bounds=(0, None),
        doc="Stop when a Gauss-Newton step of all parameters would lower chi2/max(1, chi2_dof) by less than "
        "this; 0.01 is a tenth of a sigma.",
    )
    inner = param.String("lm", doc="Fitter for each piece, by name.")
    inner_options = param.Dict(
        {"max_steps": 15, "tolerance": 1e-4},
        doc="Options of the inner fitter, as a mapping of names to values.",
    )

    def _passes(self, work: Work) -> Iterator[list[Piece]]:
        raise NotImplementedError

    def moves(self, work: Work) -> Moves:
        """Yield after each piece."""
        from engine.fitters import configured

        method = configured(self.inner, dict(self.inner_options or {}))
        x = work.start
        here = work.normal_equations(x)
        yield Move(x, here.chi2, {"pass": 0, "piece": ""})
        if not here.finite:
            return Outcome(Status.NOT_FINITE, x)
        passes = self._passes(work)
        for number in range(1, self.max_steps + 1):
            before = here.cost
            for name, members in next(passes):
                keep = sorted(set(members))
                part = work.restricted(keep, x)
                piece, outcome = run_through(method.moves(part), Move(part.start, here.chi2))
                if outcome.status is Status.NOT_FINITE:
                    return Outcome(Status.NOT_FINITE, x, f"This happened while {name} was fitted.")
                x = x.copy()
                x[keep] = outcome.x
                yield Move(x, piece.chi2, {"pass": number, "piece": name})
            here = work.normal_equations(x)
            if arrived(work, x, here, self.tolerance):
                return Outcome(Status.CONVERGED, x)
            if self._settled and before - here.cost <= 1e-3 * allowance(work, here, self.tolerance):
                return Outcome(Status.STALLED, x, "Whole passes no longer lower chi2: finish with lm.")
        return Outcome(Status.OUT_OF_STEPS, x)

    # Pieces that differ from pass to pass may rest for one and go on in the next.
    _settled = True


class IterativeModels(_ByPieces):
    """Fit one component at a time to the image less the others, around and around."""

    key = "iterative"
    title = "Iterative (models)"
    summary = "One component at a time against the residual of the others: robust where they hardly overlap."

    order: Any = param.Selector(
        default="listed",
        objects=["listed", "brightest", "random"],
        doc="Which component comes first: as listed, by flux, or shuffled for each pass.",
    )
    groups = param.List(
        [], item_type=list, doc="Components to fit together, as lists of names; the others go one by one."
    )

    def _passes(self, work: Work) -> Iterator[list[Piece]]:
        problem, names = work.problem, work.space.names
        owner = [problem.parameters[i].component for i in work.space.free]
        components = [c.name for c in problem.components]
        for group in self.groups:
            for name in group:
                if name not in components:
                    raise OptionError(
                        f"groups names the component '{name}'. {did_you_mean(str(name), components)}"
                    )
        grouped = {name for group in self.groups for name in group}
        groups = [
            *[list(group) for group in self.groups],
            *[[name] for name in components if name not in grouped],
        ]
        pieces: list[Piece] = []
        for group in groups:
            keep = [i for i in range(len(names)) if owner[i] in group]
            if keep:
                pieces.append((" + ".join(group), keep))
        if self.order == "brightest":
            light = {
                name: float(image.sum()) for name, image in problem.render_components(work.start).items()
            }
            pieces.sort(key=lambda piece: -sum(light[name] for name in piece[0].split(" + ")))
        while True:
            if self.order == "random":
                pieces = [pieces[i] for i in work.rng.permutation(len(pieces))]
            yield pieces


class IterativeParameters(_ByPieces):
    """Fit a chunk of the parameters at a time, whatever components they belong to."""

    key = "iterative-parameters"
    title = "Iterative (parameters)"
    summary = "A chunk of parameters at a time: for scenes whose links leave no separate components."

    chunks = param.Integer(
        2, bounds=(1, None), doc="Number of chunks that the free parameters are dealt into."
    )
    order: Any = param.Selector(
        default="random",
        objects=["random", "sequential"],
        doc="Deal the parameters at random for each pass, or keep them in their order.",
    )
    given = param.List(
        [], item_type=list, doc="The chunks themselves, as lists of parameter names; replaces `chunks`."
    )
    _settled = False

    def _passes(self, work: Work) -> Iterator[list[Piece]]:
        names = work.space.names
        given = [self._numbers(chunk, names) for chunk in self.given]
        while True:
            if given:
                chunks: Sequence[Sequence[int]] = given
            else:
                order = work.rng.permutation(len(names)) if self.order == "random" else np.arange(len(names))
                chunks = [sorted(c.tolist()) for c in np.array_split(order, min(self.chunks, len(names)))]
            yield [(f"chunk {number}", list(chunk)) for number, chunk in enumerate(chunks, start=1)]

    @staticmethod
    def _numbers(chunk: Sequence[str], names: list[str]) -> list[int]:
        for name in chunk:
            if name not in names:
                raise OptionError(
                    f"given names '{name}', which is no free parameter. {did_you_mean(str(name), names)}"
                )
        return [names.index(name) for name in chunk]
