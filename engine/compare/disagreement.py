"""Where in the image several models differ, and which parameters make them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from engine.compare.alignment import difference
from engine.compare.leverage import pixel_jacobian
from engine.errors import FitterError
from engine.problem import Problem
from engine.results import FitResult

# Gauss and Legendre's places and weights on [0, 1].
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(8)
_ON_THE_WAY = ((1 + _NODES) / 2, _WEIGHTS / 2)


@dataclass(frozen=True)
class Cause:
    """What one parameter contributes to the difference of two models in one pixel.

    Attributes:
        name: Of the parameter, or of a component whose parameters cannot be compared one by one.
        component: That it belongs to.
        difference: Of the parameter, high - low, in its unit; of a whole component nan.
        contribution: To the difference of the models, flux per pixel, signed.
    """

    name: str
    component: str
    difference: float
    contribution: float


@dataclass(frozen=True)
class Blame:
    """Why two models differ in a pixel.

    Attributes:
        x: Column of the full image, 0-based.
        y: Row of the full image.
        low: Label of the run with the lower model there.
        high: Label of the run with the higher model there.
        difference: Model of ``high`` - model of ``low``, flux per pixel.
        noise: One sigma of the pixel; nan where it is ignored.
        causes: By size of the contribution, the largest first.
        remainder: What they do not explain: the difference less all contributions.
    """

    x: int
    y: int
    low: str
    high: str
    difference: float
    noise: float
    causes: tuple[Cause, ...]
    remainder: float


def disagreement(problem: Problem, models: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the standard deviation of the models over the noise, pixel by pixel, (row, column).

    Over all the runs, divided by their number; nan where pixels are ignored.

    Args:
        problem: Any of the runs', for the noise.
        models: Images by label, each (row, column).
    """
    scatter = np.std(np.stack(list(models.values())), axis=0)
    weight = problem.image.weight
    return np.where(weight > 0, scatter * np.sqrt(weight), np.nan)


def blame(
    problems: Mapping[str, Problem],
    results: Mapping[str, FitResult],
    models: Mapping[str, np.ndarray],
    x: int,
    y: int,
) -> Blame:
    """Return which parameters make the lowest and the highest model of a pixel differ.

    The difference of two models is the Jacobian, averaged on the straight way from one to the other, times the
    difference of their parameters: each product is one parameter's contribution (integrated gradients,
    Sundararajan, Taly & Yan 2017). What the average over eight places leaves over is told. Where the two runs
    fitted different components, the components' own images are compared.

    Args:
        problems: What each run fitted, by label.
        results: What it came to.
        models: The models' images, (row, column).
        x: Column of the full image, 0-based.
        y: Row of the full image.

    Raises:
        FitterError: The pixel is outside the image, or there are fewer than two runs.
    """
    if len(results) < 2:
        raise FitterError("It takes two runs to differ. Choose another one beside it.")
    image = next(iter(problems.values())).image
    row, column = y - image.origin[1], x - image.origin[0]
    height, width = image.shape
    if not (0 <= row < height and 0 <= column < width):
        raise FitterError(
            f"Pixel ({x}, {y}) lies outside the image, which has columns {image.origin[0]} to "
            f"{image.origin[0] + width - 1} and rows {image.origin[1]} to {image.origin[1] + height - 1}."
        )
    heights = {label: float(model[row, column]) for label, model in models.items()}
    low, high = min(heights, key=heights.__getitem__), max(heights, key=heights.__getitem__)
    total = heights[high] - heights[low]
    if _same_scene(problems[low], problems[high]):
        causes = _by_parameter(problems[high], results[low], results[high], row, column)
    else:
        causes = _by_component(problems, results, low, high, row, column)
    weight = float(image.weight[row, column])
    return Blame(
        x=x,
        y=y,
        low=low,
        high=high,
        difference=total,
        noise=weight**-0.5 if weight > 0 else float("nan"),
        causes=tuple(sorted(causes, key=lambda cause: -abs(cause.contribution))),
        remainder=total - sum(cause.contribution for cause in causes),
    )


def _same_scene(one: Problem, other: Problem) -> bool:
    return [(p.key, p.link and p.link.text) for p in one.parameters] == [
        (p.key, p.link and p.link.text) for p in other.parameters
    ]


def _by_parameter(problem: Problem, low: FitResult, high: FitResult, row: int, column: int) -> list[Cause]:
    """Mean Jacobian x difference, of every parameter that is not linked."""
    owned = [p for p in problem.parameters if p.link is None]
    period = np.array([p.period or np.nan for p in owned], dtype=float)
    start = np.array([low.all_values[p.key] for p in owned])
    step = difference(np.array([high.all_values[p.key] for p in owned]), start, period)
    slopes = np.zeros(len(owned))
    for place, weight in zip(*_ON_THE_WAY, strict=True):
        there = dict(zip((p.key for p in owned), start + place * step, strict=True))
        slopes += weight * pixel_jacobian(problem, there, row, column)
    return [
        Cause(p.key, p.component, float(change), float(slope * change))
        for p, change, slope in zip(owned, step, slopes, strict=True)
        if change != 0
    ]


def _by_component(
    problems: Mapping[str, Problem],
    results: Mapping[str, FitResult],
    low: str,
    high: str,
    row: int,
    column: int,
) -> list[Cause]:
    ends = []
    for label in (low, high):
        images = problems[label].render_components(results[label].values)
        ends.append({name: float(image[row, column]) for name, image in images.items()})
    names = list(dict.fromkeys([*ends[0], *ends[1]]))
    return [
        Cause(name, name, float("nan"), ends[1].get(name, 0.0) - ends[0].get(name, 0.0)) for name in names
    ]
