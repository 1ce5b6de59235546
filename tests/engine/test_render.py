"""Rendering against converged quadrature, and the PSF against direct convolution."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy.integrate import dblquad
from scipy.signal import convolve
from scipy.special import gamma, gammaincinv

from engine.models.registry import model
from engine.profiles import PROFILES
from engine.profiles.base import Profile
from engine.render import Convolver, Grid, Setting
from tests.engine.quadrature import Shape, elliptical_radius, pixel_means, rendering_error
from tests.engine.typical import asymmetric_psf, galaxy, problem_of

PHASES = [(0.0, 0.0), (0.5, 0.5), (0.37, 0.11), (0.25, 0.5)]
BY_NAME = {profile.name: profile for profile in PROFILES}


def sersic(radius_e: float, n: float) -> Shape:
    b = gammaincinv(2 * n, 0.5)
    return lambda radius: np.exp(-b * ((radius / radius_e) ** (1 / n) - 1))


def rendered(
    key: str, center: tuple[float, float], axis_ratio: float, angle: float, shape: list[float], half: int
) -> np.ndarray:
    grid = Grid(-half, -half, 2 * half + 1, 2 * half + 1)
    values = [*center, axis_ratio, angle, *shape, 1.0]
    return model(key).gradient(grid, values, Setting())[-1].numpy()


@pytest.mark.parametrize(("dx", "dy"), [(0, 0), (1, 0), (2, -1)])
def test_the_reference_agrees_with_scipy(dx: int, dy: int) -> None:
    shape, center, q, angle = sersic(3.0, 2.0), (0.37, 0.11), 0.5, 33.0
    means = pixel_means(shape, q, angle, center, 3)

    def brightness(y: float, x: float) -> float:
        radius = elliptical_radius(np.array(x - center[0]), np.array(y - center[1]), q, angle)
        return float(shape(radius))

    cuts = [
        [a - 0.5, *([c] if abs(a - c) < 0.5 else []), a + 0.5] for a, c in ((dx, center[0]), (dy, center[1]))
    ]
    pieces = itertools.product(itertools.pairwise(cuts[0]), itertools.pairwise(cuts[1]))
    truth = sum(dblquad(brightness, *x, *y, epsrel=1e-7, epsabs=1e-9)[0] for x, y in pieces)
    assert means[3 + dy, 3 + dx] == pytest.approx(truth, rel=1e-5)


@pytest.mark.parametrize("n", [0.5, 1.0, 2.0])
def test_the_reference_holds_the_analytic_flux(n: float) -> None:
    b = gammaincinv(2 * n, 0.5)
    total = 2 * math.pi * n * math.exp(b) * b ** (-2 * n) * gamma(2 * n) * 0.5
    assert pixel_means(sersic(1.0, n), 0.5, 33.0, (0.37, 0.11), 45).sum() == pytest.approx(total, rel=1e-5)


@pytest.mark.parametrize("phase", PHASES, ids=str)
@pytest.mark.parametrize("q", [0.1, 0.5, 1.0])
@pytest.mark.parametrize("n", [0.5, 1.0, 2.0, 4.0, 6.0])
def test_a_sersic_is_rendered_to_a_thousandth(n: float, q: float, phase: tuple[float, float]) -> None:
    for radius_e in (1.0, 3.0, 10.0, 30.0):
        half = 14
        truth = pixel_means(sersic(radius_e, n), q, 33.0, phase, half, order=5)
        image = rendered("sersic", phase, q, 33.0, [radius_e, n], half)
        assert rendering_error(image, truth) < 1, f"radius_e {radius_e}"
        assert image.sum() == pytest.approx(truth.sum(), rel=1e-3), f"radius_e {radius_e}"


# Hard cases: small cores, sharp breaks, edges that end with an infinite slope, cusps of infinite brightness.
CASES = [
    ("exponential", (1.0,)),
    ("de vaucouleurs", (1.0,)),
    ("de vaucouleurs", (10.0,)),
    ("gaussian", (1.0,)),
    ("gaussian", (5.0,)),
    ("moffat", (1.0, 2.5)),
    ("moffat", (1.0, 8.0)),
    ("moffat", (3.0, 1.2)),
    ("king", (1.0, 4.0, 2.0)),
    ("king", (1.0, 30.0, 1.0)),
    ("king", (2.0, 11.0, 0.5)),
    ("king", (3.0, 5.0, 8.0)),
    ("ferrer", (1.0, 2.0, 0.0)),
    ("ferrer", (2.0, 0.5, 1.7)),
    ("ferrer", (6.0, 3.3, -2.5)),
    ("ferrer", (10.0, 0.5, 1.2)),
    ("nuker", (1.0, 2.0, 4.0, 1.5)),
    ("nuker", (1.0, 20.0, 4.0, 0.1)),
    ("nuker", (2.0, 50.0, 6.0, 0.0)),
    ("nuker", (3.0, 0.2, 5.0, 0.3)),
    ("nuker", (5.0, 2.0, 3.0, 0.5)),
    ("core-sersic", (8.0, 2.0, 3.0, 50.0, 0.0)),
    ("core-sersic", (8.0, 4.0, 1.0, 10.0, 0.5)),
    ("core-sersic", (10.0, 1.3, 3.0, 0.7, 0.9)),
]


def shape_of(profile: Profile, parameters: tuple[float, ...]) -> Shape:
    """The profile's own function; test_profiles.py compares that with formulas written out anew."""
    tensors = [torch.tensor(value, dtype=torch.float64) for value in parameters]
    return lambda radius: profile.shape(torch.from_numpy(np.maximum(radius, 1e-30)), *tensors).numpy()


@pytest.mark.parametrize(("key", "parameters"), CASES, ids=str)
def test_a_profile_is_rendered_to_a_thousandth(key: str, parameters: tuple[float, ...]) -> None:
    profile, half = BY_NAME[key], 12
    edge = profile.break_at(*parameters).radius if profile.break_at else None
    depth = 50 if key == "nuker" else 20
    for q, phase in [(0.1, PHASES[2]), (0.5, PHASES[1]), (1.0, PHASES[0])]:
        truth = pixel_means(
            shape_of(profile, parameters), q, 33.0, phase, half, edge=edge, depth=depth, order=5
        )
        image = rendered(key, phase, q, 33.0, list(parameters), half)
        assert rendering_error(image, truth) < 1, f"axis ratio {q}"
        assert image.sum() == pytest.approx(truth.sum(), rel=1e-3), f"axis ratio {q}"


@pytest.mark.parametrize("key", ["king", "nuker", "sersic"])
def test_an_oversampled_grid_holds_the_same_light(key: str) -> None:
    parameters = {"king": [2.0, 9.0, 1.0], "nuker": [2.0, 4.0, 4.0, 0.5], "sersic": [3.0, 4.0]}[key]
    grid = Grid(-12, -12, 25, 25)
    values = [0.3, -0.2, 0.6, 20.0, *parameters, 1.0]
    coarse = model(key).gradient(grid, values, Setting())[-1]
    fine = model(key).gradient(grid.oversampled(3), values, Setting())[-1]
    means = fine.unflatten(-1, (25, 3)).mean(-1).unflatten(-2, (25, 3)).mean(-2)
    assert rendering_error(means.numpy(), coarse.numpy()) < 1


SIZES = [(7, 7), (6, 6), (5, 9), (8, 3)]


@pytest.mark.parametrize("size", [*SIZES, (41, 7), (50, 51)], ids=str)
def test_the_fft_equals_direct_convolution_even_for_a_psf_beyond_the_image(
    size: tuple[int, int], rng: np.random.Generator
) -> None:
    psf = asymmetric_psf(*size, rng)
    height, width = 23, 18
    convolver = Convolver(psf, height, width)
    scene = rng.random((height + 2 * convolver.pad_rows, width + 2 * convolver.pad_columns))
    direct = convolve(scene, psf, mode="full", method="direct")
    # In the full convolution, pixel (r, c) of the scene lands at (r + origin, c + origin).
    first = [pad + n // 2 for pad, n in zip((convolver.pad_rows, convolver.pad_columns), size, strict=True)]
    direct = direct[first[0] : first[0] + height, first[1] : first[1] + width]
    np.testing.assert_allclose(convolver(torch.from_numpy(scene)).numpy(), direct, rtol=0, atol=1e-13)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_a_model_is_convolved_with_what_lies_beyond_the_image(
    size: tuple[int, int], rng: np.random.Generator
) -> None:
    psf = asymmetric_psf(*size, rng)
    shape, margin = (21, 19), 60
    component = galaxy("gaussian", (2.3, 16.8))
    blurred = problem_of([component], shape, psf).render()
    moved = galaxy("gaussian", (2.3 + margin, 16.8 + margin))
    sharp = problem_of([moved], (shape[0] + 2 * margin, shape[1] + 2 * margin)).render()
    direct = convolve(sharp, psf, mode="full", method="direct")
    row, column = margin + size[0] // 2, margin + size[1] // 2
    direct = direct[row : row + shape[0], column : column + shape[1]]
    # Two integrations of the profile, each good to half a thousandth.
    np.testing.assert_allclose(blurred, direct, rtol=1e-3, atol=1e-5 * direct.max())


@pytest.mark.parametrize(("size", "factor"), [((9, 9), 3), ((12, 10), 2), ((15, 7), 4)])
def test_an_oversampled_psf_is_applied_on_its_own_grid(
    size: tuple[int, int], factor: int, rng: np.random.Generator
) -> None:
    psf = asymmetric_psf(*size, rng)
    shape = (25, 27)
    component = galaxy("exponential", (12.3, 11.8), radius_e=2.0)
    image = problem_of([component], shape, psf, factor).render()
    half = 40
    fine = Grid(12 - half, 12 - half, 2 * half + 1, 2 * half + 1).oversampled(factor)
    values = [component["parameters"][spec.name] for spec in model("exponential").specs]
    sharp = model("exponential").gradient(fine, values, Setting())[-1].numpy() * values[-1]
    direct = convolve(sharp, psf, mode="full", method="direct")
    direct = direct[size[0] // 2 :, size[1] // 2 :][: sharp.shape[0], : sharp.shape[1]]
    bins = direct.reshape(2 * half + 1, factor, 2 * half + 1, factor).mean((1, 3))
    row, column = half - 12, half - 12
    expected = bins[row : row + shape[0], column : column + shape[1]]
    np.testing.assert_allclose(image, expected, rtol=1e-3, atol=1e-5 * expected.max())


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("factor", [1, 2])
def test_a_psf_conserves_the_flux(size: tuple[int, int], factor: int, rng: np.random.Generator) -> None:
    component = galaxy("gaussian", (40.2, 39.7))
    sharp = problem_of([component], (81, 81)).render()
    blurred = problem_of([component], (81, 81), asymmetric_psf(*size, rng), factor).render()
    assert blurred.sum() == pytest.approx(sharp.sum(), rel=1e-5)
