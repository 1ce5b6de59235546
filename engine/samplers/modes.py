"""Chains in different modes, and components that have swapped their names."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

from engine.models.scene import Component
from engine.problem import Problem
from engine.samplers.diagnostics import chains_in_words

# Two chains are in different modes where their means differ by more than this many of their own sigmas.
_APART = 4.0
# Below this R-hat chains do agree, whatever else.
_AGREE = 1.1
# More permutations than those of this many identical components are not tried.
_MOST = 5


def modes_in_words(
    problem: Problem, draws: np.ndarray, rhat: np.ndarray, chi2: np.ndarray | None = None
) -> str:
    """Return a sentence where chains sit in different modes or labels have switched, else nothing.

    Args:
        problem: What was sampled.
        draws: (chain, draw, parameter).
        rhat: (parameter,).
        chi2: (chain, draw), to tell which mode fits better.
    """
    swapped = _swaps_in_words(problem, draws, identical_components(problem))
    if not np.isfinite(rhat).any() or np.nanmax(rhat) < _AGREE:
        return swapped
    groups = _groups(draws)
    if len(groups) == 1:
        return swapped
    sorted_groups = _groups(relabelled(problem, draws)) if swapped else groups
    if swapped and len(sorted_groups) == 1:
        return swapped
    main = max(groups, key=len)
    parts = []
    for group in groups:
        if group is main:
            continue
        here, there = draws[group].mean(axis=(0, 1)), draws[main].mean(axis=(0, 1))
        far = np.abs(here - there) / (draws[group].std(axis=(0, 1)) + draws[main].std(axis=(0, 1)) + 1e-300)
        shown = ", ".join(problem.names[i] for i in np.argsort(-far)[:3])
        level = ""
        if chi2 is not None:
            level = f" (chi2 {np.median(chi2[group]) - np.median(chi2[main]):+.1f})"
        numbers = [i + 1 for i in group]
        verb = "sits" if len(numbers) == 1 else "sit"
        words = chains_in_words(numbers).capitalize()
        parts.append(f"{words} {verb} in another mode, with another {shown}{level}.")
    return " ".join(
        [
            *parts,
            *([swapped] if swapped else []),
            "Each mode is a solution of its own: narrow the bounds to one of them, or add priors.",
        ]
    )


def identical_components(problem: Problem) -> list[list[Component]]:
    """Return sets of components that could swap names without changing the posterior.

    They have the same model, the same free parameters with the same bounds and priors, the same fixed
    values, and no links.
    """
    linked = {p.component for p in problem.parameters if p.link is not None}
    linked |= {
        key.rpartition(".")[0] for p in problem.parameters if p.link is not None for key in p.link.references
    }
    kinds: dict[object, list[Component]] = {}
    for component in problem.components:
        own = [p for p in problem.parameters if p.component == component.name]
        if any(component.name == name or name.startswith(f"{component.name}.") for name in linked):
            continue
        kind = (
            component.model.key,
            tuple((p.name, p.free, p.lower, p.upper, str(p.prior), None if p.free else p.value) for p in own),
        )
        if any(p.free for p in own):
            kinds.setdefault(kind, []).append(component)
    return [found for found in kinds.values() if 1 < len(found) <= _MOST]


def other_modes_in_words(problem: Problem) -> str:
    """Return how many modes identical components make that differ in names alone, or nothing where there are none."""
    sets = identical_components(problem)
    if not sets:
        return ""
    count = math.prod(math.factorial(len(components)) for components in sets)
    names = [[component.name for component in components] for components in sets]
    same = "; ".join(f"{', '.join(some)} and {last} are identical" for *some, last in names)
    return f"This is one of {count} modes that differ only in names: {same}."


def renamed(problem: Problem, x: np.ndarray, number: int) -> np.ndarray:
    """Return x, (free,), with identical components in their ``number``-th order, counted round; 0 is their own."""
    index = {name: i for i, name in enumerate(problem.names)}
    out = x.copy()
    for components in identical_components(problem):
        orders = list(itertools.permutations(components))
        for place, source in zip(components, orders[number % len(orders)], strict=True):
            for key, other in zip(place.keys, source.keys, strict=True):
                if key in index:
                    out[index[key]] = x[index[other]]
    return out


def relabelled(problem: Problem, draws: np.ndarray) -> np.ndarray:
    """Return draws, (chain, draw, parameter), with identical components sorted out.

    Each draw gets the order of names that brings it nearest to the first chain's middle, in units of the
    chains' own sigmas.
    """
    for components in identical_components(problem):
        draws, _ = _sorted_out(problem, draws, components)
    return draws


def _swaps_in_words(problem: Problem, draws: np.ndarray, sets: Sequence[Sequence[Component]]) -> str:
    sentences = []
    for components in sets:
        _, moved = _sorted_out(problem, draws, components)
        share = moved.mean(axis=1)
        if not np.any(share > 0.01):
            continue
        # Which of them changed places.
        names = " and ".join(component.name for component in components)
        whole = [int(i) + 1 for i in np.flatnonzero(share > 0.99)]
        partly = [int(i) + 1 for i in np.flatnonzero((share > 0.01) & (share <= 0.99))]
        if not partly:
            verb = "sits" if len(whole) == 1 else "sit"
            words = chains_in_words(whole).capitalize()
            sentences.append(
                f"{words} {verb} in another mode: {names} swapped; they are identical, so their names are free."
            )
        else:
            sentences.append(f"{names} swap names within {chains_in_words(partly)}.")
    if not sentences:
        return ""
    return " ".join([*sentences, "Set sort_labels, or narrow the bounds of their centers."])


def _sorted_out(
    problem: Problem, draws: np.ndarray, components: Sequence[Component]
) -> tuple[np.ndarray, np.ndarray]:
    """Draws sorted out for one set, and True for each draw that changed, (chain, draw)."""
    index = {name: i for i, name in enumerate(problem.names)}
    columns = np.array([[index[key] for key in component.keys if key in index] for component in components])
    sigma = np.median(draws.std(axis=1), axis=0) + 1e-300
    middle = np.median(draws[0], axis=0)
    orders = list(itertools.permutations(range(len(components))))
    distance = np.stack(
        [
            sum(
                np.square((draws[..., columns[source]] - middle[columns[place]]) / sigma[columns[place]]).sum(
                    -1
                )
                for place, source in enumerate(order)
            )
            for order in orders
        ]
    )
    # The first order is the one that changes nothing; it wins ties.
    best = np.argmin(distance, axis=0)
    out = draws.copy()
    for number, order in enumerate(orders):
        chosen = best == number
        for place, source in enumerate(order):
            out[np.ix_(*map(np.arange, out.shape[:2]), columns[place])] = np.where(
                chosen[..., None], draws[..., columns[source]], out[..., columns[place]]
            )
    return out, best != 0


def _groups(draws: np.ndarray) -> list[list[int]]:
    """Chains by mode, each a list of numbers from 0."""
    means, sigmas = draws.mean(axis=1), draws.std(axis=1)
    groups: list[list[int]] = []
    for chain in range(draws.shape[0]):
        for group in groups:
            other = group[0]
            pooled = np.sqrt(0.5 * (sigmas[chain] ** 2 + sigmas[other] ** 2)) + 1e-300
            if np.all(np.abs(means[chain] - means[other]) < _APART * pooled):
                group.append(chain)
                break
        else:
            groups.append([chain])
    return groups
