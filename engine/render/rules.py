"""Quadrature rules on pixels: Gauss-Legendre squares, and rays from the center of a geometry."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine.profiles.base import Profile

EDGE_POINTS = 10
MAX_ORDER = 6


@functools.cache
def gauss(order: int) -> tuple[np.ndarray, np.ndarray]:
    """Points and weights of Gauss-Legendre on (0, 1)."""
    points, weights = np.polynomial.legendre.leggauss(order)
    return (points + 1) / 2, weights / 2


@functools.cache
def square_rule(order: int) -> tuple[Tensor, Tensor, Tensor]:
    """Offsets (x, y) within a unit cell and weights of the product rule, flat."""
    points, weights = gauss(order)
    x, y = np.meshgrid(points - 0.5, points - 0.5)
    return (
        torch.from_numpy(x.ravel().copy()),
        torch.from_numpy(y.ravel().copy()),
        torch.from_numpy(np.outer(weights, weights).ravel()),
    )


@dataclass(frozen=True)
class Edges:
    """The four edges of cells around a center, walked counter-clockwise: (cell, edge), ``run`` and ``length`` (edge,).

    A point of an edge is start + t * run for t in (0, 1), written as t = foot + ratio * sinh(tau): ``foot`` is the
    nearest point to the center in the metric of the geometry and ``ratio`` its distance over the edge's length.
    Equal steps in tau undo the flattening and the closeness of the edge. ``cross`` is twice the signed area of the
    triangle between the center and the edge.
    """

    start: tuple[Tensor, Tensor]
    run: tuple[Tensor, Tensor]
    cross: Tensor
    foot: Tensor
    ratio: Tensor
    length: Tensor
    tau: tuple[Tensor, Tensor]

    def points(self, low: Tensor, high: Tensor, order: int = EDGE_POINTS) -> tuple[Tensor, Tensor, Tensor]:
        """Return (x, y) and weights, (cell, edge, point), of Gauss-Legendre for low < tau < high.

        The weight is twice the area of the triangle from the center that the piece of edge spans.
        """
        points, weights = (torch.from_numpy(v).to(low.device) for v in gauss(order))
        tau = low[..., None] + (high - low)[..., None] * points
        t = self.foot[..., None] + self.ratio[..., None] * torch.sinh(tau)
        (ax, ay), (ex, ey) = self.start, self.run
        area = (self.cross * (high - low) * self.ratio)[..., None] * torch.cosh(tau) * weights
        return ax[..., None] + t * ex[..., None], ay[..., None] + t * ey[..., None], area

    def split_points(self, radius: float) -> tuple[Tensor, Tensor, Tensor]:
        """Return :meth:`points` of the pieces into which the ellipse of that radius cuts the edges."""
        square = (radius / (self.length * self.ratio)) ** 2 - 1
        crossing = torch.asinh(torch.sqrt(square.clamp_min(0)))
        low, high = self.tau
        # An edge runs towards larger t, so tau is increasing.
        first = torch.clamp(-crossing, low, high)
        second = torch.clamp(crossing, low, high)
        pieces = [self.points(*ends) for ends in ((low, first), (first, second), (second, high))]
        x, y, area = (torch.cat(parts, -1) for parts in zip(*pieces, strict=True))
        return x, y, area


def edges(bx: Tensor, by: Tensor, step: float, metric: tuple[float, float, float]) -> Edges:
    """Return the edges of the cells whose centers lie at offsets (bx, by), (cell,)."""
    a, b, c = metric
    corners_x, corners_y, ex, ey = _unit_square(step, str(bx.device))
    along_x, along_y = a * ex + b * ey, b * ex + c * ey
    length_square = ex * along_x + ey * along_y
    ax, ay = bx[:, None] + corners_x, by[:, None] + corners_y
    cross = ax * ey - ay * ex
    foot = (ax * along_x + ay * along_y) / -length_square
    # The metric stretches areas by the root of its determinant.
    ratio = (cross.abs() * (math.sqrt(a * c - b * b) / length_square)).clamp_min_(1e-6)
    ends = torch.asinh(-foot / ratio), torch.asinh((1 - foot) / ratio)
    return Edges((ax, ay), (ex, ey), cross, foot, ratio, torch.sqrt(length_square), ends)


@functools.lru_cache(maxsize=16)
def _unit_square(step: float, device: str) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Corners (x, y) of a cell around its center, counter-clockwise, and the edges from each to the next; (4,)."""
    half = 0.5 * step
    corners = ([-half, half, half, -half], [-half, -half, half, half])
    runs = ([step, 0.0, -step, 0.0], [0.0, step, 0.0, -step])
    x, y, ex, ey = (torch.tensor(values, dtype=torch.float64, device=device) for values in (*corners, *runs))
    return x, y, ex, ey


def triangles(
    bx: Tensor,
    by: Tensor,
    step: float,
    metric: tuple[float, float, float],
    k: float,
    radial_points: int,
    reach: float = math.inf,
) -> tuple[Tensor, Tensor, Tensor]:
    """Samples (x, y) and weights, each (cell, point), of the four signed triangles of each cell.

    They are cut off at the radius ``reach``, beyond which there is no light to speak of.
    """
    sides = edges(bx, by, step, metric)
    # Where the light ends within a pixel, so does the smoothness along its edges.
    px, py, along = sides.points(*sides.tau, EDGE_POINTS if reach == math.inf else 2 * EDGE_POINTS)
    if reach < math.inf:
        a, b, c = metric
        inside = (reach / torch.sqrt(a * px * px + 2 * b * px * py + c * py * py)).clamp_max(1)
        px, py, along = px * inside, py * inside, along * inside**2
    points, weights = gauss(radial_points)
    sigma = torch.from_numpy(points**k).to(bx.device)
    outward = torch.from_numpy(weights * k * points ** (2 * k - 1) / step**2).to(bx.device)
    return (
        (px[..., None] * sigma).flatten(1),
        (py[..., None] * sigma).flatten(1),
        (along[..., None] * outward).flatten(1),
    )


@dataclass(frozen=True)
class Piece:
    """A piece of each ray, from radius ``start`` to radius ``end``, graded towards its start.

    The distance from the start grows as sigma**power or, where ``geometric``, its logarithm as sigma**2, which suits
    power laws. ``sign`` is 0 for rays that it does not belong to; tensors are (cell, edge, point).
    """

    start: Tensor
    end: Tensor
    sign: Tensor
    power: float
    points: int
    geometric: bool = False


def rays(
    px: Tensor, py: Tensor, area: Tensor, radius: Tensor, pieces: list[Piece], step: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Samples (x, y) and weights, each (cell, point), of pieces of the rays from the center to edge points.

    ``radius`` is that of the edge points.
    """
    xs, ys, ws = [], [], []
    for piece in pieces:
        points, weights = gauss(piece.points)
        power = 2 if piece.geometric else piece.power
        sigma = torch.from_numpy(points**power).to(px.device)
        slope = torch.from_numpy(weights * power * points ** (power - 1)).to(px.device)
        start, end = (piece.start / radius)[..., None], (piece.end / radius)[..., None]
        if piece.geometric:
            span = torch.log(end / start)
            s = start * torch.exp(span * sigma)
            stretch = s * span
        else:
            stretch = end - start
            s = start + stretch * sigma
        xs.append((px[..., None] * s).flatten(1))
        ys.append((py[..., None] * s).flatten(1))
        ws.append(((area * piece.sign / step**2)[..., None] * s * stretch * slope).flatten(1))
    return torch.cat(xs, 1), torch.cat(ys, 1), torch.cat(ws, 1)


def in_steps(parameters: list[float], profile: Profile, step: float) -> list[float]:
    """The profile's parameters with lengths in units of ``step``."""
    if step == 1.0:
        return parameters
    return [
        value / step if spec.unit == "pixel" else value
        for value, spec in zip(parameters, profile.specs, strict=True)
    ]


def steepness(profile: Profile, parameters: list[float], radius: float) -> float:
    """-d ln(shape) / d ln(radius) at one radius."""
    at = torch.tensor([radius], dtype=torch.float64)
    f, slope, _ = profile.shape_gradient(at, *parameters)
    value = float(f[0])
    return min(-radius * float(slope[0]) / value, 60.0) if value > 0 else 60.0


def radial_order(steepness: float) -> int:
    """Points along the radius; Gauss-Legendre on exp(-c s) over (0, 1) needs about 5 + c / 2."""
    return int(min(6 + math.ceil(0.6 * steepness), 32))


def reach_of_light(profile: Profile, parameters: list[float], radius: float) -> float:
    """Return the radius, at most ``radius``, beyond which the flux inside it is negligible."""
    r = torch.linspace(0, radius, 65, dtype=torch.float64)[1:]
    light = profile.shape_gradient(r, *parameters)[0] * r * r
    bright = torch.nonzero(light > 1e-9 * light.max())
    # A speck so much smaller than the first radius that nothing is left there.
    return float(r[bright.max()] if bright.numel() else r[0])
