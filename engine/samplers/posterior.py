"""From chains to an answer: means, covariance, and a verdict in words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from engine.problem import Problem
from engine.results import Posterior, Status
from engine.samplers.diagnostics import Diagnostics, bfmi, diagnose, words_of_bfmi
from engine.samplers.modes import modes_in_words, other_modes_in_words, relabelled
from engine.samplers.whitening import centered_angles

RHAT_LIMIT = 1.01
# Of all chains together; Vehtari et al. (2021), sec. 4.
ESS_LIMIT = 400
# A posterior with more than this share of draws within a tenth of a sigma of a bound is cut off by it.
_CUT = 0.015
# A share of draws at a limit of the sampler that is worth a note.
_OFTEN = 0.02


def posterior(
    problem: Problem,
    draws: np.ndarray,
    stats: Mapping[str, np.ndarray],
    *,
    lm: tuple[np.ndarray, np.ndarray] | None = None,
    sort_labels: bool = False,
    remarks: Sequence[str] = (),
    limits: Mapping[str, float] | None = None,
    verdict: bool = True,
) -> Posterior:
    """Return what chains say.

    Args:
        problem: What was sampled.
        draws: (chain, draw, parameter), physical units, angles not wrapped.
        stats: The sampler's figures by name, each (chain, draw).
        lm: Values and uncertainties of lm, to compare with.
        sort_labels: Undo swaps of identical components.
        remarks: Sentences to begin the notes with; empty ones are left out.
        limits: The largest value that a figure of the sampler can take, by name.
        verdict: Whether to judge the chains; False for independent draws.
    """
    space = problem.space
    unwrapped = centered_angles(space, draws)
    if sort_labels:
        unwrapped = relabelled(problem, unwrapped)
    figures = diagnose(unwrapped)
    flat = unwrapped.reshape(-1, unwrapped.shape[-1])
    mean = flat.mean(axis=0)
    covariance = np.atleast_2d(np.cov(flat.T)) if len(flat) > 1 else np.full((len(mean), len(mean)), np.nan)
    reasons = _reasons(problem, unwrapped, figures, stats) if verdict else []
    others = "" if reasons else other_modes_in_words(problem)
    message = (
        " ".join(["Not converged:", *reasons]) if reasons else f"{_agreement(figures)} {others}".rstrip()
    )
    alone = sort_labels or not others
    status = Status.NOT_MIXED if reasons else Status.CONVERGED if alone else Status.ONE_MODE
    return Posterior(
        status=status,
        message=message,
        mean=mean,
        covariance=covariance,
        draws=space.wrap(unwrapped),
        rhat=figures.rhat,
        ess_bulk=figures.ess_bulk,
        ess_tail=figures.ess_tail,
        mcse=figures.mcse,
        sample_stats=dict(stats),
        notes=tuple(
            note for note in (*remarks, *_notes(problem, unwrapped, stats, lm, limits or {})) if note
        ),
    )


def _reasons(
    problem: Problem, draws: np.ndarray, figures: Diagnostics, stats: Mapping[str, np.ndarray]
) -> list[str]:
    """Why these draws are not to be believed, each with its remedy; nothing where they are."""
    names, reasons = problem.names, []
    divergences = int(stats["diverging"].sum()) if "diverging" in stats else 0
    modes = modes_in_words(problem, draws, figures.rhat, stats.get("chi2"))
    if modes:
        reasons.append(modes)
    bad = np.flatnonzero(~(figures.rhat < RHAT_LIMIT))
    if bad.size and not modes:
        worst = bad[np.argmax(np.nan_to_num(figures.rhat[bad], nan=np.inf))]
        others = f" and {bad.size - 1} more" if bad.size > 1 else ""
        if math.isnan(figures.rhat[worst]):
            reasons.append(
                f"R-hat cannot be told for {names[worst]}{others}: too few draws, or none that differ."
            )
        else:
            reasons.append(
                f"R-hat is {figures.rhat[worst]:.4g} for {names[worst]}{others}, above {RHAT_LIMIT}: the chains "
                "have not mixed. Draw more, or fix or link what the data do not constrain."
            )
    if divergences:
        where = _where(problem, draws, stats["diverging"])
        reasons.append(
            f"{divergences} of {stats['diverging'].size} draws diverged{where}. Raise target_acceptance, or lower "
            "step_size."
        )
    if not modes and (not bad.size or np.isfinite(figures.rhat[bad]).all()):
        least = int(np.argmin(figures.ess_bulk))
        if not figures.ess_bulk[least] > ESS_LIMIT:
            size = figures.ess_bulk[least]
            times = math.ceil(10 * 1.2 * ESS_LIMIT / size) / 10
            reasons.append(
                f"The effective sample size of {names[least]} is {size:.0f}, below {ESS_LIMIT}. "
                f"Draw about {times:g} times as many."
            )
    return reasons


def _where(problem: Problem, draws: np.ndarray, diverging: np.ndarray) -> str:
    """Where divergences gather: the parameter whose mean over them is farthest from the others', if far."""
    flags = diverging.astype(bool)
    if not 0 < flags.sum() < flags.size:
        return ""
    shift = draws[flags].mean(axis=0) - draws[~flags].mean(axis=0)
    scaled = np.abs(shift) / np.maximum(draws.reshape(-1, draws.shape[-1]).std(axis=0), 1e-300)
    worst = int(np.argmax(scaled))
    if scaled[worst] < 1:
        return ""
    return f", mostly at {'large' if shift[worst] > 0 else 'small'} {problem.names[worst]}"


def _agreement(figures: Diagnostics) -> str:
    return (
        f"Converged: the chains agree, with R-hat at most {np.max(figures.rhat):.4f} and effective sample sizes of "
        f"at least {np.min(figures.ess_bulk):.0f} (bulk) and {np.min(figures.ess_tail):.0f} (tails)."
    )


def _notes(
    problem: Problem,
    draws: np.ndarray,
    stats: Mapping[str, np.ndarray],
    lm: tuple[np.ndarray, np.ndarray] | None,
    limits: Mapping[str, float],
) -> list[str]:
    notes = []
    if "energy" in stats and draws.shape[1] > 1:
        notes.append(words_of_bfmi(bfmi(stats["energy"])))
    for name, limit in limits.items():
        share = float(np.mean(stats[name] >= limit)) if name in stats else 0.0
        if share > _OFTEN:
            words = name.replace("_", " ")
            notes.append(
                f"{100 * share:.0f} % of the draws reached the largest {words}, {limit:g}: raise max_{name}, or whiten."
            )
    flat = draws.reshape(-1, draws.shape[-1])
    spread = flat.std(axis=0)
    for name, column, width, low, high in zip(
        problem.names, flat.T, spread, problem.space.lower, problem.space.upper, strict=True
    ):
        for side, bound in (("lower", low), ("upper", high)):
            if width > 0 and np.isfinite(bound) and np.mean(np.abs(column - bound) < 0.1 * width) > _CUT:
                notes.append(f"The posterior of {name} is cut off by its {side} bound {bound:g}.")
    return [*notes, _beside_lm(problem, flat, lm)]


def _beside_lm(problem: Problem, flat: np.ndarray, lm: tuple[np.ndarray, np.ndarray] | None) -> str:
    """A sentence on how means and standard deviations compare with lm's values and uncertainties."""
    if lm is None or not (np.isfinite(lm[1]) & (lm[1] > 0)).any():
        return ""
    values, sigma = lm
    known = np.isfinite(sigma) & (sigma > 0)
    ratio = flat.std(axis=0)[known] / sigma[known]
    off = flat.mean(axis=0) - values
    period = problem.space.period
    off = np.where(np.isfinite(period), np.mod(off + period / 2, period) - period / 2, off)[known]
    return (
        f"Standard deviations are {ratio.min():.2f} to {ratio.max():.2f} times the uncertainties of lm, and means "
        f"within {np.max(np.abs(off) / sigma[known]):.2g} of them from its values."
    )
