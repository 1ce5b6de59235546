"""Several results side by side on the parameters that they share, identical components in the same order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
from scipy.optimize import linear_sum_assignment

from engine.parameters.space import whole_turns
from engine.problem import Problem
from engine.results import FitResult

# Names are exchanged only where that brings the components this many times nearer.
_CLEARLY = 4.0
# Differences beyond this many sigma count as this: one parameter that ran away must not decide alone.
_FAR = 100.0


@dataclass(frozen=True)
class Aligned:
    """Results of several runs on the parameters that at least two of them, or the only one, left free.

    Attributes:
        labels: Of the runs.
        names: Of the parameters, in the order of the problems.
        units: Of the parameters.
        periods: Of angles, nan of the others, (parameter,).
        values: (run, parameter); nan where a run did not fit the parameter.
        uncertainties: (run, parameter); nan where unknown.
        draws: Of samplers, (draw, parameter), chains joined; None of the others.
        swaps: By label, which component of the run is compared as which: {"sersic 1": "sersic 0", ...}.
    """

    labels: tuple[str, ...]
    names: tuple[str, ...]
    units: tuple[str, ...]
    periods: np.ndarray
    values: np.ndarray
    uncertainties: np.ndarray
    draws: tuple[np.ndarray | None, ...]
    swaps: dict[str, dict[str, str]]


def align(problems: Mapping[str, Problem], results: Mapping[str, FitResult]) -> Aligned:
    """Bring results of runs on one image onto common parameters.

    Components that are alike (same model, same free parameters) carry no meaning in their names: a run may have
    found two of them in each other's place. They are then compared crosswise, and ``swaps`` says so.

    Args:
        problems: What each run fitted, by label.
        results: What it came to, by the same labels.
    """
    labels = tuple(results)
    specs = {p.key: p for problem in problems.values() for p in problem.parameters}
    fitted = [name for label in labels for name in results[label].names]
    needed = min(2, len(labels))
    names = tuple(name for name in specs if fitted.count(name) >= needed)
    periods = np.array([specs[name].period or np.nan for name in names], dtype=float)
    found = Aligned(
        labels=labels,
        names=names,
        units=tuple(specs[name].unit for name in names),
        periods=periods,
        values=np.array([_columns(results[label].values, results[label], names) for label in labels]),
        uncertainties=np.array(
            [_columns(results[label].uncertainties, results[label], names) for label in labels]
        ),
        draws=tuple(_draws(results[label], names) for label in labels),
        swaps={},
    )
    return _without_swaps(found, problems, results)


def difference(a: np.ndarray, b: np.ndarray, periods: np.ndarray) -> np.ndarray:
    """Return a - b, of angles the nearest way round; shapes broadcast, ``periods`` nan where there is none."""
    plain = np.asarray(a, dtype=float) - np.asarray(b, dtype=float)
    return np.asarray(plain - whole_turns(plain, periods))


def _columns(vector: np.ndarray, result: FitResult, names: tuple[str, ...]) -> np.ndarray:
    own = dict(zip(result.names, vector, strict=True))
    return np.array([own.get(name, np.nan) for name in names], dtype=float)


def _draws(result: FitResult, names: tuple[str, ...]) -> np.ndarray | None:
    if result.draws is None:
        return None
    flat = result.draws.reshape(-1, result.draws.shape[-1])
    found = np.full((len(flat), len(names)), np.nan)
    for at, name in enumerate(names):
        if name in result.names:
            found[:, at] = flat[:, result.names.index(name)]
    return found


def _without_swaps(
    found: Aligned, problems: Mapping[str, Problem], results: Mapping[str, FitResult]
) -> Aligned:
    """Exchange the columns of components that a run found in each other's place."""
    best = reference(results)
    alike = _alike(problems[found.labels[best]], found.names)
    values, sigmas, draws = found.values.copy(), found.uncertainties.copy(), list(found.draws)
    swaps: dict[str, dict[str, str]] = {}
    for run, label in enumerate(found.labels):
        if run == best:
            continue
        for components in alike:
            columns = np.array([[found.names.index(name) for name in keys] for keys in components.values()])
            order = _order(found, run, best, columns)
            if order is None:
                continue
            into, out_of = columns.ravel(), columns[order].ravel()
            values[run, into], sigmas[run, into] = found.values[run, out_of], found.uncertainties[run, out_of]
            own = draws[run]
            if own is not None:
                own = own.copy()
                own[:, into] = own[:, out_of]
                draws[run] = own
            names = list(components)
            swaps.setdefault(label, {}).update({names[k]: names[i] for i, k in enumerate(order) if i != k})
    return replace(found, values=values, uncertainties=sigmas, draws=tuple(draws), swaps=swaps)


def reference(results: Mapping[str, FitResult]) -> int:
    """Return the number of the run to measure others by: of the lowest chi2 among the converged, or of all."""
    chi2 = np.array([result.chi2 for result in results.values()], dtype=float)
    usable = np.array([result.converged for result in results.values()])
    chi2 = np.where(np.isfinite(chi2), chi2, np.inf)
    return int(np.argmin(np.where(usable, chi2, np.inf) if usable.any() else chi2))


def _alike(problem: Problem, names: tuple[str, ...]) -> list[dict[str, list[str]]]:
    """Groups of components that only their names tell apart: {component: its keys among ``names``}."""
    tied = {
        key.partition(".")[0]
        for p in problem.parameters
        if p.link is not None
        for key in (p.key, *p.link.references)
    }
    tied |= {p.component for p in problem.parameters if p.prior is not None}
    fixed = {(p.component, p.name, p.value) for p in problem.parameters if p.fixed}
    kinds: list[tuple[tuple[str, ...], str, list[str]]] = []
    for component in problem.components:
        keys = [key for key in component.keys if key in names]
        if keys and component.name not in tied:
            own = sorted(f"{name} = {value}" for owner, name, value in fixed if owner == component.name)
            signature = (component.model.key, *(key.removeprefix(component.name) for key in keys), *own)
            kinds.append((signature, component.name, keys))
    kinds.sort(key=lambda kind: kind[0])
    groups = [
        {name: keys for _, name, keys in members} for _, members in groupby(kinds, key=lambda kind: kind[0])
    ]
    return [group for group in groups if len(group) > 1]


def _order(found: Aligned, run: int, best: int, columns: np.ndarray) -> np.ndarray | None:
    """Which component of ``run`` belongs in each place of ``best``; None where they are in their places."""
    periods = found.periods[columns]
    sigma = np.fmax(found.uncertainties[best][columns], found.uncertainties[run][columns])
    sigma = np.where(np.isfinite(sigma) & (sigma > 0), sigma, 1.0)
    far = difference(found.values[run][columns][None], found.values[best][columns][:, None], periods[:, None])
    cost = np.nansum(np.minimum(np.abs(far / sigma[:, None]), _FAR) ** 2, axis=2)
    places, order = linear_sum_assignment(cost)
    now, then = float(np.trace(cost)), float(cost[places, order].sum())
    moved = (order != places).any()
    return np.asarray(order) if moved and now > _CLEARLY * then and now - then > 1 else None
