"""Is a residual noise? Against noise that is, and noise that is not, in known ways."""

import numpy as np
import pytest

from engine.residuals import radial_profile, whiteness

SHAPE = (80, 90)


def pulls(rng: np.random.Generator) -> np.ndarray:
    return rng.normal(size=SHAPE)


def test_noise_is_called_noise(rng: np.random.Generator) -> None:
    found = whiteness(3 * pulls(rng) + 5, np.full(SHAPE, 5.0), np.full(SHAPE, 1 / 9))
    assert found.message.startswith("The pulls look like noise")
    assert (found.mean, found.sd) == pytest.approx((0, 1), abs=0.05)
    assert found.autocorrelation.shape == (25, 25)
    assert found.autocorrelation[12, 12] == pytest.approx(1)
    assert abs(found.neighbors) < 4 * found.neighbors_error
    assert found.neighbors_error == pytest.approx(1 / np.sqrt(2 * SHAPE[0] * SHAPE[1]), rel=0.05)


def test_each_fault_has_its_words(rng: np.random.Generator) -> None:
    noise, weight, model = pulls(rng), np.ones(SHAPE), np.zeros(SHAPE)
    assert "the sky is off" in whiteness(noise + 0.2, model, weight).message
    assert "sigma is too small" in whiteness(1.3 * noise, model, weight).message
    assert "sigma is too large" in whiteness(0.7 * noise, model, weight).message
    spikes = noise.copy()
    spikes[::20, ::20] += 12
    assert "outliers" in whiteness(spikes, model, weight).message
    blurred = (noise + np.roll(noise, 1, axis=1)) / np.sqrt(2)
    found = whiteness(blurred, model, weight)
    assert "neighboring pixels are alike" in found.message
    assert found.autocorrelation[12, 13] == pytest.approx(0.5, abs=0.05)
    assert found.autocorrelation[13, 12] == pytest.approx(0.0, abs=0.05)


def test_ignored_pixels_do_not_count(rng: np.random.Generator) -> None:
    data, weight = pulls(rng), np.ones(SHAPE)
    weight[10:30, 20:60] = 0
    data[10:30, 20:60] = 1e6
    found = whiteness(data, np.zeros(SHAPE), weight)
    assert found.message.startswith("The pulls look like noise")
    assert np.isnan(found.pull[15, 30])
    with pytest.raises(ValueError, match="fewer than 3 cannot be judged"):
        whiteness(data, data, np.zeros(SHAPE))


def test_a_profile_follows_an_ellipse_whose_angle_is_known() -> None:
    rows, columns = np.indices((81, 101), dtype=float)
    x, y = columns - 60, rows - 35
    # The major axis points 30 degrees from +y towards -x.
    along = -x * np.sin(np.deg2rad(30)) + y * np.cos(np.deg2rad(30))
    across = x * np.cos(np.deg2rad(30)) + y * np.sin(np.deg2rad(30))
    radius = np.hypot(along, across / 0.5)
    image = np.exp(-radius / 8)
    found = radial_profile(image, np.full(image.shape, 4.0), (60, 35), 0.5, 30)
    middle = (found.radius > 4) & (found.radius < 30)
    np.testing.assert_allclose(found.mean[middle], np.exp(-found.radius[middle] / 8), rtol=0.02)
    np.testing.assert_allclose(found.error, 0.5 / np.sqrt(found.pixels))
    assert found.pixels.sum() == image.size
    wrong = radial_profile(image, np.full(image.shape, 4.0), (60, 35), 0.5, -30)
    assert np.abs(wrong.mean / np.exp(-wrong.radius / 8) - 1)[5:20].max() > 0.1
