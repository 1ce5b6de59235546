"""What each parameter does to one pixel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from engine.models.scene import Painter
from engine.parameters import ParameterSpace
from engine.problem import Problem


def pixel_jacobian(problem: Problem, values: Mapping[str, float], row: int, column: int) -> np.ndarray:
    """Return d model / d parameter of one pixel, (parameter,), of every parameter that is not linked.

    Links are followed: moving a parameter moves what hangs on it. Only this pixel is rendered, whatever the size
    of the image.

    Args:
        problem: Image and scene.
        values: By key, of every parameter that is not linked, in the problem's order.
        row: Of the array, 0-based.
        column: Of the array.
    """
    space = ParameterSpace([replace(p, fixed=False) if p.link is None else p for p in problem.parameters])
    theta, slope = space.expand(np.array([values[name] for name in space.names]))
    painter = Painter.of(problem.image, problem.accuracy, problem.device)
    left, bottom = problem.image.origin
    pixel = replace(problem.tiles[0].grid, x0=left + column, y0=bottom + row, width=1, height=1)
    direct = np.zeros(len(theta))
    for component in problem.components:
        gradient = painter.gradient(component, pixel, theta[component.columns].tolist())
        direct[component.columns] = gradient.flatten().cpu().numpy()
    return np.asarray(direct @ slope)
