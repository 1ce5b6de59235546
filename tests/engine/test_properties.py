"""Properties that hold for any input, tried on many (hypothesis)."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import engine
from engine.simulate import gaussian_psf
from tests.engine.scenes import GALAXY, SKY, problem, with_parameters

SHAPES = st.fixed_dictionaries(
    {
        "axis_ratio": st.floats(0.1, 1.0),
        "position_angle": st.floats(-360.0, 360.0),
        "radius_e": st.floats(0.5, 12.0),
        "n": st.floats(0.3, 8.0),
        "intensity_e": st.floats(0.0, 1e6),
    }
)
PHASE = st.floats(0.0, 1.0)
QUICK = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)


def render(shape: tuple[int, int], parameters: dict, psf: np.ndarray | None = None) -> np.ndarray:
    entry = {"data": np.arange(shape[0] * shape[1], dtype=float).reshape(shape), "sigma": 1.0}
    if psf is not None:
        entry["psf"] = psf
    component = {"name": "galaxy", "model": "sersic", "parameters": parameters}
    return engine.load({"residua": 1, "images": [entry], "components": [component]}).render()


@QUICK
@given(shape=SHAPES, x=PHASE, y=PHASE)
def test_no_finite_parameters_give_anything_but_finite_pixels(shape, x, y):
    image = render((21, 25), {"center": [12 + x, 10 + y], **shape})
    assert np.isfinite(image).all()
    # A pixel that is a difference of triangles may round to just below zero.
    assert (image >= -1e-12 * image.max()).all()


@QUICK
@given(shape=SHAPES, x=PHASE, y=PHASE)
def test_turning_by_a_quarter_turns_the_image(shape, x, y):
    dx, dy = x - 0.5, y - 0.5
    image = render((31, 31), {"center": [15 + dx, 15 + dy], **shape})
    # np.rot90 turns counter-clockwise on a screen with row 0 on top: clockwise with row 0 at the bottom.
    turned = {**shape, "position_angle": shape["position_angle"] - 90}
    other = render((31, 31), {"center": [15 + dy, 15 - dx], **turned})
    scale = image.max() or 1.0
    np.testing.assert_allclose(np.rot90(image) / scale, other / scale, atol=2e-5, rtol=2e-3)


@QUICK
@given(shape=SHAPES, x=PHASE, y=PHASE, dx=st.integers(-4, 4), dy=st.integers(-4, 4))
def test_moving_by_whole_pixels_moves_the_image(shape, x, y, dx, dy):
    image = render((41, 41), {"center": [20 + x, 20 + y], **shape})
    moved = render((41, 41), {"center": [20 + x + dx, 20 + y + dy], **shape})
    inner = image[10:31, 10:31]
    scale = image.max() or 1.0
    np.testing.assert_allclose(
        moved[10 + dy : 31 + dy, 10 + dx : 31 + dx] / scale, inner / scale, atol=2e-5, rtol=2e-3
    )


@QUICK
@given(x=PHASE, y=PHASE, sigma=st.floats(0.6, 2.5), size=st.sampled_from([9, 12, 15]))
def test_convolution_keeps_the_flux(x, y, sigma, size):
    parameters = {
        "center": [40 + x, 40 + y],
        **with_parameters(GALAXY, center=None, radius_e=3.0, n=1.0)["parameters"],
    }
    bare, blurred = render((81, 81), parameters), render((81, 81), parameters, gaussian_psf(sigma, size))
    assert blurred.sum() == pytest.approx(bare.sum(), rel=1e-5)
    assert blurred.max() < bare.max()


@QUICK
@given(shape=SHAPES)
def test_save_and_load_change_nothing(shape):
    fitted = problem([with_parameters(GALAXY, **shape), SKY])
    again = engine.load(fitted.describe())
    np.testing.assert_array_equal(again.values, fitted.space.wrap(fitted.values))
    assert again.names == fitted.names


@settings(QUICK, max_examples=8)
@given(shape=SHAPES)
def test_a_fit_never_changes_its_problem_nor_returns_nan(shape):
    fitted = problem(
        [with_parameters(GALAXY, **{**shape, "intensity_e": min(shape["intensity_e"], 1e3)}), SKY]
    )
    before = fitted.values
    result = engine.fit(fitted, "lm", max_steps=15)
    np.testing.assert_array_equal(fitted.values, before)
    assert np.isfinite(result.values).all()
    assert np.isfinite(result.chi2)
