"""Information criteria: which model to prefer, where the models differ.

All are on the scale of -2 ln L and share a constant of the data, so only differences mean something, and only
between fits to the same pixels with the same noise and likelihood.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from engine.compare.psis import Loo, psis_loo
from engine.likelihoods import LIKELIHOODS
from engine.problem import Problem
from engine.results import FitResult
from engine.samplers.posterior_images import chosen_draws

# Draws to judge by, at most, and numbers to keep at a time: draws x pixels.
_DRAWS = 1000
_FEWEST_DRAWS = 200
_NUMBERS = 50_000_000


@dataclass(frozen=True)
class Criteria:
    """Information criteria of one run.

    Attributes:
        label: Of the run.
        parameters: Free ones.
        deviance: -2 ln L at the best values, up to a constant of the data; chi2 for Gaussian noise.
        aic: Akaike (1974): deviance + 2 parameters.
        bic: Schwarz (1978): deviance + parameters x ln(used pixels).
        loo: -2 x expected log predictive density left out, up to the same constant; None without draws.
        loo_se: Standard error of its difference from the lowest one; None where there is none.
        note: Why LOO is missing or to be doubted; "" otherwise.
    """

    label: str
    parameters: int
    deviance: float
    aic: float
    bic: float
    loo: float | None
    loo_se: float | None
    note: str


def criteria(
    problems: Mapping[str, Problem], results: Mapping[str, FitResult], *, loo: bool = False
) -> list[Criteria]:
    """Return the criteria of each run; LOO only where asked for, since it renders many draws."""
    loos = {label: leave_one_out(problems[label], results[label]) for label in results} if loo else {}
    estimates = {label: found for label, found in loos.items() if isinstance(found, Loo)}
    best = max(estimates, key=lambda label: estimates[label].elpd, default=None)
    rows = []
    for label, result in results.items():
        problem, k = problems[label], len(result.names)
        deviance = float(pixel_deviance(problem, problem.render(result.values)).sum())
        estimate = estimates.get(label)
        note = ""
        if isinstance(loos.get(label), str):
            note = str(loos[label])
        elif estimate is not None and estimate.bad:
            note = (
                f"{estimate.bad} of {len(estimate.k)} pixels have a Pareto shape above 0.7: they sway the fit, and "
                "LOO is not to be relied on there."
            )
        rows.append(
            Criteria(
                label=label,
                parameters=k,
                deviance=deviance,
                aic=deviance + 2 * k,
                bic=deviance + k * math.log(problem.n_used),
                loo=None if estimate is None else -2 * estimate.elpd,
                loo_se=None
                if estimate is None or best is None
                else _difference_se(estimate, estimates[best]),
                note=note,
            )
        )
    return rows


def pixel_deviance(problem: Problem, model: np.ndarray) -> np.ndarray:
    """Return -2 ln L of each used pixel at a model image, (pixel,), up to a constant of the data."""
    image = problem.image
    terms, _, _ = LIKELIHOODS[problem.likelihood].terms(
        torch.tensor(image.data), torch.tensor(model), torch.tensor(image.weight), image.gain or 1.0
    )
    return np.asarray(terms.numpy()[image.weight > 0])


def draws_for_loo(problem: Problem, result: FitResult) -> int | str:
    """Return how many draws LOO would be estimated from, or the sentence that says why there is none."""
    if result.draws is None or result.ess_bulk is None:
        return "No draws: LOO needs a sampler."
    if result.fitter.split("+")[-1] == "bootstrap":
        return "Fits to resampled images are no draws of a posterior: LOO needs a sampler."
    draws = min(_DRAWS, _NUMBERS // problem.n_used, result.draws.shape[0] * result.draws.shape[1])
    if draws < _FEWEST_DRAWS:
        return f"LOO needs {_FEWEST_DRAWS} draws, and of this image and run there are {draws} to be had."
    return int(draws)


def leave_one_out(problem: Problem, result: FitResult) -> Loo | str:
    """Return PSIS-LOO over pixels, or the sentence that says why there is none."""
    draws = draws_for_loo(problem, result)
    if isinstance(draws, str):
        return draws
    assert result.ess_bulk is not None
    chosen = chosen_draws(problem, result, draws)
    log_likelihood = np.empty((len(chosen), problem.n_used))
    for number, x in enumerate(chosen):
        log_likelihood[number] = -0.5 * pixel_deviance(problem, problem.render(x))
    efficiency = float(np.nanmin(result.ess_bulk)) / len(chosen)
    return psis_loo(log_likelihood, min(1.0, max(efficiency, 0.01)))


def _difference_se(one: Loo, best: Loo) -> float | None:
    if one.pointwise.shape != best.pointwise.shape:
        return None
    apart = one.pointwise - best.pointwise
    return 2 * math.sqrt(len(apart) * float(apart.var()))
