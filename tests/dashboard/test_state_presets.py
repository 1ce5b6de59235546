"""Presets put down whole scenes that the engine takes, with their links, and that real galaxies converge from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from scipy.ndimage import gaussian_filter

import engine
from dashboard.state.presets import PRESETS, added


@pytest.fixture
def entry(tmp_path: Path, rng: np.random.Generator) -> dict[str, Any]:
    y, x = np.mgrid[:50, :60]
    galaxy = gaussian_filter(200 * np.exp(-np.hypot(x - 33, y - 21) / 5), 1.0)
    data = 10 + galaxy + rng.normal(size=(50, 60))
    fits.PrimaryHDU(data).writeto(tmp_path / "galaxy.fits")
    psf = np.exp(-((np.mgrid[:9, :9] - 4) ** 2).sum(0) / 2)
    fits.PrimaryHDU(psf).writeto(tmp_path / "psf.fits")
    return {"name": "r", "data": str(tmp_path / "galaxy.fits"), "psf": str(tmp_path / "psf.fits")}


def put(entry: dict[str, Any], key: str, components: list[dict[str, Any]]) -> dict[str, Any]:
    image = engine.read_image(entry["data"], psf=entry["psf"])
    description = {"residua": 1, "images": [entry], "components": components}
    return added(description, PRESETS[key], image, 33, 21)


@pytest.mark.parametrize(
    ("key", "names"),
    [
        ("preset one sersic", ["sky", "galaxy"]),
        ("preset bulge disk", ["sky", "disk", "bulge"]),
        ("preset nucleus", ["sky", "galaxy", "nucleus"]),
    ],
)
def test_a_preset_opens_with_its_sky(entry: dict[str, Any], key: str, names: list[str]) -> None:
    problem = engine.load(put(entry, key, []))
    assert [component.name for component in problem.components] == names
    assert engine.fit(problem, "lm").chi2_dof < 1.2


def test_a_second_preset_links_to_its_own_parts_and_brings_no_second_sky(entry: dict[str, Any]) -> None:
    first = put(entry, "preset bulge disk", [])
    second = put(entry, "preset bulge disk", first["components"])
    assert [one["name"] for one in second["components"]] == ["sky", "disk", "bulge", "disk 2", "bulge 2"]
    assert second["components"][-1]["parameters"]["center"] == {"link": "disk 2.center"}
    links = {p.key: p.link.text for p in engine.load(second).parameters if p.link is not None}
    assert links["bulge 2.center.x"] == "disk 2.center.x"


def test_a_real_galaxy_is_a_bulge_and_a_disk(shared_data: Path) -> None:
    folder = shared_data / "data" / "n3073"
    files = {"sigma": "sigma.fits", "mask": "mask.fits", "psf": "psf.fits"}
    entry = {"name": "r", "data": str(folder / "image.fits")} | {k: str(folder / v) for k, v in files.items()}
    image = engine.read_image(entry["data"], **{key: entry[key] for key in files})
    start = {"residua": 1, "images": [entry], "components": []}
    result = engine.fit(engine.load(added(start, PRESETS["preset bulge disk"], image, 100, 96)), "lm")
    assert result.status is engine.Status.CONVERGED
    # What another code reaches with a Sersic and an exponential: 1.1997.
    assert result.chi2_dof < 1.2
