"""The files that a description names, gathered so that they can lie beside a notebook."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

FOLDER = "data"
_ROLES = ("data", "sigma", "variance", "weight", "mask", "psf")


def gathered(
    description: Mapping[str, Any], names: Mapping[str, str], scratch: Path
) -> tuple[dict[str, Any], dict[str, Path]]:
    """Return the description with names under data/, and which file each name stands for.

    Args:
        description: With absolute paths, an ``[extension]`` behind them, or arrays.
        names: What people call the files, by path; a name of anybody's choice is made harmless here.
        scratch: A folder for FITS files of arrays.
    """
    inputs: dict[str, Path] = {}
    images = []
    for entry in description.get("images", ()):
        changed = dict(entry)
        for key in _ROLES:
            value = entry.get(key)
            if isinstance(value, str):
                path, bracket, extension = value.partition("[")
                name = _place(inputs, Path(path), names.get(path, Path(path).name))
                changed[key] = f"{name}{bracket}{extension}"
            elif isinstance(value, np.ndarray):
                path = str(scratch / f"{key}.fits")
                pixels = value.astype(np.uint8) if value.dtype == bool else value
                fits.PrimaryHDU(np.asarray(pixels)).writeto(path, overwrite=True)
                changed[key] = _place(inputs, Path(path), f"{key}.fits")
        images.append(changed)
    return {**description, "images": images}, inputs


def _place(inputs: dict[str, Path], path: Path, wanted: str) -> str:
    """A name under data/ that no other file has."""
    clean = re.sub(r"[^A-Za-z0-9._-]+", "_", wanted).lstrip("._") or "file.fits"
    name, number = f"{FOLDER}/{clean}", 2
    while name in inputs and inputs[name] != path:
        name, number = f"{FOLDER}/{number}-{clean}", number + 1
    inputs[name] = path
    return name
