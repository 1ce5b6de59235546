"""Noise, masks and PSFs that belong to an image made here."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.errors import ImageError
from engine.images import measured_noise, read_image
from tests.engine.image_helpers import NOISE, SHAPE, galaxy, primary, told


@pytest.fixture
def data(rng: np.random.Generator) -> NDArray[np.float64]:
    return galaxy(rng)


# --- noise


def test_sigma_variance_and_weight_agree(data: NDArray[np.float64], rng: np.random.Generator) -> None:
    sigma = rng.uniform(1, 3, SHAPE)
    images = [
        read_image(data, sigma=sigma),
        read_image(data, variance=sigma**2),
        read_image(data, weight=sigma**-2),
    ]
    for image in images:
        np.testing.assert_allclose(image.weight, sigma**-2)
        assert image.notices == ()
        assert not image.noise_estimated
    np.testing.assert_allclose(read_image(data, sigma=2).weight, 0.25)


@pytest.mark.parametrize("role", ["sigma", "variance", "weight"])
def test_unusable_noise_is_excluded_and_counted(data: NDArray[np.float64], role: str) -> None:
    values = np.full(SHAPE, 1.5)
    values[0, :4] = [0, -1, np.nan, np.inf]
    image = read_image(data, **{role: values})
    assert image.mask.sum() == 4
    assert told(image, "4 pixels", "ignored")
    with pytest.raises(ImageError, match=f"positive and finite: a {role} of zero"):
        read_image(data, **{role: values - 2})
    with pytest.raises(ImageError, match=r"does not match: it has 36 rows x 24 columns.*transposed"):
        read_image(data, **{role: values.T})
    with pytest.raises(ImageError, match="does not match"):
        read_image(data, **{role: values[:1]})
    with pytest.raises(ImageError, match=f"{role} is -1, but must be positive"):
        read_image(data, **{role: -1.0})


def test_gain_and_read_noise(data: NDArray[np.float64]) -> None:
    image = read_image(data, gain=4.0, read_noise=6.0)
    np.testing.assert_allclose(1 / image.weight, np.maximum(data, 0) / 4 + (6 / 4) ** 2)
    data[2, 3] = -5
    without = read_image(data, gain=4.0)
    assert without.mask[2, 3]
    assert told(without, "biases a fit")
    for arguments, match in (
        ({"gain": 0.0}, "gain is 0, but must be positive"),
        ({"gain": "2"}, "gain is '2', but must be a number"),
        ({"gain": 1.0, "read_noise": -1.0}, "read_noise is -1"),
        ({"read_noise": 3.0}, "together with gain"),
        ({"gain": 1.0, "sigma": 2.0}, r"given 2 times \(sigma, gain\)"),
    ):
        with pytest.raises(ImageError, match=match):
            read_image(data, **arguments)


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e15])
def test_noise_is_measured_beside_a_bright_galaxy(rng: np.random.Generator, scale: float) -> None:
    rows, columns = np.indices((150, 200))
    light = 5000 * np.exp(-np.hypot((columns - 90) / 30, (rows - 70) / 20)) + 3 * columns
    image = read_image(scale * rng.normal(light, NOISE))
    assert image.noise_estimated
    assert told(image, "No noise was given", "Uncertainties")
    # Statistics of 3e4 pixels give 0.6 %; the sharp center of the galaxy adds about 3 %.
    assert 1 / np.sqrt(image.weight[0, 0]) == pytest.approx(scale * NOISE, rel=0.06)


def test_measured_noise_ignores_bad_pixels_and_knows_few_counts(rng: np.random.Generator) -> None:
    values = rng.normal(0, 1, (100, 120))
    bad = np.zeros(values.shape, dtype=bool)
    bad[:, ::4] = True
    values[bad] = rng.normal(0, 1e6, bad.sum())
    assert measured_noise(values, bad) == pytest.approx(1, rel=0.06)
    counts = rng.poisson(0.05, (200, 200)).astype(float)
    assert measured_noise(counts, np.zeros(counts.shape, dtype=bool)) == pytest.approx(np.sqrt(0.05), rel=0.1)


@pytest.mark.parametrize(("factor", "word"), [(1000, "larger"), (1e-3, "smaller"), (30, None), (0.1, None)])
def test_noise_in_a_wrong_unit_is_doubted(data: NDArray[np.float64], factor: float, word: str | None) -> None:
    image = read_image(data, sigma=np.full(SHAPE, NOISE * factor))
    assert (word is not None and told(image, word, "scatter")) or image.notices == ()


# --- masks


def test_masks_ignore_what_is_not_zero(data: NDArray[np.float64]) -> None:
    mask = np.zeros(SHAPE)
    mask[1, 2], mask[3, 4] = -1, np.nan
    image = read_image(data, sigma=NOISE, mask=mask)
    assert np.argwhere(image.mask).tolist() == [[1, 2], [3, 4]]
    assert (image.weight == 0).sum() == 2
    assert image.n_used == data.size - 2
    assert told(image, "1 pixel", "NaN")
    inverted = read_image(data, sigma=NOISE, mask=(mask == 0), invert_mask=True)
    assert inverted.mask[1, 2]
    assert inverted.mask.sum() == 2
    assert read_image(data, sigma=NOISE, mask=np.zeros(SHAPE, dtype=bool)).notices == ()


def test_doubtful_masks(data: NDArray[np.float64]) -> None:
    flags = np.zeros(SHAPE, dtype=np.int32)
    flags[0, :3] = [1, 4, 5]
    assert told(read_image(data, mask=flags), "bit mask", "1, 4, 5")
    with pytest.raises(ImageError, match="ignores all 864 pixels"):
        read_image(data, mask=np.ones(SHAPE))
    with pytest.raises(ImageError, match="mask array does not match"):
        read_image(data, mask=flags.T)
    few = np.ones(SHAPE)
    few[5, 5:12] = 0
    with pytest.raises(ImageError, match=r"Too few pixels.*7 of 864"):
        read_image(data, mask=few)
    few[5, 12] = 0
    assert told(read_image(data, mask=few), "99.07 %", "invert")
    hiding = np.zeros(SHAPE)
    hiding[2:18, 10:32] = 1
    assert told(read_image(data, mask=hiding), "lies under the mask")


# --- PSFs


def gaussian(shape: tuple[int, int], x: float, y: float, width: float = 1.5) -> NDArray[np.float64]:
    rows, columns = np.indices(shape)
    return np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * width**2))


@pytest.mark.parametrize("scale", [1e-300, 1e-9, 1.0, 2534.0, 1e300])
def test_psfs_are_divided_by_their_sum(data: NDArray[np.float64], scale: float) -> None:
    psf = gaussian((11, 15), 7, 5)
    image = read_image(data, sigma=NOISE, psf=scale * psf)
    assert image.psf is not None
    np.testing.assert_allclose(image.psf, psf / psf.sum(), rtol=1e-9)
    assert image.notices == ()


def test_doubtful_psfs_are_told(data: NDArray[np.float64]) -> None:
    even = read_image(data, sigma=NOISE, psf=gaussian((12, 12), 6, 6))
    assert told(even, "even number", "x=6, y=6 (0-based)")
    assert told(read_image(data, psf=gaussian((13, 15), 8, 6)), "centers at x=8.00, y=6.00", "Re-center")
    assert told(read_image(data, psf=gaussian((15, 15), 7, 7) + 0.1), "pedestal")
    ringing = gaussian((15, 15), 7, 7)
    ringing[0, 3] = -0.1
    image = read_image(data, psf=ringing)
    assert told(image, "1 pixel", "negative", "kept")
    assert image.psf is not None
    assert image.psf.min() < 0
    delta = read_image(data, sigma=NOISE, psf=np.ones((1, 1)))
    np.testing.assert_array_equal(delta.psf, [[1.0]])
    assert delta.notices == ()


def test_large_psfs_are_cropped_around_their_origin(data: NDArray[np.float64]) -> None:
    image = read_image(data, psf=gaussian((51, 60), 30, 25, 4))
    assert image.psf is not None
    assert image.psf.shape == (23, 35)
    assert np.unravel_index(image.psf.argmax(), image.psf.shape) == (11, 17)
    assert image.psf.sum() == pytest.approx(1)
    assert told(image, "larger than the image", "cropped")
    fine = read_image(data, psf=gaussian((51, 61), 30, 25, 4), psf_oversampling=3).psf
    assert fine is not None
    assert fine.shape == (51, 61)


@pytest.mark.parametrize(
    ("psf", "match"),
    [
        (np.zeros((5, 5)), "All pixels.*zero"),
        (-np.ones((5, 5)), "zero or negative"),
        (np.full((5, 5), np.nan), "25 pixels.*NaN"),
        (np.array([[1.0, -1.0]]), "zero or negative"),
    ],
)
def test_useless_psfs_are_refused(data: NDArray[np.float64], psf: NDArray[np.float64], match: str) -> None:
    with pytest.raises(ImageError, match=match):
        read_image(data, psf=psf)


def test_oversampling_is_asked_for_where_the_header_declares_it(
    tmp_path: Path, data: NDArray[np.float64]
) -> None:
    path = primary(tmp_path / "psf.fits", gaussian((25, 25), 12, 12, 3), OVERSAMP=3)
    assert told(read_image(data, psf=path), "psf_oversampling: 3")
    declared = read_image(data, sigma=NOISE, psf=path, psf_oversampling=3)
    assert declared.notices == ()
    assert declared.psf_oversampling == 3
    for wrong in (0, 51, 1.5, True):
        with pytest.raises(ImageError, match="psf_oversampling is"):
            read_image(data, psf=path, psf_oversampling=wrong)
