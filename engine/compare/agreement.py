"""Do they agree? Groups of runs that found the same, and the verdict in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from engine.compare.alignment import Aligned
from engine.results import FitResult, Status

# Two runs agree where no parameter differs by more sigma than this.
AGREE = 1.0
# These have arrived somewhere, and where is worth comparing, even if not every parameter is measured.
_ARRIVED = (Status.CONVERGED, Status.ONE_MODE, Status.AT_BOUND, Status.DEGENERATE)


@dataclass(frozen=True)
class Agreement:
    """Which runs found the same.

    Attributes:
        verdict: In words.
        worst: Largest tension in sigma over the common parameters, (run, run); nan where there is none to tell.
        worst_parameter: Which parameter that is, by run and run; "" where there is none.
        groups: Labels of runs that agree with each other, the largest group first, in each the lowest chi2 first.
        unfinished: Labels of runs whose values cannot be used: not converged, stopped, not finite.
    """

    verdict: str
    worst: np.ndarray
    worst_parameter: tuple[tuple[str, ...], ...]
    groups: tuple[tuple[str, ...], ...]
    unfinished: tuple[str, ...]


def agreement(found: Aligned, tension: np.ndarray, results: Mapping[str, FitResult]) -> Agreement:
    """Say which runs agree.

    Args:
        found: The runs on common parameters.
        tension: (parameter, run, run) from :func:`tensions`.
        results: By label.
    """
    worst, names = _worst(found, np.abs(tension))
    arrived = [i for i, label in enumerate(found.labels) if results[label].status in _ARRIVED]
    arrived.sort(key=lambda i: results[found.labels[i]].chi2)
    groups = _groups(arrived, worst)
    unfinished = [i for i in range(len(found.labels)) if i not in arrived]
    sentences = [
        *_on_groups(groups, found, worst, names, results),
        *_on_bounds(arrived, found, results),
        *(_on_unfinished(i, groups, found, worst, names, results) for i in unfinished),
        *_on_swaps(found),
        *_on_scope(found, results),
    ]
    return Agreement(
        verdict=" ".join(sentences),
        worst=worst,
        worst_parameter=names,
        groups=tuple(tuple(found.labels[i] for i in group) for group in groups),
        unfinished=tuple(found.labels[i] for i in unfinished),
    )


def _worst(found: Aligned, apart: np.ndarray) -> tuple[np.ndarray, tuple[tuple[str, ...], ...]]:
    runs = len(found.labels)
    worst = np.full((runs, runs), np.nan)
    names = [[""] * runs for _ in range(runs)]
    for i, j in combinations(range(runs), 2):
        column = apart[:, i, j]
        if np.isfinite(column).any():
            at = int(np.nanargmax(column))
            worst[i, j] = worst[j, i] = column[at]
            names[i][j] = names[j][i] = found.names[at]
    return worst, tuple(map(tuple, names))


def _groups(arrived: Sequence[int], worst: np.ndarray) -> list[list[int]]:
    """Each run joins the first group with all of whose members it agrees; those of lowest chi2 come first."""
    groups: list[list[int]] = []
    for run in arrived:
        for group in groups:
            if all(worst[run, other] <= AGREE for other in group):
                group.append(run)
                break
        else:
            groups.append([run])
    return sorted(groups, key=lambda group: -len(group))


def _on_groups(
    groups: list[list[int]],
    found: Aligned,
    worst: np.ndarray,
    names: tuple[tuple[str, ...], ...],
    results: Mapping[str, FitResult],
) -> list[str]:
    if not groups:
        return ["No run has converged, so there is nothing to rely on yet."]
    first, *others = groups
    if len(first) == 1 and not others:
        return [] if len(found.labels) == 1 else [f"Only {found.labels[first[0]]} has converged."]
    sentences = []
    if len(first) == 1:
        sentences.append(f"No two runs agree within {AGREE:g} sigma.")
    else:
        pair = max(combinations(first, 2), key=lambda pair: worst[pair])
        sentences.append(
            f"{_and([found.labels[i] for i in first])} agree within {_sigma(worst[pair])}"
            f"{_most(names[pair[0]][pair[1]], worst[pair])}."
        )
    for group in others:
        near, far = min(
            ((i, j) for i in group for j in first), key=lambda pair: _or(float(worst[pair]), np.inf)
        )
        who = _and([found.labels[i] for i in group])
        if not np.isfinite(worst[near, far]):
            sentences.append(f"{who} cannot be compared: the uncertainties are unknown.")
            continue
        apart = results[found.labels[near]].chi2 - results[found.labels[far]].chi2
        height = (
            "the same chi2"
            if abs(apart) < 0.1
            else f"chi2 {'higher' if apart > 0 else 'lower'} by {abs(apart):.3g}"
        )
        together = " agree with each other but" if len(group) > 1 else ""
        verb = "differ" if len(group) > 1 else "differs"
        sentences.append(
            f"{who}{together} {verb} from {found.labels[far]} by {_sigma(worst[near, far])} in "
            f"{names[near][far]} ({height})."
        )
    return sentences


def _on_bounds(arrived: Sequence[int], found: Aligned, results: Mapping[str, FitResult]) -> list[str]:
    sentences = []
    for i in sorted(arrived):
        result = results[found.labels[i]]
        if result.status is Status.AT_BOUND:
            are = "is at its bound" if len(result.at_bounds) == 1 else "are at their bounds"
            sentences.append(f"In {found.labels[i]} {_and(result.at_bounds)} {are} and not measured.")
        elif result.status is Status.DEGENERATE:
            sentences.append(
                f"{found.labels[i]} is degenerate: a combination of its parameters is not measured."
            )
    return sentences


def _on_unfinished(
    run: int,
    groups: list[list[int]],
    found: Aligned,
    worst: np.ndarray,
    names: tuple[tuple[str, ...], ...],
    results: Mapping[str, FitResult],
) -> str:
    label, result = found.labels[run], results[found.labels[run]]
    reason = {
        Status.NOT_MIXED: "has not converged",
        Status.OUT_OF_STEPS: "ran out of steps",
        Status.STALLED: "stalled",
        Status.NOT_FINITE: "broke down: its model is not finite",
        Status.CANCELLED: "was stopped",
    }[result.status]
    if result.rhat is not None and np.isfinite(result.rhat).any():
        reason += f", R-hat {np.nanmax(result.rhat):.3g}"
    if not groups:
        return f"{label} {reason}."
    best = groups[0][0]
    if not np.isfinite(worst[run, best]):
        return f"{label} {reason}."
    if worst[run, best] <= AGREE:
        return f"{label} {reason}; it is still within {_sigma(worst[run, best])} of {found.labels[best]}."
    return (
        f"{label} {reason}; it is {_sigma(worst[run, best])} from {found.labels[best]} in {names[run][best]}."
    )


def _on_swaps(found: Aligned) -> list[str]:
    return [
        f"{label} found {_and(sorted(swap))} in each other's place; they are compared crosswise."
        for label, swap in found.swaps.items()
    ]


def _on_scope(found: Aligned, results: Mapping[str, FitResult]) -> list[str]:
    if len(found.labels) < 2:
        return []
    if not found.names:
        return ["No parameter is free in more than one run, so only images and chi2 can be compared."]
    free = {name for result in results.values() for name in result.names}
    everywhere = [name for name in found.names if all(name in result.names for result in results.values())]
    if len(everywhere) == len(free):
        return []
    return [
        f"{len(everywhere)} of {len(free)} parameters are free in every run; others are compared where they are."
    ]


def _most(name: str, sigma: float) -> str:
    return f" (most apart: {name})" if sigma >= 0.05 else ""


def _sigma(value: float) -> str:
    if value < 0.05:
        return "0.05 sigma"
    return f"{value:.1f} sigma" if value < 99.95 else f"{value:.3g} sigma"


def _or(value: float, otherwise: float) -> float:
    return float(value) if np.isfinite(value) else otherwise


def _and(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
