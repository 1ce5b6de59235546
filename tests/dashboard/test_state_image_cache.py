"""Images are read once: the same file with the same settings is the same image, anything else is read anew."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy.io import fits

from dashboard.state.image_cache import ImageCache, size_of


def test_an_image_is_read_once_for_each_setting(tmp_path: Path, rng: np.random.Generator) -> None:
    path = tmp_path / "image.fits"
    fits.PrimaryHDU(rng.normal(size=(20, 30))).writeto(path)
    cache = ImageCache()
    first = cache.read(str(path), sigma=2.0)
    assert cache.read(str(path), sigma=2.0) is first
    other = cache.read(str(path), sigma=1.0)
    assert other is not first
    assert other.weight[0, 0] == 4 * first.weight[0, 0]


def test_the_images_used_last_are_kept(tmp_path: Path, rng: np.random.Generator) -> None:
    path = tmp_path / "image.fits"
    fits.PrimaryHDU(rng.normal(size=(20, 30))).writeto(path)
    first = ImageCache().read(str(path), sigma=1.0)
    cache = ImageCache(budget=2 * size_of(first))
    kept = [cache.read(str(path), sigma=sigma) for sigma in (1.0, 2.0)]
    assert cache.read(str(path), sigma=1.0) is kept[0]
    cache.read(str(path), sigma=3.0)
    assert cache.read(str(path), sigma=1.0) is kept[0]
    assert cache.read(str(path), sigma=2.0) is not kept[1], "the one used longest ago had to go"
