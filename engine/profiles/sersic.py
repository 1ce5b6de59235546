"""The Sersic profile, Sersic (1968); notation of Graham & Driver (2005), eq. 1."""

from __future__ import annotations

import functools
import math
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from engine.parameters.spec import Spec
from engine.profiles.base import Profile, Shapes, ShapeSlopes
from engine.render.arrays import Array, Arrays

INTENSITY_E = Spec(
    name="intensity_e",
    unit="flux/pixel",
    lower=0.0,
    default=1.0,
    label="intensity at Rₑ",
    help="Surface brightness at radius_e.",
)
RADIUS_E = Spec(
    name="radius_e",
    unit="pixel",
    lower=1e-3,
    default=5.0,
    label="effective radius Rₑ",
    help="Semi-major axis of the ellipse that holds half of the flux.",
)
N = Spec(
    name="n",
    unit="",
    lower=0.1,
    upper=12.0,
    default=2.0,
    label="Sersic index n",
    help="Sersic index: 0.5 Gaussian, 1 exponential, 4 de Vaucouleurs.",
)

Value = TypeVar("Value", float, Tensor)


@functools.cache
def _bn_series() -> tuple[float, ...]:
    """Chebyshev coefficients of b_n - 2n + 1/3 in 1 / (1 + 2n), for n from 0.09 to infinity."""
    from scipy.special import gammaincinv

    low, high = 0.0, 1 / (1 + 2 * 0.09)

    def remainder(t: np.ndarray) -> np.ndarray:
        n = (1 / (low + (t + 1) / 2 * (high - low)) - 1) / 2
        return np.asarray(gammaincinv(2 * n, 0.5) - 2 * n + 1 / 3)

    series = np.polynomial.Chebyshev.interpolate(remainder, 24)
    return tuple(float(c) for c in series.coef)


def sersic_bn(n: Value) -> Value:
    """Return b_n, which puts half of the flux inside radius_e: P(2n, b_n) = 1/2; shape of ``n``.

    Graham & Driver (2005), eq. 4. A Chebyshev series, within 1e-9 of the root for 0.1 <= n <= 12.
    """
    t = 2 * (1 + 2 * 0.09) / (1 + 2 * n) - 1
    first: Value = 0 * t
    second: Value = 0 * t
    coefficients = _bn_series()
    for c in reversed(coefficients[1:]):
        first, second = 2 * t * first - second + c, first
    return t * first - second + coefficients[0] + 2 * n - 1 / 3


@functools.lru_cache(maxsize=1024)
def bn_and_slope(n: float) -> tuple[float, float]:
    """Return b_n and its derivative by n."""
    # The series is smooth, so its central difference is good to about 1e-9.
    step = 1e-4 * n
    return sersic_bn(n), (sersic_bn(n + step) - sersic_bn(n - step)) / (2 * step)


def bn_and_slopes(n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return b_n and its derivative by n of many indices, each of the shape of ``n``."""
    x, scale = 1 + 2 * n, 2 * (1 + 2 * 0.09)
    # Chebyshev polynomials by their definition: few operations, whatever the number of terms.
    series = _bn_polynomial()
    terms = np.cos(np.arccos(scale / x - 1)[..., None] * np.arange(len(series))) @ series
    return terms[..., 0] + 2 * n - 1 / 3, 2 - terms[..., 1] * (2 * scale) / (x * x)


@functools.cache
def _bn_polynomial() -> np.ndarray:
    """The coefficients of the series and of its derivative, (term, 2)."""
    coefficients = np.array(_bn_series())
    return np.stack((coefficients, np.append(np.polynomial.chebyshev.chebder(coefficients), 0.0)), 1)


def shape(radius: Tensor, radius_e: Tensor, n: Tensor) -> Tensor:
    """Return the brightness relative to that at radius_e; shape of ``radius``."""
    return torch.exp(-sersic_bn(n) * ((radius / radius_e) ** (1 / n) - 1))


def shape_gradient(radius: Tensor, radius_e: float, n: float) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Return the shape and its derivatives by radius, radius_e and n."""
    b, b_slope = bn_and_slope(n)
    log_x = torch.log(radius).sub_(math.log(radius_e))
    z = torch.exp(log_x / n)
    f = torch.exp((z - 1).mul_(-b))
    fz = f * z
    by_radius = fz / radius
    by_radius.mul_(-b / n)
    by_scale = fz * (b / (n * radius_e))
    # d/dn of -b (z - 1), with dz/dn = -z log(x) / n**2
    by_n = torch.addcmul((f - fz).mul_(b_slope), fz, log_x, value=b / n**2)
    return f, by_radius, [by_scale, by_n]


def of_squares(squares: Array, parameters: np.ndarray, arrays: Arrays) -> Shapes:
    """Return the shapes at squares of radii; see :class:`Profile`.

    They are exp(b_n) exp(-k R^(1/n)) with k = b_n / radius_e^(1/n): a logarithm and two exponentials a sample, and
    what multiplies all samples of a component is left to the end.
    """
    radius_e, n = parameters[..., 0], parameters[..., 1]
    b, b_slope = bn_and_slopes(n)
    log_scale = np.log(radius_e)
    k, half = b * np.exp(-log_scale / n), 0.5 / n
    scale = np.exp(b)
    log_squares, z, f = (arrays.array(name, tuple(squares.shape)) for name in ("log", "z", "f"))
    arrays.log(squares, out=log_squares)
    arrays.xp.multiply(log_squares, arrays.put(half)[..., None], out=z)
    arrays.exp(z, out=z)
    arrays.xp.multiply(z, arrays.put(-k)[..., None], out=f)
    arrays.exp(f, out=f)

    def pull(scores: Array) -> ShapeSlopes:
        scores *= f
        total = scores.sum(-1)
        scores *= z
        sums = total, scores.sum(-1), arrays.xp.linalg.vecdot(scores, log_squares)
        one, by_z, by_log = (arrays.get(part) * scale for part in sums)
        # d/dn of b_n - k z, with ln(k z) = ln(b_n) + ln(R / radius_e) / n.
        by_n = b_slope * (one - k / b * by_z) + k / n**2 * (0.5 * by_log - log_scale * by_z)
        slopes = np.stack((k / (n * radius_e) * by_z, by_n), axis=-1)
        scores /= squares
        return ShapeSlopes(scores, -k * half * scale, slopes, one)

    return Shapes(f, scale, pull)


def flux(radius_e: float, n: float) -> float:
    """Return the total flux for intensity_e = 1 and axis ratio 1; Graham & Driver (2005), eq. 4."""
    b = sersic_bn(n)
    return 2 * math.pi * n * radius_e**2 * math.exp(b + math.lgamma(2 * n) - 2 * n * math.log(b))


def grading(radius_e: float, n: float) -> float:
    """Return n: the exponent is linear in s for radius = s**n."""
    return max(n, 0.5)


def scale(radius_e: float, n: float) -> float:
    """Return radius_e."""
    return radius_e


SERSIC = Profile(
    name="sersic",
    title="Sersic",
    summary="A galaxy, bulge or disk with a free concentration.",
    formula="intensity_e exp(-b_n ((R / radius_e)^(1/n) - 1))",
    source="Sersic 1968; Graham & Driver 2005, eq. 1",
    amplitude=INTENSITY_E,
    specs=(RADIUS_E, N),
    shape=shape,
    shape_gradient=shape_gradient,
    flux=flux,
    grading=grading,
    scale=scale,
    of_squares=of_squares,
)
