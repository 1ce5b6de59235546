"""What corner plots are drawn from: one posterior, as draws or as a Gaussian, and the frame that several share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from dashboard.figures.densities import intervals, unwrapped

# Of draws, this share is left out at either end; of Gaussians, the frame ends here, in sigma.
_TAIL = 0.001
_REACH = 3.4
_MARGIN = 0.08


@dataclass(frozen=True)
class PosteriorView:
    """A posterior to be drawn.

    Attributes:
        label: Name on screen, such as the fitter's title.
        color: One per fitter.
        names: Parameters, in the order of the arrays.
        mean: (parameter,).
        covariance: (parameter, parameter); nan in rows of parameters that were not measured.
        period: Of angles, nan for others, (parameter,).
        draws: (chain, draw, parameter); None for a Gaussian.
        diverging: True for draws that diverged, (chain, draw), or None.
        dash: Line style, to tell two runs of one fitter apart.
        units: Unit by parameter name; what is missing has none.
    """

    label: str
    color: str
    names: tuple[str, ...]
    mean: np.ndarray
    covariance: np.ndarray
    period: np.ndarray
    draws: np.ndarray | None = None
    diverging: np.ndarray | None = None
    dash: str = "solid"
    units: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Sheet:
    """One posterior cut to the chosen parameters, its angles on the branch of the first one.

    Attributes:
        view: Where it comes from.
        mean: (parameter,); nan where the posterior doesn't have that parameter.
        covariance: (parameter, parameter), nan there too.
        draws: (draw, parameter), or None.
        diverging: (draw,) or None.
    """

    view: PosteriorView
    mean: np.ndarray
    covariance: np.ndarray
    draws: np.ndarray | None
    diverging: np.ndarray | None

    @property
    def summary(self) -> np.ndarray:
        """Lower end, middle and upper end of the 68 % interval, (3, parameter)."""
        if self.draws is not None:
            return intervals(self.draws)
        sigma = np.sqrt(np.diag(self.covariance))
        return np.stack([self.mean - sigma, self.mean, self.mean + sigma])

    @property
    def correlation(self) -> np.ndarray:
        """(parameter, parameter), of the draws where there are any."""
        covariance = self.covariance if self.draws is None else np.atleast_2d(np.cov(self.draws.T))
        sigma = np.sqrt(np.diag(covariance))
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(covariance / np.outer(sigma, sigma))


def sheets(posteriors: Sequence[PosteriorView], names: Sequence[str]) -> list[Sheet]:
    """The posteriors cut to ``names``. Draws of a posterior that lacks one of them are left out, its Gaussian stays."""
    found: list[Sheet] = []
    for view in posteriors:
        at = np.array([view.names.index(name) if name in view.names else -1 for name in names])
        known = at >= 0
        mean = np.where(known, view.mean[at], np.nan)
        covariance = np.where(np.outer(known, known), view.covariance[np.ix_(at, at)], np.nan)
        period = np.where(known, view.period[at], np.nan)
        around = found[0].mean if found else None
        usable = around is not None and bool(np.isfinite(around).all())
        draws = None
        if view.draws is not None and known.all():
            draws = unwrapped(
                view.draws.reshape(-1, view.draws.shape[-1])[:, at], period, around if usable else None
            )
            mean = draws.mean(axis=0)
        elif around is not None:
            mean = np.where(
                np.isfinite(around), unwrapped(mean[None], period, np.nan_to_num(around))[0], mean
            )
        flags = None if view.diverging is None or draws is None else view.diverging.ravel().astype(bool)
        found.append(Sheet(view, mean, covariance, draws, flags))
    return found


def frame(found: Sequence[Sheet]) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper end of each parameter's axis, wide enough for all posteriors, each (parameter,)."""
    lows, highs = [], []
    for sheet in found:
        if sheet.draws is not None:
            low, high = np.quantile(sheet.draws, (_TAIL, 1 - _TAIL), axis=0)
            margin = _MARGIN * (high - low)
            lows.append(low - margin)
            highs.append(high + margin)
        else:
            sigma = np.sqrt(np.diag(sheet.covariance))
            lows.append(sheet.mean - _REACH * sigma)
            highs.append(sheet.mean + _REACH * sigma)
    with np.errstate(all="ignore"):
        low = np.min(np.nan_to_num(np.array(lows), nan=np.inf), axis=0)
        high = np.max(np.nan_to_num(np.array(highs), nan=-np.inf), axis=0)
    middle = np.nanmax(np.array([np.nan_to_num(s.mean) for s in found]), axis=0)
    low, high = np.where(np.isfinite(low), low, middle - 1), np.where(np.isfinite(high), high, middle + 1)
    flat = ~(high > low)  # no draw differs, or nothing was measured
    room = np.maximum(np.abs(middle) * 1e-6, 1e-12)
    return np.where(flat, low - room, low), np.where(flat, high + room, high)
