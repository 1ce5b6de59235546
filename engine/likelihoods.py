"""Likelihoods of the pixels, each as a cost with its slope and curvature in the model.

The cost is -2 ln L up to a constant, so that it is chi2 for the Gaussian. The curvature is never negative:
the expected (Fisher) one for Poisson and Student-t, so that Gauss-Newton works for all and its inverse is the
covariance.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import gammainc, ndtr, stdtr
from torch import Tensor

Terms = tuple[Tensor, Tensor, Tensor]

STUDENT_T_DOF = 5.0


@dataclass(frozen=True)
class Likelihood:
    """A likelihood.

    Attributes:
        name: Name in files.
        help: One sentence.
        terms: ``(data, model, weight, gain) -> (cost, slope, curvature)``, each of the shape of ``data``, with
            slope = -(1/2) d cost / d model and curvature = (1/2) d2 cost / d model2; zero where weight is 0.
        replicate: ``(model, weight, gain, rng) -> data``: data drawn from this likelihood, the model where
            weight is 0.
        upper_tail: ``(data, model, weight, gain) -> `` probability that replicated data lie above ``data``.
    """

    name: str
    help: str
    terms: Callable[[Tensor, Tensor, Tensor, float], Terms]
    replicate: Callable[[np.ndarray, np.ndarray, float, np.random.Generator], np.ndarray]
    upper_tail: Callable[[np.ndarray, np.ndarray, np.ndarray, float], np.ndarray]


def _gaussian(data: Tensor, model: Tensor, weight: Tensor, gain: float) -> Terms:
    residual = data - model
    slope = weight * residual
    return slope * residual, slope, weight


def _poisson(data: Tensor, model: Tensor, weight: Tensor, gain: float) -> Terms:
    # Deviance of counts = gain x data; Cash (1979). Expected curvature gain / model.
    used = (weight > 0).to(data.dtype) * gain
    floor = 1e-10 * torch.clamp(data.abs().max(), min=1.0)
    mean = torch.clamp(model, min=floor)
    counts = torch.clamp(data, min=0.0)
    cost = 2 * used * (mean - counts + torch.special.xlogy(counts, counts / mean))
    return cost, used * (counts / mean - 1), used / mean


def _student_t(data: Tensor, model: Tensor, weight: Tensor, gain: float) -> Terms:
    residual = data - model
    square = weight * residual * residual
    slope = weight * residual * ((STUDENT_T_DOF + 1) / (STUDENT_T_DOF + square))
    cost = (STUDENT_T_DOF + 1) * torch.log1p(square / STUDENT_T_DOF)
    # Lange, Little & Taylor (1989), sec. 3. The reweighting's own curvature, slope / residual, is 4/3 of it on
    # average, and intervals from that cover 62 % instead of 68 %.
    return cost, slope, weight * ((STUDENT_T_DOF + 1) / (STUDENT_T_DOF + 3))


def _sigma(weight: np.ndarray) -> np.ndarray:
    """1 / sqrt(weight); 0 where there is none."""
    return np.asarray(np.divide(1.0, np.sqrt(weight), out=np.zeros_like(weight), where=weight > 0))


def _gaussian_replica(
    model: np.ndarray, weight: np.ndarray, gain: float, rng: np.random.Generator
) -> np.ndarray:
    return model + _sigma(weight) * rng.standard_normal(model.shape)


def _gaussian_tail(data: np.ndarray, model: np.ndarray, weight: np.ndarray, gain: float) -> np.ndarray:
    return np.asarray(ndtr((model - data) * np.sqrt(weight)))


def _poisson_replica(
    model: np.ndarray, weight: np.ndarray, gain: float, rng: np.random.Generator
) -> np.ndarray:
    return np.where(weight > 0, rng.poisson(gain * np.maximum(model, 0.0)) / gain, model)


def _poisson_tail(data: np.ndarray, model: np.ndarray, weight: np.ndarray, gain: float) -> np.ndarray:
    # Half of the probability of the very count counts as above, so that it is about 1/2 on average.
    counts, mean = gain * np.maximum(data, 0.0), gain * np.maximum(model, 1e-10)
    at_least = np.where(counts > 0, gammainc(np.maximum(counts, 1e-300), mean), 1.0)
    return np.asarray(0.5 * (at_least + gammainc(counts + 1, mean)))


def _student_t_replica(
    model: np.ndarray, weight: np.ndarray, gain: float, rng: np.random.Generator
) -> np.ndarray:
    return model + _sigma(weight) * rng.standard_t(STUDENT_T_DOF, model.shape)


def _student_t_tail(data: np.ndarray, model: np.ndarray, weight: np.ndarray, gain: float) -> np.ndarray:
    return np.asarray(stdtr(STUDENT_T_DOF, (model - data) * np.sqrt(weight)))


LIKELIHOODS = {
    likelihood.name: likelihood
    for likelihood in (
        Likelihood(
            "gaussian",
            "Independent Gaussian noise with the given variance: chi2.",
            _gaussian,
            _gaussian_replica,
            _gaussian_tail,
        ),
        Likelihood(
            "poisson",
            "Counts (gain x data) with Poisson noise: the Cash statistic.",
            _poisson,
            _poisson_replica,
            _poisson_tail,
        ),
        Likelihood(
            "student-t",
            f"Heavy tails (Student-t, {STUDENT_T_DOF:g} degrees of freedom) of the given scale: robust to outliers.",
            _student_t,
            _student_t_replica,
            _student_t_tail,
        ),
    )
}
