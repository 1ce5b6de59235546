"""Where to sample a profile so that its mean over each pixel comes out right.

A profile on a geometry is smooth away from its center and cuspy at it. Four kinds of pixels follow:

- far out, the value at the center of the pixel is its mean;
- nearer, the mean is that value plus 1/24 of the Laplacian, taken from the four neighbors' values: fourth
  order without one more sample;
- nearer still, a Gauss-Legendre rule of m x m points, m growing inward;
- around the center, the pixel is written as the signed sum of the four triangles between the center and
  the pixel's edges. In a triangle the distance s from the center is graded as s = sigma**k, which turns the
  cusp into a smooth function of sigma, and the position along the edge as t = t0 + (d / L) sinh(tau), with d
  the distance of the edge from the center in the metric of the geometry, which undoes the flattening and
  the closeness of the edge.

The relative error of the first three for a local power law of slope g at the distance rho (in pixels, along
the direction of fastest change) is g (g+1) ... (g+k-1) / rho**k times the constant of the rule of order k,
which sets the radius inside which the next one takes over.

A profile that declares a break, where it ends or bends sharply, is planned in :mod:`engine.render.breaks`.

The plan is a flat list of sample positions with weights; values, derivatives and any profile on any geometry
use the same one. Its positions do not depend on the parameters as far as derivatives are concerned.
"""

from __future__ import annotations

import functools
import math

import numpy as np
import torch
from torch import Tensor

from engine.geometry.base import Geometry
from engine.profiles.base import Profile
from engine.render.breaks import plan_with_break
from engine.render.grid import Grid
from engine.render.rules import (
    MAX_ORDER,
    in_steps,
    radial_order,
    reach_of_light,
    square_rule,
    steepness,
    triangles,
)
from engine.render.samples import Accuracy, Samples

# Above this steepness a ray to the edge of a pixel is mostly darkness; it is cut off where the light ends.
_STEEP = 25.0


@functools.cache
def _error_constants() -> tuple[tuple[int, float], ...]:
    """(order of the derivative, error over it) for the center value, the Laplacian and each Gauss rule.

    Gauss-Legendre on a unit interval: Davis & Rabinowitz (1984), eq. 2.7.12. Laplacian: the fourth
    derivatives that the five-point formula adds, 1/288, less those of the mean, 1/1920.
    """
    gauss = [
        (2 * m, math.factorial(m) ** 4 / ((2 * m + 1) * math.factorial(2 * m) ** 3))
        for m in range(1, MAX_ORDER + 1)
    ]
    return (gauss[0], (4, 1 / 288 - 1 / 1920), *gauss[1:])


@functools.cache
def _radial_grid() -> tuple[Tensor, np.ndarray]:
    radii = np.geomspace(0.05, 3000, 56)
    return torch.from_numpy(radii), radii


def _ring_radii(
    profile: Profile, parameters: list[float], flattening: float, accuracy: Accuracy
) -> list[float]:
    """Radius inside which each rule is not good enough: center value, Laplacian, Gauss 2 .. MAX_ORDER.

    In units of the grid's step; not increasing.
    """
    radii, r = _radial_grid()
    f_tensor, slope_tensor, _ = profile.shape_gradient(radii, *parameters)
    f, slope = f_tensor.numpy(), slope_tensor.numpy()
    with np.errstate(all="ignore"):
        g = np.where(f > 0, -r * slope / f, 0.0).clip(0, 1e3)
        peak = np.interp(0.5 / flattening, r, f)
        allowed = np.maximum(accuracy.relative, accuracy.of_peak * peak / f)
        # A pixel reaches half a step nearer than its center.
        distance = np.maximum(flattening * r - 0.4, 0.05)
        rises = {0: np.ones_like(r)}
        for k in range(2, 2 * MAX_ORDER + 1, 2):
            rises[k] = rises[k - 2] * (g + k - 2) * (g + k - 1) / distance**2
        rings: list[float] = []
        for k, constant in _error_constants():
            bad = np.flatnonzero(constant * rises[k] > allowed)
            rings.append(float(r[min(bad[-1] + 1, len(r) - 1)]) if bad.size else 0.0)
    for index in range(len(rings) - 2, -1, -1):
        rings[index] = max(rings[index], rings[index + 1])
    return rings


def plan_samples(
    grid: Grid,
    center: tuple[float, float],
    profile: Profile,
    profile_parameters: list[float],
    geometry: Geometry,
    geometry_parameters: list[float],
    accuracy: Accuracy,
) -> Samples:
    """Return the samples for a component on ``grid``; lengths in pixels, angles in degrees.

    About one sample a pixel for large smooth objects, more near the center.
    """
    if profile.break_at is not None:
        return plan_with_break(
            grid, center, profile, profile_parameters, geometry, geometry_parameters, accuracy
        )
    dx, dy = grid.padded(1, 1).offsets(*center)
    flattening = geometry.smallest_scale(*geometry_parameters)
    step = grid.step
    rings = [
        r * step
        for r in _ring_radii(profile, in_steps(profile_parameters, profile, step), flattening, accuracy)
    ]
    # Inside, the local power law no longer describes the profile over a pixel.
    near = max(1.3 / flattening * step, rings[-1])
    outermost = max(rings[0], near) + step

    left, right, bottom, top = box = grid.box(*center, outermost, outermost)
    if left >= right or bottom >= top:
        return Samples(dx, dy, (), grid)
    bx = dx.unflatten(0, (grid.height + 2, grid.width + 2))[bottom + 1 : top + 1, left + 1 : right + 1]
    by = dy.unflatten(0, (grid.height + 2, grid.width + 2))[bottom + 1 : top + 1, left + 1 : right + 1]
    a, b, c = metric = geometry.metric(*geometry_parameters)
    square = a * bx * bx + (2 * b) * (bx * by) + c * by * by
    is_smooth = (square < rings[0] ** 2) & (square >= max(rings[1], near) ** 2)
    laplacian = is_smooth.to(torch.float64).div_(24.0)

    inner = (square < max(rings[1], near) ** 2) | ((bx.abs() <= 0.5 * step) & (by.abs() <= 0.5 * step))
    row, column = torch.nonzero(inner, as_tuple=True)
    cells = (row + bottom) * grid.width + (column + left)
    bx, by, square = bx[row, column], by[row, column], square[row, column]
    is_near = (square < near**2) | ((bx.abs() <= 0.5 * step) & (by.abs() <= 0.5 * step))
    parts_x, parts_y = [dx], [dy]
    groups: list[tuple[Tensor, Tensor]] = []
    for order in range(2, MAX_ORDER + 1):
        if rings[order - 1] <= max(near, rings[order]) and order < MAX_ORDER:
            continue
        chosen = torch.nonzero(
            (square < rings[order - 1] ** 2)
            & ((square >= rings[order] ** 2) | (order == MAX_ORDER))
            & ~is_near
        ).flatten()
        if chosen.numel() == 0:
            continue
        ox, oy, weights = (t.to(dx.device) for t in square_rule(order))
        parts_x.append((bx[chosen, None] + ox * step).flatten())
        parts_y.append((by[chosen, None] + oy * step).flatten())
        groups.append((cells[chosen], weights))
    chosen = torch.nonzero(is_near).flatten()
    if chosen.numel():
        k = profile.grading(*profile_parameters)
        farthest, reach = near + 1.5 * step / flattening, math.inf
        steep = steepness(profile, profile_parameters, farthest) * k
        if steep > _STEEP:
            reach = reach_of_light(profile, profile_parameters, farthest)
            steep = steepness(profile, profile_parameters, reach) * k
        sx, sy, weights = triangles(bx[chosen], by[chosen], step, metric, k, radial_order(steep), reach)
        parts_x.append(sx.flatten())
        parts_y.append(sy.flatten())
        groups.append((cells[chosen], weights))
    return Samples(torch.cat(parts_x), torch.cat(parts_y), tuple(groups), grid, box, laplacian)
