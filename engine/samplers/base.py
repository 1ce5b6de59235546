"""What all chain samplers share: where chains start, warm-up, draws, live diagnostics, and the result."""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import param

from engine.errors import OptionError
from engine.fitters.base import Fitter, Move, Moves, Outcome, Stop, Work
from engine.fitters.lm import LevenbergMarquardt
from engine.fitters.search_box import scattered
from engine.linalg import invert
from engine.parameters.transform import Transform
from engine.problem import NormalEquations
from engine.results import Status
from engine.samplers.density import Density
from engine.samplers.diagnostics import diagnose
from engine.samplers.posterior import centered_angles, posterior
from engine.samplers.whitening import Whitening, inside, none, of_covariance, of_hessian

# Steps shown, at most about: drawing 20 000 times need not make 20 000 rows.
_SHOWN = 1000
# Live diagnostics this many times during the draws.
_LOOKS = 20
# How often a start is drawn anew, nearer each time, where the density is zero.
_TRIES = 20


@dataclass(frozen=True)
class Draw:
    """One draw of one chain: white coordinates w, physical x, chi2, and the sampler's own figures."""

    w: np.ndarray
    x: np.ndarray
    chi2: float
    stats: Mapping[str, float]


class Chain(Protocol):
    """A chain that can be advanced; it adapts itself during warm-up."""

    def advance(self) -> Draw:
        """Make the next draw."""


@dataclass(frozen=True)
class Origin:
    """Where the chains of a run begin.

    Attributes:
        x: Start of each chain, physical units, inside the bounds, (chain, free).
        normals: Normal equations at each of them.
        best: Which one that is.
        sigma: Uncertainties by lm, (free,); None where it was not run.
        remark: What lm said where it did not converge.
    """

    x: np.ndarray
    normals: Sequence[NormalEquations]
    best: int = 0
    sigma: np.ndarray | None = None
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

    def chain(self, density: Density, w: np.ndarray, seed: int) -> Chain:
        """Return a chain that starts at ``w`` with its own random numbers."""
        raise NotImplementedError

    def moves(self, work: Work) -> Moves:
        """Yield after each round: one draw of every chain."""
        origin = yield from self._origin(work)
        if isinstance(origin, Outcome):
            return origin
        transform = Transform.of(work.space)
        # A chain that starts in another mode has coordinates of its own.
        densities = [
            Density(work, transform, self._whitening(work, transform, x, normal))
            for x, normal in zip(origin.x, origin.normals, strict=True)
        ]
        starts = [self._dispersed(density, work.rng) for density in densities]
        if any(start is None for start in starts):
            return Outcome(
                Status.NOT_FINITE,
                origin.x[origin.best],
                "The posterior is zero around the start. Widen the bounds.",
            )
        seeds = work.rng.integers(2**63 - 1, size=self.chains)
        running = [
            self.chain(density, w, int(seed))
            for density, w, seed in zip(densities, starts, seeds, strict=True)
            if w is not None
        ]
        for number in range(1, self.warmup + 1):
            now = [chain.advance() for chain in running]
            if self._shown(number, self.warmup):
                yield self._move(now, {"phase": "warm-up", "draw": number, "chains": len(running)})
        return (yield from self._draw(work, running, origin))

    def _draw(self, work: Work, running: Sequence[Chain], origin: Origin) -> Moves:
        kept = np.empty((self.chains, self.draws, len(work.start)))
        stats: dict[str, np.ndarray] = {}
        figures: dict[str, float] = {}
        done = 0

        def outcome() -> Outcome:
            found = posterior(
                work.problem,
                kept[:, :done],
                {name: values[:, :done] for name, values in stats.items()},
                sigma=origin.sigma,
                sort_labels=self.sort_labels,
                remark=origin.remark,
            )
            return Outcome(found.status, found.mean, posterior=found)

        try:
            for number in range(1, self.draws + 1):
                for _ in range(self.thin):
                    now = [chain.advance() for chain in running]
                for i, draw in enumerate(now):
                    kept[i, done] = draw.x
                    for name, value in {**draw.stats, "chi2": draw.chi2}.items():
                        stats.setdefault(name, np.full((self.chains, self.draws), np.nan))[i, done] = value
                done = number
                if number % max(1, self.draws // _LOOKS) == 0 and number >= 20:
                    figures = _live(centered_angles(work.space, kept[:, :done]), stats)
                if self._shown(number, self.draws):
                    yield self._move(
                        now, {"phase": "draws", "draw": number, "chains": len(running), **figures}
                    )
        except Stop:
            if done < 4:
                raise
        return outcome()

    def _shown(self, number: int, total: int) -> bool:
        return number % max(1, math.ceil(total / _SHOWN)) == 0 or number == total

    @staticmethod
    def _move(now: Sequence[Draw], info: Mapping[str, float | str | bool]) -> Move:
        """What is shown of a round: the first chain's place, and all chains' figures averaged."""
        names = now[0].stats
        means = {name: float(np.mean([draw.stats[name] for draw in now])) for name in names}
        return Move(now[0].x, now[0].chi2, {**info, **means})

    # Where chains begin

    def _origin(self, work: Work) -> Generator[Move, None, Origin | Outcome]:
        if self.start == "here":
            normal = work.normal_equations(work.start)
            yield Move(work.start, normal.chi2, {"phase": "start"})
            if not normal.finite:
                return Outcome(Status.NOT_FINITE, work.start)
            x = inside(work.space, work.start, normal)
            return Origin(np.tile(x, (self.chains, 1)), [work.normal_equations(x)] * self.chains)
        count = self.chains if self.start == "scattered" else 1
        ends: list[tuple[float, np.ndarray, NormalEquations, Outcome]] = []
        for number in range(count):
            first = work.start if number == 0 else scattered(work.space, work.start, work.rng)
            outcome = yield from by_lm(work.at(first))
            normal = outcome.normal or work.normal_equations(outcome.x)
            if normal.finite:
                ends.append((normal.cost, outcome.x, normal, outcome))
        if not ends:
            return Outcome(Status.NOT_FINITE, work.start)
        best = int(np.argmin([cost for cost, *_ in ends]))
        _, x, normal, outcome = ends[best]
        inverse, _ = invert(normal.hessian)
        sigma = None if inverse is None else np.sqrt(np.maximum(np.diag(inverse), 0.0))
        places = [inside(work.space, place, there) for _, place, there, _ in ends]
        normals = [
            there if np.array_equal(place, end) else work.normal_equations(place)
            for place, (_, end, there, _) in zip(places, ends, strict=True)
        ]
        if not np.array_equal(places[best], x):
            sigma = None
        remark = (
            ""
            if outcome.status is Status.CONVERGED
            else f"lm, from which chains start: {outcome.status.value}"
        )
        which = [number % len(places) for number in range(self.chains)]
        return Origin(np.array([places[i] for i in which]), [normals[i] for i in which], best, sigma, remark)

    def _whitening(
        self, work: Work, transform: Transform, x: np.ndarray, normal: NormalEquations
    ) -> Whitening:
        if self.inverse_mass_matrix is not None:
            return of_covariance(transform, x, self._given_covariance(len(x)))
        return of_hessian(work.space, transform, x, normal) if self.whiten else none(transform, x)

    def _given_covariance(self, free: int) -> np.ndarray:
        try:
            matrix = np.asarray(self.inverse_mass_matrix, dtype=float)
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

    def _dispersed(self, density: Density, rng: np.random.Generator) -> np.ndarray | None:
        """A start around the origin where the density is not zero; None where there is none."""
        reach, middle = float(self.spread), np.zeros(len(density.whitening.center))
        for _ in range(_TRIES):
            w = reach * rng.standard_normal(len(middle))
            if math.isfinite(density.value(w).log_density):
                return np.asarray(w)
            reach *= 0.7
        return middle if math.isfinite(density.value(middle).log_density) else None


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


def _live(draws: np.ndarray, stats: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Figures while chains run: the worst R-hat and the smallest effective sample size so far."""
    figures = diagnose(draws, mean=False)
    return {
        "rhat": float(np.max(figures.rhat)),
        "ess_bulk": float(np.min(figures.ess_bulk)),
        "divergences": float(np.nansum(stats["diverging"])) if "diverging" in stats else 0.0,
    }
