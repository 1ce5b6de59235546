"""Images drawn anew from a fit: what would have been seen at another time."""

from __future__ import annotations

import numpy as np

from engine.parameters.space import whole_turns
from engine.problem import Problem

RESAMPLINGS = {
    "blocks": "Add the residuals over noise, shuffled in square blocks, to the best model: takes them as they are.",
    "parametric": "Add new noise of the given variance to the best model: trusts the noise map.",
}


def resampled(
    problem: Problem, model: np.ndarray, kind: str, block: int, rng: np.random.Generator
) -> Problem:
    """Return the problem with other pixels.

    Args:
        problem: What was fitted; it is not changed.
        model: The best model, (row, column).
        kind: One of :data:`RESAMPLINGS`.
        block: Side of a block in pixels.
        rng: Random numbers.
    """
    weight = problem.image.weight
    sigma = np.where(weight > 0, 1 / np.sqrt(np.where(weight > 0, weight, 1.0)), 0.0)
    if kind == "parametric":
        return problem.with_pixels(data=model + rng.normal(size=model.shape) * sigma)
    return problem.with_pixels(data=model + sigma * _shuffled_blocks(problem, model, sigma, block, rng))


def unwrapped_near(problem: Problem, x: np.ndarray, near: np.ndarray) -> np.ndarray:
    """Return ``x`` with angles brought to within half a period of those of ``near``, both (free,)."""
    return np.asarray(x - whole_turns(x - near, problem.space.period))


def _shuffled_blocks(
    problem: Problem, model: np.ndarray, sigma: np.ndarray, block: int, rng: np.random.Generator
) -> np.ndarray:
    """Residuals over noise, tiled anew from blocks cut at random places; Kuensch (1989), in two dimensions."""
    used = problem.image.weight > 0
    pulls = np.where(used, (problem.image.data - model) / np.where(used, sigma, 1.0), 0.0)
    # Ignored pixels have no residual: lend them others', so that every block is full.
    pulls[~used] = rng.choice(pulls[used], size=int((~used).sum()))
    height, width = pulls.shape
    side = min(block, height, width)
    drawn = np.empty_like(pulls)
    for row in range(0, height, side):
        for column in range(0, width, side):
            top, left = rng.integers(height - side + 1), rng.integers(width - side + 1)
            rows, columns = min(side, height - row), min(side, width - column)
            drawn[row : row + rows, column : column + columns] = pulls[
                top : top + rows, left : left + columns
            ]
    return drawn
