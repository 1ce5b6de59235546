"""Chains side by side: each driven by itself, or all advanced by one batched evaluation after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from engine.samplers.density import Density, Point


@dataclass(frozen=True)
class Draw:
    """One draw of one chain: white coordinates w, physical x, chi2, and the sampler's own figures."""

    w: np.ndarray
    x: np.ndarray
    chi2: float
    stats: Mapping[str, float]


@dataclass(frozen=True)
class Round:
    """One draw of every chain: x (chain, free), chi2 (chain,), and the sampler's own figures, each (chain,)."""

    x: np.ndarray
    chi2: np.ndarray
    stats: Mapping[str, np.ndarray]


class Chain(Protocol):
    """A chain that can be advanced; it adapts itself during warm-up."""

    def advance(self) -> Draw:
        """Make the next draw."""


class Chains(Protocol):
    """All chains of a run, advanced together."""

    def advance(self) -> Round:
        """Make the next draw of each chain."""


class SideBySide:
    """Chains that know nothing of each other, a draw of each in turn."""

    def __init__(self, chains: Sequence[Chain]) -> None:
        self._chains = chains

    def advance(self) -> Round:
        """Make the next draw of each chain."""
        draws = [chain.advance() for chain in self._chains]
        return Round(
            np.array([draw.x for draw in draws]),
            np.array([draw.chi2 for draw in draws]),
            {name: np.array([draw.stats[name] for draw in draws]) for name in draws[0].stats},
        )


class Densities:
    """The densities of all chains as one: chains in the same coordinates share each evaluation."""

    def __init__(self, densities: Sequence[Density]) -> None:
        self._groups = [
            (density, np.array([i for i, other in enumerate(densities) if other is density]))
            for density in dict.fromkeys(densities)
        ]

    def many(self, w: np.ndarray, *, gradient: bool = True) -> Point:
        """Return the density of each chain at its place, (chain, free)."""
        if len(self._groups) == 1:
            return self._groups[0][0].many(w, gradient=gradient)
        x, by_w = np.empty(w.shape), np.empty(w.shape)
        log_density, chi2 = np.empty(len(w)), np.empty(len(w))
        for density, rows in self._groups:
            part = density.many(w[rows], gradient=gradient)
            x[rows], by_w[rows] = part.x, part.gradient
            log_density[rows], chi2[rows] = part.log_density, part.chi2
        return Point(x, log_density, by_w, chi2)


def chosen(accepted: np.ndarray, there: Point, here: Point) -> Point:
    """Return, chain by chain, ``there`` where accepted, (chain,), else ``here``."""
    column = accepted[:, None]
    return Point(
        np.where(column, there.x, here.x),
        np.where(accepted, there.log_density, here.log_density),
        np.where(column, there.gradient, here.gradient),
        np.where(accepted, there.chi2, here.chi2),
    )
