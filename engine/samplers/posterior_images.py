"""What draws say of the image: its mean and spread, and whether replicated data look like the data.

Posterior predictive checks with realized discrepancies: Rubin (1984); Gelman, Meng & Stern (1996), sec. 2.3; Gelman
et al. (2013), Bayesian Data Analysis, ch. 6.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from engine.errors import FitterError
from engine.frozen import FrozenProblem
from engine.likelihoods import LIKELIHOODS
from engine.parameters.box import Box
from engine.problem import Problem
from engine.results import FitResult

# A p-value nearer to 0 or 1 than this is worth a sentence.
_STRANGE = 0.01
# Model images at once: more are no faster, and these pixels (of 8 bytes) are held several times over.
_AT_ONCE, _MOST_PIXELS = 16, 4_000_000


@dataclass(frozen=True)
class PosteriorImages:
    """The model image over the posterior, (row, column), flux per pixel.

    Attributes:
        mean: Posterior mean of each pixel of the model, convolved with the PSF.
        sd: Its posterior standard deviation: what is not known of the model, the noise of the pixels left out.
        draws: How many draws they are from.
    """

    mean: np.ndarray
    sd: np.ndarray
    draws: int


@dataclass(frozen=True)
class Discrepancy:
    """A figure of data and model, for the data and for replicas of them, at the same draws.

    Attributes:
        title: What it measures.
        observed: Of the data, (draw,).
        replicated: Of data simulated from each draw, (draw,).
        p_value: Share of draws at which the replica's figure is at least the data's; about 1/2 where the model
            is right, near 0 where the data are farther from it than its own noise would put them.
    """

    title: str
    observed: np.ndarray
    replicated: np.ndarray
    p_value: float


@dataclass(frozen=True)
class PredictiveCheck:
    """Would data drawn from the posterior look like the data?

    Attributes:
        chi2: Of the whole image: the cost of the likelihood, which is chi2 for Gaussian noise.
        neighbors: Mean product of the pulls of pixels side by side: structure that the model lacks.
        largest: The largest pull, in absolute value: an outlier.
        above: Probability that a replica's pixel lies above the data's, (row, column); nan where ignored. Small
            where the data are too bright for the model, near 1 where too faint.
        message: The verdict in words.
    """

    chi2: Discrepancy
    neighbors: Discrepancy
    largest: Discrepancy
    above: np.ndarray
    message: str


def posterior_images(
    problem: Problem, result: FitResult, draws: int = 200, rng: np.random.Generator | None = None
) -> PosteriorImages:
    """Return mean and standard deviation of the model image over ``draws`` of the posterior's draws.

    Args:
        problem: What was sampled.
        result: Of a sampler.
        draws: How many to render, at most.
        rng: Chooses them; without it they are taken evenly from all chains.

    Raises:
        FitterError: ``result`` has no draws, or is of another problem.
    """
    chosen = chosen_draws(problem, result, draws, rng)
    mean, squares = np.zeros(problem.image.shape), np.zeros(problem.image.shape)
    # Welford (1962): no difference of large numbers.
    for number, image in enumerate(_images(problem, chosen), start=1):
        step = image - mean
        mean += step / number
        squares += step * (image - mean)
    return PosteriorImages(mean, np.sqrt(squares / max(len(chosen) - 1, 1)), len(chosen))


def predictive_check(
    problem: Problem, result: FitResult, draws: int = 200, rng: np.random.Generator | None = None
) -> PredictiveCheck:
    """Compare the data with data simulated from ``draws`` of the posterior's draws.

    Args:
        problem: What was sampled.
        result: Of a sampler.
        draws: How many replicas, at most.
        rng: Chooses draws and makes the noise; seeded with the result's seed where None.

    Raises:
        FitterError: ``result`` has no draws, or is of another problem.
    """
    rng = np.random.default_rng(result.seed or 0) if rng is None else rng
    image, likelihood = problem.image, LIKELIHOODS[problem.likelihood]
    used, gain = image.weight > 0, image.gain or 1.0
    above = np.zeros(image.shape)
    figures: list[tuple[tuple[float, float, float], ...]] = []
    for model in _images(problem, chosen_draws(problem, result, draws, rng)):
        replica = likelihood.replicate(model, image.weight, gain, rng)
        above += likelihood.upper_tail(image.data, model, image.weight, gain)
        figures.append(tuple(_figures(problem, data, model) for data in (image.data, replica)))
    observed, replicated = np.array(figures).transpose(1, 2, 0)
    chi2, neighbors, largest = (
        Discrepancy(title, seen, made, float(np.mean(made >= seen)))
        for title, seen, made in zip(
            ("chi2", "neighboring pulls", "largest pull"), observed, replicated, strict=True
        )
    )
    return PredictiveCheck(
        chi2,
        neighbors,
        largest,
        np.where(used, above / len(figures), np.nan),
        _words(chi2, neighbors, largest),
    )


def chosen_draws(
    problem: Problem, result: FitResult, draws: int, rng: np.random.Generator | None = None
) -> np.ndarray:
    """Return at most ``draws`` of the result's draws, (draw, parameter): at random, or evenly without ``rng``.

    Raises:
        FitterError: There are none, or they are of another problem.
    """
    if result.draws is None:
        raise FitterError(f"{result.fitter} makes no draws. Sample the problem, for example with nuts.")
    if result.names != problem.names:
        raise FitterError(
            f"The draws are of {', '.join(result.names)}, but this problem has {', '.join(problem.names)} free. "
            "Take the problem that was sampled."
        )
    flat = result.draws.reshape(-1, result.draws.shape[-1])
    count = min(max(draws, 1), len(flat))
    if rng is None:
        return np.asarray(flat[np.linspace(0, len(flat) - 1, count).round().astype(int)])
    return np.asarray(flat[rng.choice(len(flat), count, replace=False)])


def _images(problem: Problem, chosen: np.ndarray) -> Iterator[np.ndarray]:
    """The model image of each draw, (row, column), to within the accuracy asked for."""
    frozen = FrozenProblem(problem, Box(chosen.mean(0), chosen.min(0), chosen.max(0)))
    at_once = max(1, min(_AT_ONCE, _MOST_PIXELS // problem.image.data.size))
    for at in range(0, len(chosen), at_once):
        yield from frozen.images(chosen[at : at + at_once])


def _figures(problem: Problem, data: np.ndarray, model: np.ndarray) -> tuple[float, float, float]:
    """Cost, mean product of neighboring pulls, largest pull."""
    image = problem.image
    terms, _, _ = LIKELIHOODS[problem.likelihood].terms(
        torch.tensor(data), torch.tensor(model), torch.tensor(image.weight), image.gain or 1.0
    )
    pull = (data - model) * np.sqrt(image.weight)
    products = (pull[1:] * pull[:-1]).sum() + (pull[:, 1:] * pull[:, :-1]).sum()
    used = image.weight > 0
    pairs = int((used[1:] & used[:-1]).sum() + (used[:, 1:] & used[:, :-1]).sum())
    return float(terms.sum()), float(products) / max(pairs, 1), float(np.abs(pull).max())


def _words(chi2: Discrepancy, neighbors: Discrepancy, largest: Discrepancy) -> str:
    """The verdict: each discrepancy that replicas hardly ever reach, or always exceed."""
    found = []
    if chi2.p_value < _STRANGE:
        found.append(
            "chi2 is larger than the model's noise makes it: the model lacks something, or sigma is too small"
        )
    elif chi2.p_value > 1 - _STRANGE:
        found.append("chi2 is smaller than the model's noise makes it: sigma is too large")
    if neighbors.p_value < _STRANGE:
        found.append(
            "residuals of neighboring pixels are alike: the model lacks structure, or the noise is correlated"
        )
    if largest.p_value < _STRANGE:
        found.append(f"a pixel is {np.median(largest.observed):.1f} sigma off: mask it, or use student-t")
    if not found:
        return f"Data simulated from the posterior look like the data: chi2 p-value {chi2.p_value:.2f}."
    return f"The data do not look like data simulated from the posterior: {'; '.join(found)}."
