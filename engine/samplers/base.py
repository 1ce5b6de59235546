"""What all chain samplers share: their options, where chains start, warm-up, draws, and going on from a result."""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import param

from engine.errors import OptionError
from engine.fitters.base import Fitter, Move, Moves, Outcome, Stop, Work
from engine.normal_equations import NormalEquations
from engine.parameters.transform import Transform
from engine.results import FitResult, Status
from engine.samplers.chains import Chain, Chains, Round, SideBySide
from engine.samplers.density import Density, frozen_around
from engine.samplers.origin import find_origin
from engine.samplers.record import Record
from engine.samplers.whitening import Whitening, none, of_covariance, of_draws, of_hessian

# Steps shown, at most about: drawing 20 000 times need not make 20 000 rows.
_SHOWN = 1000
# How often a start is drawn anew, nearer each time, where the density is zero.
_TRIES = 20
# Draws that adapt the step anew where a run goes on.
_AGAIN = 50


@dataclass(frozen=True)
class Prepared:
    """How a sampler is prepared: what its steps tell of it, and a sentence for the notes, or none."""

    told: Mapping[str, bool] = field(default_factory=dict)
    remark: str = ""


class ChainSampler(Fitter):
    """Runs chains side by side, a draw of each in turn; a subclass makes the chains."""

    chains = param.Integer(4, bounds=(1, None), doc="Number of chains; four show whether they agree.")
    warmup = param.Integer(
        200, bounds=(0, None), doc="Draws of each chain that adapt the method and are not kept."
    )
    draws = param.Integer(500, bounds=(4, None), doc="Draws of each chain that are kept.")
    thin = param.Integer(
        1, bounds=(1, None), doc="Keep every so-manieth draw: more is made, no more is stored."
    )
    start: Any = param.Selector(
        default="lm",
        objects=["lm", "here", "scattered"],
        doc="Chains start around the minimum found by lm, around the start values, or each from its own run of lm "
        "from a start of its own (to find other modes).",
    )
    spread = param.Number(
        2.0, bounds=(0, None), doc="How far chains start from there: sigmas of the expected posterior."
    )
    whiten = param.Boolean(
        True, doc="Sample in coordinates in which the posterior expected from the Hessian is a unit sphere."
    )
    inverse_mass_matrix = param.Parameter(
        default=None,
        doc="Covariance to whiten with instead, in physical units: rows of a matrix, such as an earlier result's.",
    )
    sort_labels = param.Boolean(
        False, doc="Undo swaps of names between identical components, draw by draw, in the result."
    )

    def chain(self, density: Density, w: np.ndarray, seed: int, warmup: int) -> Chain:
        """Return a chain that starts at ``w`` with its own random numbers and adapts for ``warmup`` draws."""
        raise NotImplementedError

    def make_chains(
        self, densities: Sequence[Density], starts: np.ndarray, seeds: Sequence[int], warmup: int
    ) -> Chains:
        """Return all chains; one that advances them together overrides this instead of :meth:`chain`."""
        return SideBySide(
            [
                self.chain(density, w, seed, warmup)
                for density, w, seed in zip(densities, starts, seeds, strict=True)
            ]
        )

    def prepare(
        self, densities: Sequence[Density], draws: int, start: Move
    ) -> Generator[Move, None, Prepared]:
        """Make ready what evaluates the densities, of each chain, for so many draws; tell of it where it takes long."""
        yield from ()
        return Prepared()

    def limits(self) -> dict[str, float]:
        """Return the largest value that a figure of the sampler can take, by name, for the verdict."""
        return {}

    def moves(self, work: Work) -> Moves:
        """Yield after each round: one draw of every chain."""
        previous = work.previous if work.previous is not None and work.previous.draws is not None else None
        before = None if previous is None else previous.draws
        count = self.chains if before is None else before.shape[0]
        origin = yield from find_origin(work, str(self.start), count)
        if isinstance(origin, Outcome):
            return origin
        record = Record(work, count, self.draws, previous)
        transform = Transform.of(work.space)
        # A chain that starts in another mode has coordinates of its own.
        places = [
            self._density(work, transform, x, normal, previous)
            for x, normal in zip(origin.places, origin.normals, strict=True)
        ]
        densities = [places[i] for i in origin.which]
        if before is None:
            starts = [self._dispersed(density, work.rng) for density in densities]
        else:
            starts = [
                density.whitening.white(transform.unconstrained(x))
                for density, x in zip(densities, before[:, -1], strict=True)
            ]
        begun = np.array([start for start in starts if start is not None])
        if len(begun) < count:
            return Outcome(
                Status.NOT_FINITE,
                origin.places[origin.best],
                "The posterior is zero around the start. Widen the bounds.",
            )
        warmup = self.warmup if before is None else min(self.warmup, _AGAIN)
        best = origin.best
        prepared = yield from self.prepare(
            densities,
            warmup + self.draws * self.thin,
            Move(origin.places[best], origin.normals[best].chi2),
        )
        seeds = [int(seed) for seed in work.rng.integers(2**63 - 1, size=count)]
        running = self.make_chains(densities, begun, seeds, warmup)
        for number in range(1, warmup + 1):
            now = running.advance()
            if _shown(number, warmup):
                yield _move(now, {"phase": "warm-up", "draw": number, "chains": count, **prepared.told})
        figures: dict[str, float] = {}
        draws, thin = int(self.draws), int(self.thin)
        try:
            for number in range(1, draws + 1):
                for _ in range(thin):
                    now = running.advance()
                record.add(now)
                if record.worth_a_look:
                    figures = record.look()
                if _shown(number, draws):
                    told = {"phase": "draws", "draw": number, "chains": count, **prepared.told, **figures}
                    yield replace(_move(now, told), drawn=record.so_far)
        except Stop:
            if record.done < 4:
                raise
        return record.outcome(origin, prepared.remark, sort_labels=self.sort_labels, limits=self.limits())

    def _density(
        self,
        work: Work,
        transform: Transform,
        x: np.ndarray,
        normal: NormalEquations,
        previous: FitResult | None,
    ) -> Density:
        expected = of_hessian(work.space, transform, x, normal)
        frozen = frozen_around(work, transform, x, expected)
        whitening: Whitening | None = None
        if self.inverse_mass_matrix is not None:
            whitening = of_covariance(transform, x, _checked(self.inverse_mass_matrix, len(x)))
        elif not self.whiten:
            whitening = none(transform, x)
        elif previous is not None and previous.draws is not None:
            whitening = of_draws(work.space, transform, previous.draws)
        return Density(work, transform, whitening or expected, frozen)

    def _dispersed(self, density: Density, rng: np.random.Generator) -> np.ndarray | None:
        """A start around the origin where the density is not zero; None where there is none."""
        reach, middle = float(self.spread), np.zeros(len(density.whitening.center))
        for _ in range(_TRIES):
            w = reach * rng.standard_normal(len(middle))
            if math.isfinite(density.at(w, gradient=False).log_density):
                return np.asarray(w)
            reach *= 0.7
        return middle if math.isfinite(density.at(middle, gradient=False).log_density) else None


def _shown(number: int, total: int) -> bool:
    return number % max(1, math.ceil(total / _SHOWN)) == 0 or number == total


def _move(now: Round, info: Mapping[str, float | str | bool]) -> Move:
    """What is shown of a round: the first chain's place, and all chains' figures averaged."""
    means = {name: float(np.mean(values)) for name, values in now.stats.items()}
    return Move(now.x[0], float(now.chi2[0]), {**info, **means})


def _checked(given: Any, free: int) -> np.ndarray:
    """The option inverse_mass_matrix as a matrix."""
    try:
        matrix = np.asarray(given, dtype=float)
    except (TypeError, ValueError) as error:
        raise OptionError("inverse_mass_matrix must be a matrix of numbers, given by rows.") from error
    if matrix.shape != (free, free):
        raise OptionError(
            f"inverse_mass_matrix has shape {matrix.shape}, but there are {free} free parameters: give "
            f"{free} rows of {free} numbers."
        )
    if not np.isfinite(matrix).all() or not np.allclose(matrix, matrix.T, rtol=1e-6, atol=0):
        raise OptionError("inverse_mass_matrix must be symmetric and finite, like a result's covariance.")
    scale = np.sqrt(np.abs(np.diag(matrix)))
    if np.any(scale == 0) or np.linalg.eigvalsh(matrix / np.outer(scale, scale))[0] <= 0:
        raise OptionError("inverse_mass_matrix must be positive definite, like a result's covariance.")
    return matrix
