"""Uploads are looked into by processes that get so much memory and time and no more."""

from __future__ import annotations

import asyncio
import bz2
import os
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from dashboard.api.inspection import Allowance, Inspector
from engine import ImageError
from tests.dashboard.fits import fits_bytes, galaxy

MB = 1_000_000
PLENTY = Allowance(seconds=60, memory_bytes=2000 * MB, unpacked_bytes=500 * MB)


def look(allowance: Allowance, path: Path, name: str = "galaxy.fits", role: str = "") -> dict[str, object]:
    async def looked() -> dict[str, object]:
        return await Inspector(allowance).look(path, name, role)

    return asyncio.run(looked())


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "in-1"
    path.write_bytes(fits_bytes(galaxy(), OBJECT="M 51"))
    return path


def test_what_a_file_holds_comes_back(small):
    found = look(PLENTY, small)
    assert found["role"] == "image"
    assert found["default_index"] == 0
    assert found["header"] == {"OBJECT": "M 51"}
    assert [one["shape"] for one in found["extensions"]] == [[48, 48]]


def test_a_role_comes_from_the_header_or_else_from_the_name(small, tmp_path):
    assert look(PLENTY, small, "ngc1_psf.fits")["role"] == "psf"
    assert look(PLENTY, small, "ngc1_psf.fits", "image")["role"] == "image"
    path = tmp_path / "in-2"
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(galaxy(), name="ERR")]).writeto(path)
    assert look(PLENTY, path, "ngc1_psf.fits")["role"] == "sigma"


def test_memory_is_limited(small, tmp_path):
    path = tmp_path / "large"
    path.write_bytes(fits_bytes(np.ones((4000, 4000))))
    little = Allowance(seconds=60, memory_bytes=100 * MB, unpacked_bytes=500 * MB)
    with pytest.raises(ImageError, match=r"Reading galaxy\.fits takes more than the 100 MB of memory"):
        look(little, path)
    assert look(little, small)["role"] == "image"


def test_time_is_limited(small, tmp_path):
    path = tmp_path / "slow"
    path.write_bytes(150 * bz2.compress(os.urandom(MB)))  # many streams, one after the other
    hasty = Allowance(seconds=1, memory_bytes=2000 * MB, unpacked_bytes=500 * MB)
    with pytest.raises(ImageError, match=r"galaxy\.fits took longer than 1 s to read"):
        look(hasty, path)
    assert look(PLENTY, small)["role"] == "image"


def test_a_file_with_several_images_is_kept_when_the_first_is_unusable(tmp_path):
    path = tmp_path / "in-3"
    fits.HDUList([fits.PrimaryHDU(np.ones((2, 2))), fits.ImageHDU(np.ones((2, 2)))]).writeto(path)
    assert any("galaxy.fits is too small" in notice for notice in look(PLENTY, path)["notices"])
