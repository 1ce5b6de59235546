"""Bounded parameters on the whole line: derivatives, round trips, and what happens at the bounds."""

import numpy as np
import pytest

from engine.parameters.transform import Transform
from tests.engine.scenes import problem

LOWER = np.array([0.01, 0.0, -np.inf, -np.inf])
UPPER = np.array([1.0, np.inf, 3.0, np.inf])
PLACES = [np.array([0.3, -0.7, 1.1, 5.0]), np.array([-4.0, 3.0, -2.0, -200.0]), np.zeros(4)]


@pytest.mark.parametrize("z", PLACES)
def test_slopes_are_the_derivatives_of_the_map(z):
    transform, step = Transform(LOWER, UPPER), 1e-5
    slopes = transform.slopes(z)
    assert slopes.log_jacobian == pytest.approx(np.log(slopes.first).sum(), abs=1e-12)
    for i in range(4):
        there, back = z.copy(), z.copy()
        there[i] += step
        back[i] -= step
        up, down, here = transform.physical(there), transform.physical(back), transform.physical(z)
        assert slopes.first[i] == pytest.approx((up - down)[i] / (2 * step), rel=1e-6)
        assert slopes.second[i] == pytest.approx((up + down - 2 * here)[i] / step**2, rel=1e-4, abs=1e-4)
        ahead, behind = transform.slopes(there), transform.slopes(back)
        by_hand = (ahead.log_jacobian - behind.log_jacobian) / (2 * step)
        assert slopes.log_jacobian_gradient[i] == pytest.approx(by_hand, abs=1e-7)
        bend = -(ahead.log_jacobian_gradient - behind.log_jacobian_gradient)[i] / (2 * step)
        assert slopes.log_jacobian_curvature[i] == pytest.approx(bend, abs=1e-7)


@pytest.mark.parametrize("z", PLACES)
def test_there_and_back_again(z):
    transform = Transform(LOWER, UPPER)
    np.testing.assert_allclose(transform.unconstrained(transform.physical(z)), z, rtol=1e-9, atol=1e-9)


def test_many_points_at_once():
    transform = Transform(LOWER, UPPER)
    z = np.stack(PLACES)[None]
    np.testing.assert_array_equal(transform.physical(z)[0, 1], transform.physical(PLACES[1]))


def test_no_z_leaves_the_bounds_and_a_bound_has_a_finite_z():
    transform = Transform(LOWER, UPPER)
    for far in (-1e4, 1e4):
        x = transform.physical(np.array([far, far, far, 0.0]))
        assert np.all(x >= LOWER)
        assert np.all(x <= UPPER)
    at_bounds = np.array([1.0, 0.0, 3.0, 0.0])
    assert np.isfinite(transform.unconstrained(at_bounds)).all()


def test_the_larger_z_the_larger_x():
    transform = Transform(LOWER, UPPER)
    assert np.all(transform.physical(np.ones(4)) > transform.physical(-np.ones(4)))


def test_angles_are_left_alone():
    fitted = problem()
    transform = Transform.of(fitted.space)
    z = transform.unconstrained(fitted.values)
    angle = fitted.names.index("galaxy.position_angle")
    assert z[angle] == fitted.values[angle]
    np.testing.assert_allclose(transform.physical(z), fitted.values, rtol=1e-12)
