"""Have the chains converged? Rank-normalized split R-hat, effective sample sizes, energies.

Vehtari, Gelman, Simpson, Carpenter & Buerkner (2021), Bayesian Analysis 16, 667; Geyer (1992) for the cut-off of
the autocorrelation; Betancourt (2016), arXiv:1604.00695, for the energies.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft
from scipy.special import ndtri
from scipy.stats import rankdata

# Fewer draws in a half chain say nothing.
_FEWEST = 4
# Below it, tails are explored slowly; Betancourt (2016), sec. 4.
BFMI_LIMIT = 0.3
# Numbers looked at together.
_AT_ONCE = 1_000_000


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
    columns = np.moveaxis(draws, -1, 0)
    # All parameters at once where they are short, one by one where they are long.
    block = max(1, _AT_ONCE // max(columns[0].size, 1))
    parts = [columns[first : first + block] for first in range(0, len(columns), block)]

    def of(figure: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        return np.concatenate([figure(np.ascontiguousarray(part)) for part in parts], axis=-1)

    unknown = np.full(len(columns), np.nan)
    both = of(_rhat_and_ess_bulk)
    return Diagnostics(
        rhat=both[0],
        ess_bulk=both[1],
        ess_tail=of(ess_tail) if mean else unknown,
        mcse=of(mcse_of_mean) if mean else unknown,
    )


def rhat(draws: np.ndarray) -> np.ndarray:
    """Return the rank-normalized split R-hat of (..., chain, draw): of the middle or the spread, whichever is worse."""
    return np.asarray(_rhat_and_ess_bulk(draws)[0])


def ess_bulk(draws: np.ndarray) -> np.ndarray:
    """Return the effective sample size of the rank-normalized draws, (..., chain, draw)."""
    return np.asarray(_rhat_and_ess_bulk(draws)[1])


def ess_tail(draws: np.ndarray) -> np.ndarray:
    """Return the smaller of the effective sample sizes of the 5 % and 95 % quantiles of (..., chain, draw)."""
    halves, useless = _halves(draws)
    levels = np.quantile(halves, (0.05, 0.95), axis=(-2, -1), keepdims=True)
    sizes = [effective_size((halves <= level).astype(float)) for level in levels]
    return np.where(useless, np.nan, np.minimum(*sizes))


def ess_mean(draws: np.ndarray) -> np.ndarray:
    """Return the effective sample size of the mean of (..., chain, draw)."""
    halves, useless = _halves(draws)
    return np.where(useless, np.nan, effective_size(halves))


def mcse_of_mean(draws: np.ndarray) -> np.ndarray:
    """Return the Monte Carlo standard error of the mean of (..., chain, draw)."""
    return np.asarray(np.std(draws, ddof=1, axis=(-2, -1)) / np.sqrt(ess_mean(draws)))


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
    """Return each chain of (..., chain, draw) cut in two, (..., 2 chain, draw // 2); a middle draw is left out."""
    half = draws.shape[-1] // 2
    return np.concatenate([draws[..., :half], draws[..., draws.shape[-1] - half :]], axis=-2)


def rank_normalized(draws: np.ndarray) -> np.ndarray:
    """Return normal scores of the ranks of (..., chain, draw) among all chains; their equation 14."""
    size = draws.shape[-2] * draws.shape[-1]
    ranks = rankdata(draws.reshape(*draws.shape[:-2], size), method="average", axis=-1)
    return np.asarray(ndtri((ranks - 0.375) / (size + 0.25))).reshape(draws.shape)


def effective_size(draws: np.ndarray) -> np.ndarray:
    """Return the effective sample size of (..., chain, draw), without splitting; their equation 10."""
    chains, length = draws.shape[-2:]
    size = chains * length
    still = np.ptp(draws, axis=(-2, -1)) == 0
    covariance = _autocovariance(draws)
    within = covariance[..., 0].mean(-1) * length / (length - 1)
    variance = within * (length - 1) / length
    if chains > 1:
        variance = variance + np.var(draws.mean(-1), ddof=1, axis=-1)
    rho = 1 - (within[..., None] - covariance.mean(-2)) / np.where(still, 1.0, variance)[..., None]
    rho[..., 0] = 1.0
    # Sums of neighbors are positive and fall with the lag (Geyer); what does not is noise.
    count = (length - 1) // 2
    pairs = rho[..., 0 : 2 * count : 2] + rho[..., 1 : 2 * count : 2]
    ends = np.concatenate([pairs < 0, np.ones((*pairs.shape[:-1], 1), dtype=bool)], -1)
    last = np.argmax(ends, axis=-1)
    kept = np.arange(count) < last[..., None]
    tau = -1 + 2 * np.where(kept, np.minimum.accumulate(pairs, axis=-1), 0.0).sum(-1)
    # The first even lag beyond the cut, where positive, lowers the error for antithetic chains.
    beyond = np.take_along_axis(rho, np.minimum(2 * last, length - 1)[..., None], -1)[..., 0]
    tau = tau + np.where(last < count, np.maximum(beyond, 0.0), 0.0)
    # Antithetic chains can do better than independent draws, but not by as much as noise suggests.
    return np.where(still, float(size), size / np.maximum(tau, 1 / math.log10(size)))


def words_of_bfmi(values: np.ndarray) -> str:
    """Return a sentence where the energies say that tails are explored slowly, else nothing."""
    low = [number for number, value in enumerate(values, start=1) if value < BFMI_LIMIT]
    if not low:
        return ""
    return (
        f"E-BFMI is {np.nanmin(values):.2f}, below {BFMI_LIMIT}, in {chains_in_words(low)}: the tails are explored "
        "slowly. Whiten, warm up for longer, or give priors to what the data do not constrain."
    )


def chains_in_words(numbers: Sequence[int]) -> str:
    """Return ``chain 2`` or ``chains 1, 3``."""
    return f"chain{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"


def _rhat_and_ess_bulk(draws: np.ndarray) -> np.ndarray:
    """R-hat and bulk effective sample size of (..., chain, draw), (2, ...), from ranks that are found once."""
    halves, useless = _halves(draws)
    scores = rank_normalized(halves)
    folded = rank_normalized(np.abs(halves - np.median(halves, axis=(-2, -1), keepdims=True)))
    figures = np.stack((np.maximum(_plain_rhat(scores), _plain_rhat(folded)), effective_size(scores)))
    return np.where(useless, np.nan, figures)


def _halves(draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The split chains, zero where they tell nothing, and whether they tell nothing, (...)."""
    halves = split(draws)
    if halves.shape[-1] < _FEWEST:
        halves = np.zeros((*halves.shape[:-1], _FEWEST))
    finite = np.isfinite(halves).all(axis=(-2, -1))
    halves = np.where(finite[..., None, None], halves, 0.0)
    return halves, np.ptp(halves, axis=(-2, -1)) == 0


def _plain_rhat(draws: np.ndarray) -> np.ndarray:
    length = draws.shape[-1]
    within = np.var(draws, axis=-1, ddof=1).mean(-1)
    between = np.var(draws.mean(-1), axis=-1, ddof=1)
    ratio = np.divide(between, within, out=np.where(between > 0, np.inf, 0.0), where=within > 0)
    return np.asarray(np.sqrt(np.where(within > 0, (length - 1) / length, 1.0) + ratio))


def _autocovariance(draws: np.ndarray) -> np.ndarray:
    """Autocovariance of each chain of (..., chain, draw) at every lag, biased (divided by the length), by FFT."""
    length = draws.shape[-1]
    centered = draws - draws.mean(-1, keepdims=True)
    size = next_fast_len(2 * length, real=True)
    power = np.abs(rfft(centered, size, axis=-1)) ** 2
    return np.asarray(irfft(power, size, axis=-1)[..., :length] / length)
