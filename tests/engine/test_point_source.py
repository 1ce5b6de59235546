"""Point sources: the PSF itself, anywhere between pixels."""

import numpy as np
import pytest

import engine
from tests.engine.typical import asymmetric_psf, galaxy, problem_of


def star(x: float, y: float, flux: float = 100.0) -> dict[str, object]:
    return {"name": "star", "model": "point source", "parameters": {"center": [x, y], "flux": flux}}


@pytest.mark.parametrize("size", [(7, 9), (8, 6)], ids=str)
def test_on_a_pixel_it_is_the_psf(size: tuple[int, int], rng: np.random.Generator) -> None:
    psf = asymmetric_psf(*size, rng)
    image = problem_of([star(12, 10)], (25, 27), psf).render()
    placed = np.zeros((25, 27))
    top, left = 10 - size[0] // 2, 12 - size[1] // 2
    placed[top : top + size[0], left : left + size[1]] = 100 * psf
    np.testing.assert_allclose(image, placed, atol=1e-6)


@pytest.mark.parametrize("factor", [1, 2, 3])
@pytest.mark.parametrize("place", [(20.0, 20.0), (20.5, 19.5), (20.31, 19.12)], ids=str)
def test_its_flux_is_kept_at_any_shift(
    place: tuple[float, float], factor: int, rng: np.random.Generator
) -> None:
    image = problem_of([star(*place)], (61, 61), asymmetric_psf(9, 9, rng), factor).render()
    assert image.sum() == pytest.approx(100, rel=1e-6)


def test_it_moves_where_it_is_told() -> None:
    y, x = np.mgrid[:31, :31] - 15.0
    psf = np.exp(-(x**2 + y**2) / (2 * 2.0**2))
    image = problem_of([star(20.3, 17.6)], (41, 43), psf).render()
    rows, columns = np.mgrid[:41, :43]
    assert (image * columns).sum() / image.sum() == pytest.approx(20.3, abs=1e-4)
    assert (image * rows).sum() / image.sum() == pytest.approx(17.6, abs=1e-4)
    exact = np.exp(-((columns - 20.3) ** 2 + (rows - 17.6) ** 2) / 8) * 100 / (2 * np.pi * 4)
    np.testing.assert_allclose(image, exact, atol=1e-3 * exact.max())


def test_a_tiny_galaxy_on_a_pixel_looks_like_one(rng: np.random.Generator) -> None:
    psf = asymmetric_psf(9, 8, rng)
    tiny = galaxy(
        "gaussian", (20.0, 17.0), sigma=0.02, axis_ratio=1.0, intensity_0=100 / (2 * np.pi * 0.02**2)
    )
    with_galaxy = problem_of([tiny], (41, 43), psf).render()
    with_star = problem_of([star(20, 17)], (41, 43), psf).render()
    np.testing.assert_allclose(with_galaxy, with_star, atol=1e-3 * with_star.max())


def test_it_needs_a_psf() -> None:
    with pytest.raises(engine.ModelError, match="needs a PSF"):
        problem_of([star(5, 5)]).render()
