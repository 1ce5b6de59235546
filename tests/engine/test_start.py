"""Starting values from the data."""

import numpy as np
import pytest

import engine
from engine import Status
from engine.models.start import measure
from tests.engine.scenes import GALAXY, SKY, description, with_parameters


@pytest.mark.parametrize("angle", [0.0, 35.0, 90.0, 150.0])
def test_moments_know_the_shape(angle):
    truth = [with_parameters(GALAXY, position_angle=angle, axis_ratio=0.5, intensity_e=100.0), SKY]
    image = engine.load(description([GALAXY, SKY], truth=truth)).image
    shape = measure(image, 23, 18)
    assert shape.detected
    assert abs((shape.position_angle - angle + 90) % 180 - 90) < 5
    assert shape.axis_ratio == pytest.approx(0.5, abs=0.15)
    assert shape.radius_e == pytest.approx(5, rel=0.3)
    assert (shape.x, shape.y) == (pytest.approx(23.4, abs=0.3), pytest.approx(17.8, abs=0.3))


@pytest.mark.parametrize("psf", [False, True])
@pytest.mark.parametrize("n", [0.7, 1.0, 2.5, 4.0])
def test_a_click_is_enough(n, psf):
    truth = [with_parameters(GALAXY, n=n, intensity_e=60.0), SKY]
    bare = [
        {"name": "galaxy", "model": "sersic", "parameters": {"center": [23, 18]}},
        {"name": "sky", "model": "flat sky"},
    ]
    result = engine.fit(engine.load(description(bare, truth=truth, psf=psf)), "lm")
    assert result.status is Status.CONVERGED, result.message
    at = result.names.index("galaxy.n")
    assert abs(result.values[at] - n) < 4.5 * result.uncertainties[at]


def test_without_a_center_the_brightest_objects_are_taken():
    bright = {**with_parameters(GALAXY, center=[35.0, 28.0], intensity_e=90.0), "name": "bright"}
    bare = [
        {"name": "first", "model": "sersic"},
        {"name": "second", "model": "sersic"},
        {"model": "flat sky"},
    ]
    fitted = engine.load(description(bare, truth=[GALAXY, bright, SKY]))
    values = fitted.all_values(fitted.values)
    assert (values["first.center.x"], values["first.center.y"]) == (
        pytest.approx(35, abs=1),
        pytest.approx(28, abs=1),
    )
    assert (values["second.center.x"], values["second.center.y"]) == (
        pytest.approx(23.4, abs=1),
        pytest.approx(17.8, abs=1),
    )


def test_given_values_are_kept():
    bare = [with_parameters(GALAXY, radius_e=None, intensity_e=None, n=3.3), {"model": "flat sky"}]
    fitted = engine.load(description(bare))
    values = fitted.all_values(fitted.values)
    assert values["galaxy.n"] == 3.3
    assert values["galaxy.axis_ratio"] == 0.6


def test_detection_lists_objects_brightest_first():
    bright = {**with_parameters(GALAXY, center=[35.0, 28.0], intensity_e=90.0), "name": "bright"}
    sources = engine.detect(engine.load(description([GALAXY, SKY], truth=[GALAXY, bright, SKY])).image)
    assert len(sources) == 2
    assert (sources[0].x, sources[0].y) == (pytest.approx(35, abs=0.7), pytest.approx(28, abs=0.7))
    assert sources[0].flux > sources[1].flux


def test_an_empty_image_has_no_objects_and_finite_starts():
    image = engine.read_image(np.random.default_rng(3).normal(size=(30, 30)), sigma=1.0)
    assert engine.detect(image) == []
    start = engine.start_values(image, "sersic", 15, 15)
    assert np.isfinite([v for v in start.values() if isinstance(v, float)]).all()
    with pytest.raises(engine.ModelError, match="has no center"):
        engine.start_values(image, "flat sky", 15, 15)


def test_starts_in_tiles_are_those_of_the_whole_image(monkeypatch):
    unknown = [with_parameters(GALAXY, intensity_e=None), {"name": "sky", "model": "flat sky"}]
    known = {**with_parameters(GALAXY, center=[40, 30], intensity_e=10), "name": "other"}
    scene = description([*unknown, known], truth=[GALAXY, SKY, known], psf=True)
    whole = engine.load(scene).values
    monkeypatch.setattr("engine.tiles._WHOLE", 100)
    monkeypatch.setattr("engine.tiles._TILE", 16)
    np.testing.assert_allclose(engine.load(scene).values, whole, rtol=1e-3)
    truth = engine.load(description([GALAXY, SKY, known])).values
    np.testing.assert_allclose(whole, truth, rtol=0.02)
