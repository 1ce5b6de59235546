"""Everything a corner plot draws, as coordinates on one sheet: cell (row i, column j) has its corner at (j, n - 1 - i).

Screen and paper draw the same shapes; see corner.py and print/corner.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dashboard.figures import densities
from dashboard.figures.densities import MASSES, Grid
from dashboard.figures.posterior_view import PosteriorView, Sheet, frame, sheets
from dashboard.words import measured

CELL = 0.92  # side of a cell; the rest is the gap to the next
PEAK = 0.88  # of a cell: the highest bar on the diagonal
FILL_ALPHA = (0.34, 0.2, 0.1)  # from 1 to 3 sigma
MOST_MARKS = 20_000
_FEW = 8
_BREAK = np.array([[np.nan, np.nan]])


@dataclass(frozen=True)
class Path:
    """Lines or areas of one style: (vertex, 2), parts apart by nan."""

    points: np.ndarray
    color: str
    fill_alpha: float
    width: float
    dash: str


@dataclass(frozen=True)
class CornerShapes:
    """A corner plot of n parameters.

    Attributes:
        names: Parameters, top to bottom.
        labels: What stands on the axes for them.
        low: Lower end of each axis, (parameter,).
        high: Upper end.
        sheets: The posteriors, cut to the parameters.
        cells: Columns left, right, bottom, top, x, y (labels), words (correlations).
        paths: What is drawn, in this order.
        truths: Lines at the true values.
        divergences: Where draws diverged, (mark, 2).
        titles: (x, y, line below the first, text, color) beside each diagonal cell; color "" for the neutral one.
        legend: (text, color) a posterior.
    """

    names: tuple[str, ...]
    labels: tuple[str, ...]
    low: np.ndarray
    high: np.ndarray
    sheets: list[Sheet]
    cells: dict[str, list[object]]
    paths: list[Path]
    truths: np.ndarray
    divergences: np.ndarray
    titles: list[tuple[float, float, int, str, str]]
    legend: list[tuple[str, str]]

    def across(self, j: int, values: np.ndarray) -> np.ndarray:
        """Sheet coordinate x of values of parameter j in its column; nan outside the axis."""
        return j + self._share(j, values)

    def along(self, i: int, values: np.ndarray) -> np.ndarray:
        """Sheet coordinate y of values of parameter i in its row; nan outside the axis."""
        return len(self.names) - 1 - i + self._share(i, values)

    def _share(self, k: int, values: np.ndarray) -> np.ndarray:
        share = (np.asarray(values, dtype=float) - self.low[k]) / (self.high[k] - self.low[k])
        return CELL * np.where((share >= 0) & (share <= 1), share, np.nan)

    def marks(self, draws: np.ndarray, most: int = MOST_MARKS) -> np.ndarray:
        """Points of some draws, (draw, parameter), in all cells, (mark, 2); thinned to at most ``most``."""
        n = len(self.names)
        if not len(draws) or n < 2:
            return np.empty((0, 2))
        draws = draws[:: -(-len(draws) * (n * (n - 1) // 2) // most)]
        parts = [
            np.stack([self.across(j, draws[:, j]), self.along(i, draws[:, i])], axis=1)
            for i in range(n)
            for j in range(i)
        ]
        found = np.concatenate(parts)
        return found[np.isfinite(found).all(axis=1)]


def corner_shapes(
    posteriors: Sequence[PosteriorView],
    names: Sequence[str] | None = None,
    *,
    truths: Mapping[str, float] | None = None,
    labels: Mapping[str, str] | None = None,
) -> CornerShapes:
    """Shapes of a corner plot; arguments as of corner.corner. ValueError without posteriors or parameters."""
    chosen = tuple(posteriors[0].names if names is None else names) if posteriors else ()
    if not chosen:
        raise ValueError("A corner plot needs at least one posterior and one parameter of it.")
    found = sheets(posteriors, chosen)
    low, high = frame(found)
    shown = tuple((labels or {}).get(name, name) for name in chosen)
    shapes = CornerShapes(
        names=chosen,
        labels=shown,
        low=low,
        high=high,
        sheets=found,
        cells=_cells(found, shown),
        paths=[],
        truths=np.empty((0, 2)),
        divergences=np.empty((0, 2)),
        titles=_titles(found, shown),
        legend=[(_legend(sheet), sheet.view.color) for sheet in found],
    )
    for sheet in found:
        shapes.paths.extend(_draws(shapes, sheet) if sheet.draws is not None else _gaussian(shapes, sheet))
    shapes.paths.extend(_histograms(shapes))
    flagged = [s.draws[s.diverging] for s in found if s.draws is not None and s.diverging is not None]
    return _with(shapes, truths or {}, flagged)


def _with(shapes: CornerShapes, truths: Mapping[str, float], flagged: list[np.ndarray]) -> CornerShapes:
    marks = [shapes.marks(draws) for draws in flagged]
    return CornerShapes(
        **{
            **shapes.__dict__,
            "truths": _truths(shapes, truths),
            "divergences": np.concatenate(marks) if marks else np.empty((0, 2)),
        }
    )


def _cells(found: Sequence[Sheet], labels: Sequence[str]) -> dict[str, list[object]]:
    n = len(labels)
    correlations = [sheet.correlation for sheet in found]
    columns: dict[str, list[object]] = {
        key: [] for key in ("left", "right", "bottom", "top", "x", "y", "words")
    }
    for i in range(n):
        for j in range(i + 1):
            row = n - 1 - i
            pieces = [
                f"{sheet.view.label} {matrix[i, j]:+.3f}"
                for sheet, matrix in zip(found, correlations, strict=True)
                if np.isfinite(matrix[i, j])
            ]
            words = "" if i == j else "correlation " + (", ".join(pieces) or "not known")
            if i == j:
                words = "; ".join(f"{s.view.label} {interval_text(s.summary[:, i])}" for s in found)
            for key, value in zip(
                columns, (j, j + CELL, row, row + CELL, labels[j], labels[i], words), strict=True
            ):
                columns[key].append(value)
    return columns


def interval_text(summary: np.ndarray) -> str:
    """Median and 68 % interval as text, from its lower end, middle and upper end."""
    low, middle, high = (float(value) for value in summary)
    if not np.isfinite(middle):
        return "not in this model"
    value, up = measured(middle, high - middle)
    _, down = measured(middle, middle - low)
    if not up or not down:
        return value
    decimals = max(len(text.partition(".")[2]) for text in (up, down))
    value, up, down = (f"{number:.{decimals}f}" for number in (middle, high - middle, middle - low))
    return f"{value} ± {up}" if up == down else f"{value} +{up} −{down}"


def _titles(found: Sequence[Sheet], labels: Sequence[str]) -> list[tuple[float, float, int, str, str]]:
    n, lines = len(labels), []
    summaries = [sheet.summary for sheet in found]
    for i, label in enumerate(labels):
        x, y = i + CELL + 0.1, n - 1 - i + CELL
        lines.append((x, y, 0, label, ""))
        for k, (sheet, summary) in enumerate(zip(found, summaries, strict=True)):
            lines.append((x, y, k + 1, interval_text(summary[:, i]), sheet.view.color))
    return lines


def _legend(sheet: Sheet) -> str:
    view = sheet.view
    if sheet.draws is not None:
        return f"{view.label}: {len(sheet.draws)} draws"
    return f"{view.label}: Gaussian of its covariance"


def _draws(shapes: CornerShapes, sheet: Sheet) -> list[Path]:
    """Filled contours that hold the shares of MASSES, all cells of a level in one path."""
    n = len(shapes.names)
    pairs = np.array([(j, i) for i in range(n) for j in range(i)])
    if not len(pairs) or sheet.draws is None:
        return []
    grid = Grid(shapes.low, shapes.high, 40 if n > _FEW else 64)
    counts, smooth = densities.pair_densities(sheet.draws, grid, pairs)
    heights = densities.levels(counts, smooth, len(sheet.draws))
    paths = []
    for k in reversed(range(len(MASSES))):
        parts = [
            CELL * outline + (x, n - 1 - y)
            for (x, y), surface, height in zip(pairs, smooth, heights[:, k], strict=True)
            for outline in densities.contours(surface, float(height))
        ]
        paths.append(Path(_joined(parts), sheet.view.color, FILL_ALPHA[k], _width(n), sheet.view.dash))
    return paths


def _width(n: int) -> float:
    """Lines are thin where cells are small; pixels."""
    return 1.5 if n <= _FEW else 0.9


def _gaussian(shapes: CornerShapes, sheet: Sheet) -> list[Path]:
    """Ellipses at 1, 2 and 3 sigma, cut off at the cells' edges."""
    n = len(shapes.names)
    paths = []
    for sigma in (3, 2, 1):
        parts = []
        for i in range(n):
            for j in range(i):
                block = sheet.covariance[np.ix_((j, i), (j, i))]
                if not np.isfinite(block).all():
                    continue
                outline = densities.ellipse_outline(sheet.mean[[j, i]], block, sigma)
                parts.append(
                    np.stack([shapes.across(j, outline[:, 0]), shapes.along(i, outline[:, 1])], axis=1)
                )
        paths.append(Path(_joined(parts), sheet.view.color, 0.0, _width(n), sheet.view.dash))
    return paths


def _histograms(shapes: CornerShapes) -> list[Path]:
    """Densities on the diagonal, all of one area."""
    n = len(shapes.names)
    curves: list[list[tuple[np.ndarray, np.ndarray] | None]] = []
    for sheet in shapes.sheets:
        curves.append(
            [
                _steps(shapes, sheet, i) if sheet.draws is not None else _bell(shapes, sheet, i)
                for i in range(n)
            ]
        )
    peak = [
        max((curve[1].max() for curve in column if curve is not None), default=1.0)
        for column in zip(*curves, strict=True)
    ]
    paths = []
    for sheet, own in zip(shapes.sheets, curves, strict=True):
        parts = [
            np.stack([i + CELL * curve[0], n - 1 - i + CELL * PEAK * curve[1] / peak[i]], axis=1)
            for i, curve in enumerate(own)
            if curve is not None
        ]
        alpha = FILL_ALPHA[1] if sheet.draws is not None else 0.0
        paths.append(Path(_joined(parts), sheet.view.color, alpha, 1.3 * _width(n), sheet.view.dash))
    return paths


def _steps(shapes: CornerShapes, sheet: Sheet, i: int) -> tuple[np.ndarray, np.ndarray]:
    """A histogram as (share of the axis, density), closed at zero."""
    assert sheet.draws is not None
    bins = int(np.clip(round(2.5 * len(sheet.draws) ** (1 / 3)), 12, 40))
    counts, edges = np.histogram(sheet.draws[:, i], bins, (float(shapes.low[i]), float(shapes.high[i])))
    share = np.repeat((edges - edges[0]) / (edges[-1] - edges[0]), 2)
    height = np.concatenate([[0.0], np.repeat(counts * bins / len(sheet.draws), 2), [0.0]])
    return share, height


def _bell(shapes: CornerShapes, sheet: Sheet, i: int) -> tuple[np.ndarray, np.ndarray] | None:
    width = shapes.high[i] - shapes.low[i]
    sigma = np.sqrt(sheet.covariance[i, i]) / width
    if not np.isfinite(sigma) or sigma <= 0:
        return None
    share = np.linspace(0, 1, 81)
    middle = (sheet.mean[i] - shapes.low[i]) / width
    return share, np.exp(-0.5 * ((share - middle) / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi))


def _truths(shapes: CornerShapes, truths: Mapping[str, float]) -> np.ndarray:
    """A line across every cell of a parameter at its true value."""
    n, parts = len(shapes.names), []
    for k, name in enumerate(shapes.names):
        if name not in truths:
            continue
        period = next(
            (s.view.period[s.view.names.index(name)] for s in shapes.sheets if name in s.view.names), np.nan
        )
        middle = (shapes.low[k] + shapes.high[k]) / 2
        value = densities.unwrapped(np.array([[truths[name]]]), np.array([period]), np.array([middle]))[0, 0]
        x, y = float(shapes.across(k, value)), float(shapes.along(k, value))
        for i in range(k, n):
            parts.append(np.array([(x, n - 1 - i), (x, n - 1 - i + CELL)]))
        for j in range(k):
            parts.append(np.array([(j, y), (j + CELL, y)]))
    return _joined([part for part in parts if np.isfinite(part).all()])


def _joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Parts one after the other with a gap between them, (vertex, 2)."""
    if not parts:
        return np.empty((0, 2))
    return np.concatenate([piece for part in parts for piece in (part, _BREAK)][:-1])
