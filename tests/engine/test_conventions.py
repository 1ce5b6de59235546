"""The conventions, each on an image that is not symmetric: any swap or sign would show."""

import math

import numpy as np
import pytest

import engine
from tests.engine.typical import galaxy, problem_of


def moments(image: np.ndarray) -> tuple[float, float, float]:
    """Center x, center y and the angle of the major axis in degrees, counter-clockwise from +y, of an image."""
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    total = image.sum()
    mx, my = (image * x).sum() / total, (image * y).sum() / total
    xx, yy, xy = ((image * a * b).sum() for a, b in ((x - mx, x - mx), (y - my, y - my), (x - mx, y - my)))
    from_x = math.degrees(0.5 * math.atan2(2 * xy, xx - yy))
    return mx, my, (from_x - 90) % 180


def test_x_is_the_column_and_the_first_pixel_is_zero() -> None:
    image = problem_of([galaxy("gaussian", (7.0, 3.0), sigma=1.0)], (20, 31)).render()
    assert image.shape == (20, 31)
    assert np.unravel_index(image.argmax(), image.shape) == (3, 7)


def test_a_half_pixel_lies_between_two_centers() -> None:
    image = problem_of([galaxy("gaussian", (7.5, 3.0), axis_ratio=1.0)], (20, 31)).render()
    assert image[3, 7] == pytest.approx(image[3, 8], rel=1e-9)
    assert image[3, 6] < image[3, 7]


@pytest.mark.parametrize("angle", [0.0, 20.0, 90.0, 130.0, 179.0])
def test_the_position_angle_runs_counter_clockwise_from_y(angle: float) -> None:
    component = galaxy("gaussian", (30.3, 26.8), position_angle=angle, axis_ratio=0.4)
    x, y, measured = moments(problem_of([component], (55, 61)).render())
    assert (x, y) == pytest.approx((30.3, 26.8), abs=1e-3)
    assert (measured - angle + 90) % 180 - 90 == pytest.approx(0, abs=0.01)


def test_an_angle_of_20_degrees_leans_to_the_left() -> None:
    component = galaxy("gaussian", (30.0, 27.0), position_angle=20.0, axis_ratio=0.3, sigma=6.0)
    image = problem_of([component], (55, 61)).render()
    # Ten rows up the ridge is 10 tan(20 degrees) = 3.6 columns towards smaller x.
    assert image[37].argmax() == pytest.approx(30 - 3.6, abs=1)


def test_an_angle_of_zero_is_along_y() -> None:
    component = galaxy("gaussian", (15.0, 15.0), position_angle=0.0, axis_ratio=0.5)
    image = problem_of([component]).render()
    assert image[21, 15] > 2 * image[15, 21]


def test_the_axis_ratio_is_minor_over_major() -> None:
    component = galaxy("gaussian", (15.0, 15.0), position_angle=0.0, axis_ratio=0.5, sigma=4.0)
    image = problem_of([component]).render()
    assert image[21, 15] == pytest.approx(image[15, 18], rel=0.02)


def test_radius_e_is_the_semi_major_axis_of_the_half_light_ellipse() -> None:
    component = galaxy("exponential", (150.0, 140.0), radius_e=12.0, axis_ratio=0.5, position_angle=35.0)
    image = problem_of([component], (281, 301)).render()
    y, x = np.mgrid[:281, :301]
    a = math.radians(35)
    along = -(x - 150) * math.sin(a) + (y - 140) * math.cos(a)
    across = (x - 150) * math.cos(a) + (y - 140) * math.sin(a)
    inside = np.hypot(along, across / 0.5) < 12
    assert image[inside].sum() / image.sum() == pytest.approx(0.5, abs=0.01)


def test_intensities_are_flux_per_pixel_at_radius_e() -> None:
    component = galaxy(
        "sersic", (40.0, 40.0), radius_e=20.0, intensity_e=17.0, position_angle=0.0, axis_ratio=0.6
    )
    image = problem_of([component], (81, 81)).render()
    assert image[60, 40] == pytest.approx(17, rel=2e-3)
    assert image[40, 52] == pytest.approx(17, rel=5e-3)


@pytest.mark.parametrize("size", [(7, 9), (8, 6)], ids=str)
def test_the_origin_of_a_psf_is_pixel_n_over_2(size: tuple[int, int]) -> None:
    psf = np.zeros(size)
    origin = size[0] // 2, size[1] // 2
    psf[origin] = 3.0
    component = galaxy("gaussian", (14.0, 16.0), sigma=1.5)
    sharp, blurred = problem_of([component]).render(), problem_of([component], psf=psf).render()
    np.testing.assert_allclose(blurred, sharp, atol=1e-9 * sharp.max())


def test_a_ghost_of_the_psf_towards_x_appears_towards_x() -> None:
    psf = np.zeros((11, 11))
    psf[5, 5], psf[5, 9], psf[7, 5] = 0.7, 0.2, 0.1
    component = galaxy("gaussian", (12.0, 16.0), sigma=0.6, axis_ratio=1.0)
    sharp, blurred = problem_of([component]).render(), problem_of([component], psf=psf).render()
    expected = 0.7 * sharp
    expected[:, 4:] += 0.2 * sharp[:, :-4]
    expected[2:, :] += 0.1 * sharp[:-2, :]
    np.testing.assert_allclose(blurred, expected, atol=1e-9 * sharp.max())
    star = {"name": "star", "model": "point source", "parameters": {"center": [12, 16], "flux": 1.0}}
    image = problem_of([star], psf=psf).render()
    assert (image[16, 12], image[16, 16], image[18, 12]) == pytest.approx((0.7, 0.2, 0.1), abs=1e-6)


def test_a_window_keeps_the_coordinates_of_the_full_image() -> None:
    component = galaxy("sersic", (20.2, 11.6))
    whole = problem_of([component], (31, 33)).render()
    x0, x1, y0, y1 = window = (9, 30, 4, 25)
    part = problem_of([component], (31, 33), window=list(window)).render()
    assert part.shape == (y1 - y0, x1 - x0)
    np.testing.assert_allclose(part, whole[y0:y1, x0:x1], rtol=1e-10)


def test_a_plane_sky_has_its_intensity_at_the_center_of_the_image() -> None:
    parameters = {"intensity": 7.0, "gradient_x": 0.5, "gradient_y": -0.25}
    sky = {"name": "sky", "model": "plane sky", "parameters": parameters}
    image = problem_of([sky], (21, 31)).render()
    assert image[10, 15] == pytest.approx(7)
    assert image[10, 16] - image[10, 15] == pytest.approx(0.5)
    assert image[11, 15] - image[10, 15] == pytest.approx(-0.25)
    part = problem_of([sky], (21, 31), window=[5, 16, 3, 8]).render()
    assert part[2, 5] == pytest.approx(7)


def test_a_sky_is_not_blurred() -> None:
    parameters = {"intensity": 7.0, "gradient_x": 0.5, "gradient_y": -0.25}
    sky = {"name": "sky", "model": "plane sky", "parameters": parameters}
    psf = np.zeros((5, 5))
    psf[2, 4] = 1.0
    np.testing.assert_array_equal(problem_of([sky], psf=psf).render(), problem_of([sky]).render())


def test_a_large_image_worked_on_in_tiles_is_the_same() -> None:
    components = [
        galaxy("sersic", (300.2, 255.6)),
        {
            "name": "sky",
            "model": "plane sky",
            "parameters": {"intensity": 7.0, "gradient_x": 0.5, "gradient_y": 0.1},
        },
    ]
    psf = np.zeros((7, 7))
    psf[3, 3], psf[3, 5] = 0.8, 0.2
    large = problem_of(components, (700, 650), psf).render()
    small = problem_of(components, (700, 650), psf, window=[270, 331, 230, 281]).render()
    # The plane refers to the center of the window: compare without it.
    sky = problem_of(components[1:], (700, 650)).render()
    window_sky = problem_of(components[1:], (700, 650), window=[270, 331, 230, 281]).render()
    np.testing.assert_allclose(small - window_sky, (large - sky)[230:281, 270:331], rtol=1e-9, atol=1e-9)


def test_residuals_and_chi2_follow_their_definitions(rng: np.random.Generator) -> None:
    data, sigma = rng.normal(5, 1, (31, 33)), rng.uniform(1, 2, (31, 33))
    mask = np.zeros((31, 33), dtype=bool)
    mask[3, 7] = True
    sky = {"name": "sky", "model": "flat sky", "parameters": {"intensity": 4.0}}
    problem = problem_of([sky], data=data, sigma=sigma, mask=mask)
    residual = problem.residual_image()
    assert residual[3, 7] == 0
    assert residual[7, 3] == pytest.approx(data[7, 3] - 4)
    expected = (((data - 4) / sigma) ** 2)[~mask].sum()
    assert problem.chi2() == pytest.approx(expected)
    assert problem.dof == 31 * 33 - 1 - 1
    assert engine.fit(problem, "lm").dof == problem.dof
