"""Concentric, similar ellipses.

The major axis points along (-sin a, cos a) for a position angle a, counter-clockwise from +y. With u along it
and v across, the radius is the semi-major axis of the ellipse through the point: R**2 = u**2 + (v / q)**2.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from engine.geometry.base import Geometry
from engine.parameters.spec import Spec

_RADIAN = math.pi / 180
# Keeps the radius, by which slopes are divided, away from zero. A cusp of slope 1.8 still holds 1e-4 of its flux in
# a pixel inside 1e-20 pixels, so it lies far below that.
_TINY = 1e-40
# In float32 its square, and slopes over it, must neither vanish nor overflow.
_TINY_SINGLE = 1e-8

SPECS = (
    Spec(
        name="axis_ratio",
        unit="",
        lower=0.01,
        upper=1.0,
        default=0.8,
        help="Minor over major axis, b/a.",
    ),
    Spec(
        name="position_angle",
        unit="deg",
        period=180.0,
        default=0.0,
        help="Direction of the major axis, counter-clockwise from +y.",
    ),
)


def _tiny(offsets: Tensor) -> float:
    return _TINY if offsets.dtype == torch.float64 else _TINY_SINGLE


def radius(dx: Tensor, dy: Tensor, axis_ratio: Tensor, position_angle: Tensor) -> Tensor:
    """Return the semi-major axis of the ellipse through each offset, in pixels; shape of ``dx``."""
    angle = torch.as_tensor(position_angle, dtype=dx.dtype, device=dx.device) * _RADIAN
    sin, cos = torch.sin(angle), torch.cos(angle)
    along = dy * cos - dx * sin
    across = (dx * cos + dy * sin) / axis_ratio
    return torch.sqrt(along**2 + across**2 + _tiny(dx) ** 2)


def half_square_gradient(
    dx: Tensor, dy: Tensor, axis_ratio: float, position_angle: float
) -> tuple[Tensor, list[Tensor]]:
    """Return the radius and radius times its derivatives (center x, center y, axis ratio, angle in degrees)."""
    sin, cos = math.sin(position_angle * _RADIAN), math.cos(position_angle * _RADIAN)
    inverse_square = 1 / axis_ratio**2
    u = torch.add(dy * cos, dx, alpha=-sin)
    v = torch.add(dx * cos, dy, alpha=sin)
    uv = u * v
    v_square = v * v
    square = torch.addcmul(v_square * inverse_square, u, u)
    r = square.add_(_tiny(dx) ** 2).sqrt_()
    by_x = torch.add(u * sin, v, alpha=-cos * inverse_square)
    by_y = torch.add(u * -cos, v, alpha=-sin * inverse_square)
    by_ratio = v_square.mul_(-inverse_square / axis_ratio)
    by_angle = uv.mul_((inverse_square - 1) * _RADIAN)
    return r, [by_x, by_y, by_ratio, by_angle]


def metric(axis_ratio: float, position_angle: float) -> tuple[float, float, float]:
    """Return (a, b, c) of R**2 = a dx**2 + 2 b dx dy + c dy**2."""
    sin, cos = math.sin(position_angle * _RADIAN), math.cos(position_angle * _RADIAN)
    inverse_square = 1 / axis_ratio**2
    return (
        sin**2 + cos**2 * inverse_square,
        sin * cos * (inverse_square - 1),
        cos**2 + sin**2 * inverse_square,
    )


# cos^2, sin cos, sin^2 of an angle, and their derivatives, from 1, cos, sin of twice the angle; a circle's metric.
_BY_DOUBLE_ANGLE = np.array([[0.5, 0, 0.5, 0, 0, 0], [0.5, 0, -0.5, 0, 1, 0], [0, 0.5, 0, -1, 0, 1]])
_ROUND = np.array([1.0, 0.0, 1.0])


def metric_gradient(parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (a, b, c), (..., 3), and their derivatives by axis ratio and angle, (..., 3, 2)."""
    ratio, double = parameters[..., 0], parameters[..., 1] * (2 * _RADIAN)
    excess = ratio**-2.0 - 1
    factors = np.empty((*ratio.shape, 3))
    factors[..., 0], factors[..., 1], factors[..., 2] = 1.0, np.cos(double), np.sin(double)
    parts = factors @ _BY_DOUBLE_ANGLE
    slopes = np.empty((*ratio.shape, 3, 2))
    slopes[..., 0] = parts[..., :3] * (-2 * (excess + 1) / ratio)[..., None]
    slopes[..., 1] = parts[..., 3:] * (_RADIAN * excess)[..., None]
    return parts[..., :3] * excess[..., None] + _ROUND, slopes


def smallest_scale(axis_ratio: float, position_angle: float) -> float:
    """Return the axis ratio: the radius changes fastest across the major axis."""
    return axis_ratio


ELLIPSE = Geometry(
    name="ellipse",
    specs=SPECS,
    radius=radius,
    half_square_gradient=half_square_gradient,
    metric=metric,
    smallest_scale=smallest_scale,
    metric_gradient=metric_gradient,
    formula="R^2 = u^2 + (v / axis_ratio)^2; u along the major axis, v across it",
)
