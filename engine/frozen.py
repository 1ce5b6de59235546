"""A problem for many evaluations near one place: samplers ask for thousands, all within a posterior's width."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine.errors import ParameterError
from engine.likelihoods import LIKELIHOODS
from engine.memory import in_smaller_tiles, is_shortage, release
from engine.models.base import Compilable, PullMany
from engine.models.scene import FrozenScene
from engine.parameters.box import Box
from engine.problem import Problem

# Numbers (0.8 GB) that a frozen scene may keep.
_MOST_NUMBERS = 100_000_000


@dataclass(frozen=True)
class Costs:
    """The cost at many places.

    Attributes:
        cost: -2 ln posterior up to a constant, (chain,); inf where it is not finite or out of bounds.
        chi2: Sum of weight * residual**2, (chain,).
        gradient: -(1/2) d cost / d x, (chain, free); zero where not finite or not asked for.
    """

    cost: np.ndarray
    chi2: np.ndarray
    gradient: np.ndarray


_COLUMNS = ("cost", "chi2", "gradient")


class FrozenProblem:
    """A problem whose samples stay where they are within a box of parameters; outside it is the problem itself.

    The images differ from :meth:`Problem.render`'s by less than the accuracy asked for; see
    :mod:`engine.render.frozen`. An image in tiles is not frozen, because its tiles take their memory in turn.

    Args:
        problem: What to evaluate.
        box: Of free parameters, (free,); its middle is frozen where the whole takes too many samples.
    """

    def __init__(self, problem: Problem, box: Box) -> None:
        self.problem = problem
        space = problem.space
        self._linked = any(p.link is not None for p in space.parameters)
        self._base, _ = space.expand(space.start)
        self._scene: FrozenScene | None = None
        self._evaluated, self._outside = 0, 0
        # Places at once: the latest, and at most; fewer where memory has run out.
        self._batch, self._most = 0, 1_000_000
        if len(problem.tiles) > 1:
            return
        try:
            scene = problem.freeze(box.through(*space.expand(box.middle)))
        except (MemoryError, RuntimeError) as error:
            if not is_shortage(error):
                raise
            return
        if scene.numbers > _MOST_NUMBERS:
            return
        self._scene = scene
        self._tile = problem.tiles[0]
        self._background = problem.background(problem.tiles[0]).view(self._tile.data.shape)
        self._terms = LIKELIHOODS[problem.likelihood].terms

    @property
    def outside(self) -> float:
        """The share of evaluations so far that fell outside the box, or 1 where there is none."""
        return 1.0 if self._scene is None else self._outside / max(self._evaluated, 1)

    @property
    def compilable(self) -> Sequence[Compilable]:
        """What of it can be compiled."""
        return [] if self._scene is None else self._scene.compilable

    def divide(self) -> None:
        """Evaluate half as many places at once from now on, or leave it to the problem, in its tiles."""
        if self._batch == 1:
            self._scene = None
        self._most = max(self._batch // 2, 1)
        release(self.problem.device)

    @in_smaller_tiles
    def costs(self, x: np.ndarray, *, gradient: bool = True) -> Costs:
        """Return cost, chi2 and gradient at each x, (chain, free)."""
        most = self._most
        if len(x) > most:
            parts = [self.costs(x[at : at + most], gradient=gradient) for at in range(0, len(x), most)]
            return Costs(*(np.concatenate([getattr(part, name) for part in parts]) for name in _COLUMNS))
        self._batch = len(x)
        theta, slopes, allowed = self._expand(x)
        inside = allowed & self._covers(theta)
        self._evaluated += len(x)
        if inside.all():
            return _without_lost(self._frozen(theta, slopes, gradient))
        self._outside += int((~inside).sum())
        found = Costs(np.full(len(x), np.inf), np.full(len(x), np.inf), np.zeros(x.shape))
        if inside.any():
            own = self._frozen(theta[inside], None if slopes is None else slopes[inside], gradient)
            found.cost[inside], found.chi2[inside], found.gradient[inside] = own.cost, own.chi2, own.gradient
        for chain in np.flatnonzero(allowed & ~inside):
            if gradient:
                here = self.problem.cost_gradient(x[chain])
                found.cost[chain], found.chi2[chain] = here.cost, here.chi2
                found.gradient[chain] = here.gradient
            else:
                found.cost[chain], found.chi2[chain] = self.problem.cost(x[chain])
        return _without_lost(found)

    @in_smaller_tiles
    def images(self, x: np.ndarray) -> np.ndarray:
        """Return the model image at each x, (chain, row, column)."""
        most = self._most
        if len(x) > most:
            return np.concatenate([self.images(x[at : at + most]) for at in range(0, len(x), most)])
        self._batch = len(x)
        theta, _, allowed = self._expand(x)
        inside = allowed & self._covers(theta)
        found = np.zeros((len(x), *self.problem.image.shape))
        if inside.any():
            with torch.no_grad():
                model, _ = self._model(theta[inside])
            found[inside] = model.cpu().numpy()
        for chain in np.flatnonzero(~inside):
            found[chain] = self.problem.render(x[chain])
        return found

    def _covers(self, theta: np.ndarray) -> np.ndarray:
        """Which of ``theta``, (chain, parameter), the frozen scene can render, (chain,)."""
        return np.zeros(len(theta), dtype=bool) if self._scene is None else self._scene.covers(theta)

    def _model(self, theta: np.ndarray) -> tuple[Tensor, PullMany]:
        """The model images of the frozen scene, (chain, row, column), and their pullback."""
        assert self._scene is not None
        model, pull = self._scene.brightness(theta)
        model += self._background
        return model, pull

    def _expand(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
        """All values, (chain, parameter), their slopes (None without links), and which of them have one, (chain,)."""
        space = self.problem.space
        theta = np.repeat(self._base[None], len(x), axis=0)
        if not self._linked:
            theta[:, space.free] = x
            return theta, None, np.ones(len(x), dtype=bool)
        slopes = np.zeros((len(x), theta.shape[1], x.shape[1]))
        allowed = np.zeros(len(x), dtype=bool)
        for chain, place in enumerate(x):
            try:
                theta[chain], slopes[chain] = space.expand(place)
            except ParameterError:  # a link without a value
                continue
            allowed[chain] = space.allowed(theta[chain])
        return theta, slopes, allowed

    def _frozen(self, theta: np.ndarray, slopes: np.ndarray | None, gradient: bool) -> Costs:
        """The costs from the frozen scene."""
        tile, problem = self._tile, self.problem
        with torch.no_grad():
            model, pull = self._model(theta)
            terms, score, _ = self._terms(tile.data, model, tile.weight, problem.image.gain or 1.0)
            chi2 = cost = _totals(terms)
            if problem.likelihood != "gaussian":
                residual = tile.data - model
                chi2 = _totals(tile.weight * residual * residual)
            by_theta = pull(score) if gradient else np.zeros(theta.shape)
        cost = cost + [problem.add_priors(*pair, None) for pair in zip(theta, by_theta, strict=True)]
        free = problem.space.free
        by_x = by_theta[:, free] if slopes is None else (by_theta[:, None] @ slopes)[:, 0]
        return Costs(cost, chi2, by_x if gradient else np.zeros(by_x.shape))


def _without_lost(found: Costs) -> Costs:
    """The same, infinite where it is not finite."""
    lost = ~(np.isfinite(found.cost) & np.isfinite(found.gradient).all(1))
    if lost.any():
        found.cost[lost], found.chi2[lost], found.gradient[lost] = np.inf, np.inf, 0.0
    return found


def _totals(images: Tensor) -> np.ndarray:
    return np.asarray(images.flatten(1).sum(1).cpu().numpy())
