"""Noisy images of a known scene: for examples, tests and calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from engine.description import load
from engine.images import Image, read_image


def simulate(
    components: Sequence[Mapping[str, Any]],
    shape: tuple[int, int],
    *,
    seed: int,
    noise: float | str = 1.0,
    psf: np.ndarray | None = None,
    name: str = "simulated",
) -> tuple[Image, np.ndarray]:
    """Return a noisy image of a scene, and the scene without noise.

    Args:
        components: As in a fit description, with every parameter given.
        shape: (rows, columns).
        seed: Of ``numpy.random.default_rng``.
        noise: Standard deviation per pixel, or ``"half-poisson"`` for sqrt(model) / 2.
        psf: (row, column), or None.
        name: Of the image.

    Raises:
        EngineError: where the components cannot be rendered.
    """
    # The level of the placeholder is of no consequence: only its shape and its PSF are used.
    blank = np.zeros(shape)
    blank[0, 0] = 1.0
    entry: dict[str, Any] = {"data": blank, "sigma": np.ones(shape)}
    if psf is not None:
        entry["psf"] = psf
    truth = load({"residua": 1, "images": [entry], "components": list(components)}).render()
    sigma = np.sqrt(truth) / 2 if noise == "half-poisson" else np.full(shape, float(noise))
    data = truth + np.random.default_rng(seed).normal(scale=sigma)
    return read_image(data, name=name, variance=sigma**2, psf=psf), truth


def gaussian_psf(sigma: float, size: int) -> np.ndarray:
    """Return a (size, size) Gaussian PSF with sum 1, sigma in pixels, integrated over each pixel."""
    from scipy.special import erf

    edges = np.arange(size + 1) - size // 2 - 0.5
    profile = np.diff(erf(edges / (sigma * np.sqrt(2))))
    image = np.outer(profile, profile)
    return np.asarray(image / image.sum())
