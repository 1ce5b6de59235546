"""Have the chains converged? Rank-normalized split R-hat, effective sample sizes, energies.

Vehtari, Gelman, Simpson, Carpenter & Buerkner (2021), Bayesian Analysis 16, 667; Geyer (1992) for the cut-off of
the autocorrelation; Betancourt (2016), arXiv:1604.00695, for the energies.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri
from scipy.stats import rankdata

# Fewer draws in a half chain say nothing.
_FEWEST = 4


@dataclass(frozen=True)
class Diagnostics:
    """Figures of a set of chains, each (parameter,); nan where there are too few draws or none differ.

    Attributes:
        rhat: Rank-normalized split R-hat: 1 when the chains agree; above 1.01 they do not.
        ess_bulk: Effective sample size for the middle of the posterior.
        ess_tail: Effective sample size for its 5 % and 95 % quantiles.
        mcse: Monte Carlo standard error of the mean, in the parameter's unit.
    """

    rhat: np.ndarray
    ess_bulk: np.ndarray
    ess_tail: np.ndarray
    mcse: np.ndarray


def diagnose(draws: np.ndarray, *, mean: bool = True) -> Diagnostics:
    """Return the figures of ``draws``, (chain, draw, parameter); without ``mean``, no tails and no errors of means."""
    columns = [draws[:, :, i] for i in range(draws.shape[2])]
    return Diagnostics(
        rhat=np.array([rhat(one) for one in columns]),
        ess_bulk=np.array([ess_bulk(one) for one in columns]),
        ess_tail=np.array([ess_tail(one) if mean else math.nan for one in columns]),
        mcse=np.array([mcse_of_mean(one) if mean else math.nan for one in columns]),
    )


def rhat(draws: np.ndarray) -> float:
    """Return the rank-normalized split R-hat of (chain, draw): of the middle or the spread, whichever is worse."""
    halves = split(draws)
    if _useless(halves):
        return math.nan
    folded = np.abs(halves - np.median(halves))
    return max(_plain_rhat(rank_normalized(halves)), _plain_rhat(rank_normalized(folded)))


def ess_bulk(draws: np.ndarray) -> float:
    """Return the effective sample size of the rank-normalized draws, (chain, draw)."""
    halves = split(draws)
    return math.nan if _useless(halves) else effective_size(rank_normalized(halves))


def ess_tail(draws: np.ndarray) -> float:
    """Return the smaller of the effective sample sizes of the 5 % and 95 % quantiles of (chain, draw)."""
    halves = split(draws)
    if _useless(halves):
        return math.nan
    return min(effective_size((halves <= np.quantile(halves, level)).astype(float)) for level in (0.05, 0.95))


def ess_mean(draws: np.ndarray) -> float:
    """Return the effective sample size of the mean of (chain, draw)."""
    halves = split(draws)
    return math.nan if _useless(halves) else effective_size(halves)


def mcse_of_mean(draws: np.ndarray) -> float:
    """Return the Monte Carlo standard error of the mean of (chain, draw)."""
    size = ess_mean(draws)
    return float(np.std(draws, ddof=1) / math.sqrt(size)) if size > 0 else math.nan


def bfmi(energy: np.ndarray) -> np.ndarray:
    """Return the energy Bayesian fraction of missing information of each chain, from (chain, draw).

    Below 0.3 the momentum draws are too small for the spread of energies, and tails are explored slowly.
    """
    change = np.mean(np.diff(energy, axis=1) ** 2, axis=1)
    spread = np.var(energy, axis=1)
    fractions: np.ndarray = np.divide(change, spread, out=np.full_like(spread, np.nan), where=spread > 0)
    return fractions


def autocorrelation(draws: np.ndarray) -> np.ndarray:
    """Return the autocorrelation at lags 0, 1, ... of each chain, (chain, draw)."""
    covariance = _autocovariance(draws)
    lags: np.ndarray = covariance / covariance[:, :1]
    return lags


def split(draws: np.ndarray) -> np.ndarray:
    """Return each chain cut in two, (2 chain, draw // 2); a middle draw is left out."""
    half = draws.shape[1] // 2
    return np.concatenate([draws[:, :half], draws[:, draws.shape[1] - half :]])


def rank_normalized(draws: np.ndarray) -> np.ndarray:
    """Return normal scores of the ranks among all chains; their equation 14."""
    ranks = rankdata(draws, method="average").reshape(draws.shape)
    return np.asarray(ndtri((ranks - 0.375) / (draws.size + 0.25)))


def effective_size(draws: np.ndarray) -> float:
    """Return the effective sample size of (chain, draw), without splitting; their equation 10."""
    chains, length = draws.shape
    if np.ptp(draws) == 0:
        return float(draws.size)
    covariance = _autocovariance(draws)
    within = float(covariance[:, 0].mean()) * length / (length - 1)
    variance = within * (length - 1) / length
    if chains > 1:
        variance += float(np.var(draws.mean(axis=1), ddof=1))
    rho = 1 - (within - covariance.mean(axis=0)) / variance
    rho[0] = 1.0
    # Sums of neighbors are positive and fall with the lag (Geyer); what does not is noise.
    count = (length - 1) // 2
    pairs = rho[0 : 2 * count : 2] + rho[1 : 2 * count : 2]
    negative = np.flatnonzero(pairs < 0)
    last = int(negative[0]) if negative.size else len(pairs)
    pairs = np.minimum.accumulate(pairs[:last])
    tau = -1 + 2 * float(pairs.sum())
    if 2 * last < length and negative.size:
        # The first even lag beyond the cut, where positive, lowers the error for antithetic chains.
        tau += max(float(rho[2 * last]), 0.0)
    # Antithetic chains can do better than independent draws, but not by as much as noise suggests.
    return draws.size / max(tau, 1 / math.log10(draws.size))


def words_of_bfmi(values: np.ndarray) -> str:
    """Return a sentence where the energies say that tails are explored slowly, else nothing."""
    low = [number for number, value in enumerate(values, start=1) if value < 0.3]
    if not low:
        return ""
    return f"E-BFMI is below 0.3 in {chains_in_words(low)}: the tails are explored slowly."


def chains_in_words(numbers: Sequence[int]) -> str:
    """Return ``chain 2`` or ``chains 1, 3``."""
    return f"chain{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"


def _useless(halves: np.ndarray) -> bool:
    return bool(halves.shape[1] < _FEWEST or not np.isfinite(halves).all() or np.ptp(halves) == 0)


def _plain_rhat(draws: np.ndarray) -> float:
    length = draws.shape[1]
    within = float(np.var(draws, axis=1, ddof=1).mean())
    between = float(np.var(draws.mean(axis=1), ddof=1))
    if within == 0:
        return math.inf if between > 0 else 1.0
    return math.sqrt((length - 1) / length + between / within)


def _autocovariance(draws: np.ndarray) -> np.ndarray:
    """Autocovariance of each chain at every lag, biased (divided by the length), by FFT."""
    length = draws.shape[1]
    centered = draws - draws.mean(axis=1, keepdims=True)
    size = 2 ** math.ceil(math.log2(2 * length))
    power = np.abs(np.fft.rfft(centered, size, axis=1)) ** 2
    return np.asarray(np.fft.irfft(power, size, axis=1)[:, :length] / length)
