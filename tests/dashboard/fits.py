"""Small images and descriptions for the tests of the dashboard."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from astropy.io import fits

from dashboard.store import Project, Store, file_reference, with_file


def fits_bytes(data: np.ndarray, **header: Any) -> bytes:
    stream = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(data.astype("f4"), fits.Header(header))]).writeto(stream)
    return stream.getvalue()


def galaxy(size: int = 48, seed: int = 3, axis_ratio: float = 1.0) -> np.ndarray:
    """An exponential disk, round or upright, in the middle of noise of sigma 1."""
    y, x = np.mgrid[:size, :size] - size / 2
    noise = np.random.default_rng(seed).normal(size=(size, size))
    return 100 * np.exp(-np.hypot(x / axis_ratio, y) / 4) + 10 + noise


def components(size: int, count: int = 1) -> list[dict[str, Any]]:
    """A sky and `count` Sersics, with every parameter given."""
    found: list[dict[str, Any]] = [{"name": "sky", "model": "flat sky", "parameters": {"intensity": 9.0}}]
    for number in range(count):
        shift = 3 * number
        found.append(
            {
                "name": f"disk{number}",
                "model": "sersic",
                "parameters": {
                    "center": [size / 2 + shift, size / 2],
                    "axis_ratio": 0.8,
                    "position_angle": 30.0,
                    "n": 1.2,
                    "radius_e": 6.0 + number,
                    "intensity_e": 15.0,
                },
            }
        )
    return found


def project_with(
    store: Store, data: np.ndarray, parts: list[dict[str, Any]], name: str = "galaxy.fits"
) -> Project:
    """A project with this image, noise of sigma 1 and these components."""
    project = store.create_project("test")
    image = store.add_file(project.id, "image", name, fits_bytes(data))
    sigma = store.add_file(project.id, "sigma", "sigma.fits", fits_bytes(np.ones_like(data)))
    description = with_file(None, "image", file_reference(image))
    description = with_file(description, "sigma", file_reference(sigma))
    return store.update_project(project.id, description={**description, "components": parts})


def small_project(store: Store) -> Project:
    """One galaxy; fitted in a fraction of a second."""
    return project_with(store, galaxy(), components(48))


def slow_project(store: Store) -> Project:
    """Six overlapping components on a large image; each step takes a good part of a second."""
    return project_with(store, galaxy(350), components(350, 6))
