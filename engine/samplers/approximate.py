"""Posteriors by approximation: draws of a simpler density, and how well it stands for the true one."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from engine.fitters.base import Outcome, Work
from engine.results import Status
from engine.samplers.modes import other_modes_in_words
from engine.samplers.posterior import posterior

# Where importance weights leave less than this share of the draws, the approximation misses the posterior.
_POOR = 0.1
_GOOD = 0.5


def outcome_of(
    work: Work,
    draws: np.ndarray,
    log_weight: Callable[[int], float],
    *,
    check: int,
    title: str,
    lm: tuple[np.ndarray, np.ndarray] | None,
    before: Outcome,
) -> Outcome:
    """Return the outcome for draws of an approximation.

    Args:
        work: What was approximated.
        draws: (chain, draw, parameter), independent.
        log_weight: ln(posterior / approximation) at a draw, by its number, up to a constant.
        check: At how many draws to compare with the posterior itself.
        title: Of the approximation, for the message.
        lm: Values and uncertainties of lm.
        before: How lm ended.
    """
    found = posterior(work.problem, draws, {}, lm=lm, verdict=False)
    flat = draws.reshape(-1, draws.shape[-1])
    sentences = [f"{title}, drawn {len(flat)} times."]
    status = Status.CONVERGED
    if before.status not in (Status.CONVERGED, Status.AT_BOUND):
        status = before.status
        sentences.insert(0, before.status.value)
    if check:
        chosen = np.linspace(0, len(flat) - 1, min(check, len(flat))).astype(int)
        share = efficiency(np.array([log_weight(int(number)) for number in chosen]))
        words = "good" if share > _GOOD else "fair" if share > _POOR else "poor"
        sentences.append(
            f"It is a {words} approximation: weighted by the posterior, {100 * share:.0f} % of the draws remain."
        )
        if share < _POOR and status is Status.CONVERGED:
            status = Status.NOT_MIXED
            sentences.insert(0, "Not converged: the posterior is of another shape. Sample it with nuts.")
    if status is Status.CONVERGED:
        sentences.insert(0, "Converged, as far as an approximation can.")
        if others := other_modes_in_words(work.problem):
            status = Status.ONE_MODE
            sentences.append(others)
    found = replace(found, status=status, message=" ".join(sentences))
    return Outcome(status, found.mean, posterior=found)


def efficiency(log_weights: np.ndarray) -> float:
    """Return the effective share of draws with these importance weights, (draw,): 1 where all are equal."""
    finite = log_weights[np.isfinite(log_weights)]
    if not finite.size:
        return 0.0
    weights = np.exp(finite - finite.max())
    share = float(weights.sum() ** 2 / (weights**2).sum() / len(log_weights))
    return share if math.isfinite(share) else 0.0
