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

Which rule a pixel gets is decided from rounded parameters, and kept: small changes of the parameters then leave
the rules as they are, so that chi2 is smooth for the fitters, and the sorting of pixels is paid for once.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

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


def _rounded(value: float, digits: float) -> float:
    """Round to one of 10**(1/digits) spaced values; 0 stays 0."""
    return math.copysign(10 ** (round(math.log10(abs(value)) * digits) / digits), value) if value else 0.0


@functools.lru_cache(maxsize=1024)
def ring_radii(
    profile: Profile, parameters: tuple[float, ...], flattening: float, accuracy: Accuracy
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
        ).rounded(grid.dtype)
    step = grid.step
    flattening = geometry.smallest_scale(*geometry_parameters)
    # Ratios of 1.5 % and shifts of a twentieth of a pixel change no rule by more than its margin.
    coarse_profile = tuple(_rounded(v, 80) for v in in_steps(profile_parameters, profile, step))
    coarse_flattening = min(_rounded(flattening, 80), 1.0)
    rings = ring_radii(profile, coarse_profile, coarse_flattening, accuracy)
    # Inside, the local power law no longer describes the profile over a pixel.
    near = max(1.3 / coarse_flattening, rings[-1])
    metric = geometry.metric(*geometry_parameters)
    norm = math.sqrt(metric[0] + metric[2])
    cells = _sort_cells(
        grid,
        round(20 * (center[0] - grid.x0) / step),
        round(20 * (center[1] - grid.y0) / step),
        tuple(round(100 * v / norm**2) for v in metric),
        _rounded(norm, 80),
        tuple(rings),
        near,
    )
    x, y = _centers(grid)
    parts_x, parts_y = [x - center[0]], [y - center[1]]
    groups = list(cells.gauss)
    if cells.gauss:
        parts_x.append(cells.x - center[0])
        parts_y.append(cells.y - center[1])
    if cells.near.numel():
        k = profile.grading(*profile_parameters)
        order, reach = rays_needed(profile, coarse_profile, near + 1.5 / coarse_flattening)
        bx, by = cells.near_x - center[0], cells.near_y - center[1]
        sx, sy, weights = triangles(bx, by, step, metric, k, order, reach * step)
        parts_x.append(sx.flatten())
        parts_y.append(sy.flatten())
        groups.append((cells.near, weights))
    samples = Samples(torch.cat(parts_x), torch.cat(parts_y), tuple(groups), grid, cells.box, cells.laplacian)
    return samples.rounded(grid.dtype)


@functools.lru_cache(maxsize=1024)
def rays_needed(profile: Profile, parameters: tuple[float, ...], farthest: float) -> tuple[int, float]:
    """Points along the rays of the triangles, and the radius at which the rays end; in steps."""
    k, values = profile.grading(*parameters), list(parameters)
    steep = steepness(profile, values, farthest) * k
    if steep <= _STEEP:
        return radial_order(steep), math.inf
    reach = reach_of_light(profile, values, farthest)
    return radial_order(steepness(profile, values, reach) * k), reach


@functools.lru_cache(maxsize=4)
def _centers(grid: Grid) -> tuple[Tensor, Tensor]:
    """Coordinates of the centers of the grid padded by one cell, flat."""
    return grid.padded(1, 1).offsets(0.0, 0.0)


@dataclass(frozen=True)
class _Cells:
    """The cells of a grid by rule, with the positions that do not follow the center exactly.

    Attributes:
        box: Where ``laplacian`` applies; see :class:`Samples`.
        laplacian: 1/24 in cells whose mean takes the Laplacian, else 0; None where there are none.
        gauss: Cells and weights of each Gauss rule.
        x: Coordinates of the points of the Gauss rules, in the order of the groups, flat; ``y`` alike.
        near: Cells around the center, with the coordinates ``near_x`` and ``near_y`` of their centers.
    """

    box: tuple[int, int, int, int]
    laplacian: Tensor | None
    gauss: tuple[tuple[Tensor, Tensor], ...]
    x: Tensor
    y: Tensor
    near: Tensor
    near_x: Tensor
    near_y: Tensor


@functools.lru_cache(maxsize=512)
def _sort_cells(
    grid: Grid,
    x20: int,
    y20: int,
    metric100: tuple[int, ...],
    norm: float,
    rings: tuple[float, ...],
    near: float,
) -> _Cells:
    """Sort the cells by rule; center in twentieths of a step, metric in hundredths of its norm, radii in steps."""
    step = grid.step
    x, y = grid.x0 + x20 * step / 20, grid.y0 + y20 * step / 20
    a, b, c = (value / 100 * norm**2 for value in metric100)
    radius = max(rings[0], near) * step + step
    box = grid.box(x, y, radius, radius)
    left, right, bottom, top = box
    empty = torch.zeros(0, dtype=torch.float64, device=grid.device)
    if left >= right or bottom >= top:
        return _Cells(box, None, (), empty, empty, empty.long(), empty, empty)
    bx = grid.x0 - x + step * torch.arange(left, right, dtype=torch.float64, device=grid.device)
    by = grid.y0 - y + step * torch.arange(bottom, top, dtype=torch.float64, device=grid.device)[:, None]
    square = (a * bx * bx + (2 * b) * (bx * by) + c * by * by) / step**2
    inner = (square < max(rings[1], near) ** 2) | ((bx.abs() <= 0.6 * step) & (by.abs() <= 0.6 * step))
    smooth = (square < rings[0] ** 2) & ~inner
    laplacian = smooth.to(torch.float64).div_(24.0) if bool(smooth.any()) else None

    row, column = torch.nonzero(inner, as_tuple=True)
    numbers = (row + bottom) * grid.width + (column + left)
    bx, by, square = bx[column], by[row, 0], square[row, column]
    is_near = (square < near**2) | ((bx.abs() <= 0.6 * step) & (by.abs() <= 0.6 * step))
    gauss, points_x, points_y = [], [empty], [empty]
    # Even orders alone: a few more points cost less than two more groups.
    for previous, order in ((1, 2), (2, 4), (4, MAX_ORDER)):
        ring = square < rings[previous] ** 2
        if order < MAX_ORDER:
            ring &= square >= rings[order] ** 2
        chosen = torch.nonzero(ring & ~is_near).flatten()
        if chosen.numel() == 0:
            continue
        ox, oy, weights = (t.to(grid.device) for t in square_rule(order))
        points_x.append((bx[chosen, None] + x + ox * step).flatten())
        points_y.append((by[chosen, None] + y + oy * step).flatten())
        gauss.append((numbers[chosen], weights))
    chosen = torch.nonzero(is_near).flatten()
    return _Cells(
        box,
        laplacian,
        tuple(gauss),
        torch.cat(points_x),
        torch.cat(points_y),
        numbers[chosen],
        bx[chosen] + x,
        by[chosen] + y,
    )


def forget_plans() -> None:
    """Let go of the plans that are kept: those of large grids are large."""
    _centers.cache_clear()
    _sort_cells.cache_clear()
