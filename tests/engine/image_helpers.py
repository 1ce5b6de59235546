"""Small images and FITS files for tests of reading images."""

from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from engine.images import Image

# More columns than rows, and no symmetry, so that a transposed or flipped array shows.
SHAPE = (24, 36)
NOISE = 2.0


def galaxy(rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a noisy, lopsided galaxy of the shape above."""
    rows, columns = np.indices(SHAPE)
    light = 300 * np.exp(-np.hypot((columns - 20.3) / 4, (rows - 9.7) / 2.5))
    return rng.normal(10 + light, NOISE)


def write(path: Path, *hdus: Any) -> Path:
    fits.HDUList([hdus[0], *hdus[1:]]).writeto(path)
    return path


def primary(path: Path, values: NDArray[Any], **header: Any) -> Path:
    hdu = fits.PrimaryHDU(values)
    for key, value in header.items():
        hdu.header[key] = value
    return write(path, hdu)


def told(image: Image, *words: str) -> bool:
    return any(all(word in sentence for word in words) for sentence in image.notices)
