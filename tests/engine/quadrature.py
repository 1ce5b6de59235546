"""Means over pixels by adaptive quadrature in numpy: the truth that rendering is compared with.

Independent of the engine: squares are divided in four until they are small against their distance from the center
(and, where the profile has an edge, from that edge), and a 7 x 7 Gauss-Legendre rule is summed over each.
"""

from collections.abc import Callable

import numpy as np

Shape = Callable[[np.ndarray], np.ndarray]


def elliptical_radius(dx: np.ndarray, dy: np.ndarray, axis_ratio: float, position_angle: float) -> np.ndarray:
    """Semi-major axis of the ellipse through each offset; angle in degrees from +y, counter-clockwise."""
    a = np.deg2rad(position_angle)
    along = -dx * np.sin(a) + dy * np.cos(a)
    across = dx * np.cos(a) + dy * np.sin(a)
    return np.hypot(along, across / axis_ratio)


def pixel_means(
    shape: Shape,
    axis_ratio: float,
    position_angle: float,
    center: tuple[float, float],
    half: int,
    *,
    edge: float | None = None,
    depth: int = 20,
    edge_depth: int = 8,
    order: int = 7,
) -> np.ndarray:
    """Means of shape(radius) over pixels -half .. half in x and y, (row, column)."""
    points, weights = np.polynomial.legendre.leggauss(order)
    rule = np.outer(weights, weights).ravel() / 4
    gx, gy = (v.ravel() / 2 for v in np.meshgrid(points, points))
    ox, oy = (v.ravel() for v in np.meshgrid([-0.25, 0.25], [-0.25, 0.25]))
    size = 2 * half + 1
    x, y = np.meshgrid(np.arange(size) - half, np.arange(size) - half)
    cx, cy = x.ravel() - float(center[0]), y.ravel() - float(center[1])
    owner, step = np.arange(size**2), 1.0
    means = np.zeros(size**2)
    for level in range(depth + 1):
        distance = np.hypot(np.maximum(abs(cx) - step / 2, 0), np.maximum(abs(cy) - step / 2, 0))
        split = distance * axis_ratio < 2.5 * step
        if edge is not None and level < edge_depth:
            radius = elliptical_radius(cx, cy, axis_ratio, position_angle)
            # At level 0 pixels beside the edge are divided as well: the profile may end with a steep slope.
            split |= abs(radius - edge) < (1.5 if level == 0 else 0.75) * step / axis_ratio
        if level == depth:
            split[:] = False
        done = np.flatnonzero(~split)
        for part in np.array_split(done, 1 + done.size // 100_000):
            radius = elliptical_radius(
                cx[part, None] + step * gx, cy[part, None] + step * gy, axis_ratio, position_angle
            )
            np.add.at(means, owner[part], shape(radius) @ rule * step**2)
        cx = (cx[split, None] + step * ox).ravel()
        cy = (cy[split, None] + step * oy).ravel()
        owner, step = np.repeat(owner[split], 4), step / 2
        if not cx.size:
            break
    return means.reshape(size, size)


def rendering_error(image: np.ndarray, truth: np.ndarray) -> float:
    """Largest error over what is allowed: 0.1 % of the pixel, or 1e-5 of the brightest where that is more."""
    return float((abs(image - truth) / np.maximum(1e-3 * truth, 1e-5 * truth.max())).max())
