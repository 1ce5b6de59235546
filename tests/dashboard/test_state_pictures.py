"""Pictures for the viewer, from a small problem."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import engine
from dashboard.state.pictures import brightest_columns, image_pictures, model_pictures
from engine.examples import write_example


@pytest.fixture(scope="module")
def seed(tmp_path_factory: pytest.TempPathFactory) -> engine.Problem:
    return engine.load(write_example("seed", Path(tmp_path_factory.mktemp("seed"))))


def test_the_brightest_component_is_named_by_its_number(seed: engine.Problem) -> None:
    numbers = brightest_columns(seed)["image"][0]
    parts = np.array(list(seed.render_components().values()))
    assert numbers.dtype == np.uint8
    assert np.array_equal(numbers, parts.argmax(axis=0))
    assert [seed.components[numbers[y, x]].name for x, y in ((66, 66), (2, 97))] == ["sersic 0", "sky"]


def test_sigma_is_missing_where_a_pixel_is_ignored(seed: engine.Problem) -> None:
    weight = seed.image.weight.copy()
    weight[10, 20] = 0
    sigma = image_pictures(seed.with_pixels(weight=weight).image).sigma["image"][0]
    assert np.isnan(sigma[10, 20])
    assert sigma[11, 20] == pytest.approx(seed.image.weight[11, 20] ** -0.5, rel=1e-6)


def test_the_model_is_told_how_well_it_fits(seed: engine.Problem) -> None:
    drawn = model_pictures(seed)
    assert drawn.chi2_dof == pytest.approx(seed.chi2() / seed.dof)
    assert drawn.model["image"][0] == pytest.approx(seed.render(), rel=1e-6)


def test_a_psf_is_drawn_in_pixels_of_the_image() -> None:
    rng = np.random.default_rng(1)
    data, psf = rng.normal(size=(40, 50)), np.outer(*2 * [np.exp(-0.5 * np.linspace(-2, 2, 9) ** 2)])
    image = engine.read_image(data, sigma=1.0, psf=psf, psf_oversampling=3)
    pictures = image_pictures(image)
    assert pictures.psf is not None
    assert (pictures.psf["x"][0], pictures.psf["dw"][0]) == (pytest.approx(-1.5), pytest.approx(3))
    assert "PSF, 9 by 9" in pictures.words["psf"]
