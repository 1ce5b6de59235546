"""The files of a run: what is in them, where it lies on the sky, and that they survive odd input."""

import json
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS

import engine
from engine.outputs import plain, to_json

SHAPE = (40, 50)


def sky_header() -> fits.Header:
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [150.0, 2.2]
    wcs.wcs.crpix = [25.5, 20.5]
    wcs.wcs.cdelt = [-1e-4, 1e-4]
    return wcs.to_header()


def write_image(folder: Path) -> np.ndarray:
    """A disk off the center of an image that is not square, with a bad pixel and a unit."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    data = 80 * np.exp(-np.hypot(x - 30, y - 15) / 4) + 10 + np.random.default_rng(1).normal(size=SHAPE)
    data[3, 7] = np.nan
    header = sky_header()
    header["BUNIT"] = "electron/s"
    fits.PrimaryHDU(data, header).writeto(folder / "galaxy.fits")
    fits.PrimaryHDU(np.ones(SHAPE)).writeto(folder / "sigma.fits")
    return data


def description(**image: object) -> dict:
    return {
        "residua": 1,
        "images": [{"name": "r", "data": "galaxy.fits", "sigma": "sigma.fits", **image}],
        "components": [
            {"name": "sky", "model": "flat sky", "parameters": {"intensity": 10}},
            {
                "name": "große Scheibe",
                "model": "exponential",
                "parameters": {
                    "center": [30, 15],
                    "axis_ratio": {"value": 1, "fixed": True},
                    "position_angle": {"value": 0, "fixed": True},
                    "radius_e": 6,
                    "intensity_e": 15,
                },
            },
        ],
    }


@pytest.fixture
def run(tmp_path: Path) -> tuple[Path, np.ndarray]:
    data = write_image(tmp_path)
    problem = engine.load(description(), base=tmp_path)
    result = engine.fit(problem)
    assert result.converged, result.message
    return engine.write_run(tmp_path / "run", problem, result), data


def test_the_images_add_up(run):
    folder, data = run
    with fits.open(folder / "images.fits") as hdus:
        names = [hdu.header.get("EXTNAME") for hdu in hdus]
        assert names == [None, "DATA", "MODEL", "RESIDUAL", "PULL", "MODEL:sky", "MODEL:gro?e Scheibe"]
        planes = [hdu.data for hdu in hdus[1:]]
        assert all(plane.shape == SHAPE for plane in planes)
        np.testing.assert_allclose(planes[4] + planes[5], planes[1])
        np.testing.assert_allclose(planes[0] - planes[1], planes[2])
        np.testing.assert_array_equal(planes[0], data)
        assert np.isnan(planes[3][3, 7])
        assert np.isfinite(planes[3]).sum() == data.size - 1
        assert hdus[1].header["BUNIT"] == "electron/s"
        assert "BUNIT" not in hdus[4].header


def test_the_sky_stays_where_it_was(run):
    folder, _ = run
    before = WCS(sky_header())
    with fits.open(folder / "images.fits") as hdus:
        for hdu in hdus[1:]:
            np.testing.assert_allclose(
                WCS(hdu.header).pixel_to_world_values(7, 31), before.pixel_to_world_values(7, 31)
            )


def test_a_window_keeps_its_place(tmp_path):
    write_image(tmp_path)
    problem = engine.load(description(window=[15, 45, 2, 32]), base=tmp_path)
    result = engine.fit(problem)
    folder = engine.write_run(tmp_path / "run", problem, result)
    assert result.all_values["große Scheibe.center.x"] == pytest.approx(30, abs=0.2)
    with fits.open(folder / "images.fits") as hdus:
        header = hdus["MODEL"].header
        assert hdus["MODEL"].data.shape == (30, 30)
        assert (header["LTV1"], header["LTV2"]) == (-15, -2)
        row, column = np.unravel_index(np.argmax(hdus["MODEL"].data), (30, 30))
        assert (column - header["LTV1"], row - header["LTV2"]) == (30, 15)
        sky = WCS(header).pixel_to_world_values(column, row)
        np.testing.assert_allclose(sky, WCS(sky_header()).pixel_to_world_values(30, 15))


def test_the_result_says_where_it_comes_from(run):
    folder, _ = run
    record = json.loads((folder / "result.json").read_text())
    promised = (
        "status message converged chi2 dof chi2_dof names values uncertainties at_bounds seconds evaluations fitter "
        "options description versions seed hashes"
    )
    assert set(record) >= set(promised.split())
    assert record["status"] == "converged"
    assert len(record["hashes"]["data"]) == 64
    assert record["versions"]["torch"]
    assert record["description"]["components"][1]["name"] == "große Scheibe"


def test_every_parameter_has_its_row(run):
    folder, _ = run
    table = Table.read(folder / "parameters.ecsv")
    expected = "key component name value uncertainty unit fixed lower upper at_bound link"
    assert table.colnames == expected.split()
    row = table[table["key"] == "große Scheibe.axis_ratio"][0]
    assert row["fixed"]
    assert row["value"] == 1
    assert np.isnan(row["uncertainty"])
    assert table.meta["status"] == "converged"


def test_arrays_are_kept_with_the_run(tmp_path):
    data = write_image(tmp_path)
    content = description(data=data, sigma=np.ones(SHAPE), mask=np.zeros(SHAPE, dtype=bool))
    problem = engine.load(content)
    result = engine.fit(problem)
    folder = engine.write_run(tmp_path / "run", problem, result)
    again = engine.fit(engine.load(folder / "fit.yaml"))
    assert again.chi2 == pytest.approx(result.chi2)
    assert (folder / "fit.yaml").stat().st_size < 2000


def test_inputs_can_be_given_other_names(tmp_path):
    write_image(tmp_path)
    problem = engine.load(description(data=f"{tmp_path}/galaxy.fits[0]"), base=tmp_path)
    names = {str(tmp_path / "galaxy.fits"): "m51.fits"}
    folder = engine.write_run(tmp_path / "run", problem, engine.fit(problem), source_names=names)
    assert "data: 'm51.fits[0]'" in (folder / "fit.yaml").read_text()


def test_a_run_is_replaced_as_a_whole(run):
    folder, _ = run
    problem = engine.load(folder / "fit.yaml")
    engine.write_run(folder, problem, engine.fit(problem, max_steps=1))
    assert json.loads((folder / "result.json").read_text())["options"]["max_steps"] == 1
    assert sorted(path.name for path in folder.iterdir()) == [
        "fit.yaml",
        "images.fits",
        "parameters.ecsv",
        "result.json",
    ]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float64("nan"), None),
        (float("inf"), None),
        (np.array([[1.0, np.nan]]), [[1.0, None]]),
        (np.int32(3), 3),
        (np.bool_(True), True),
        (Path("a/b"), "a/b"),
        ({1: (2, {"x": None})}, {"1": [2, {"x": None}]}),
        (engine.Status.STALLED, engine.Status.STALLED.value),
    ],
)
def test_json_is_strict(value, expected):
    assert plain(value) == expected
    assert json.loads(to_json(value)) == expected


def test_what_an_earlier_run_left_is_gone(tmp_path):
    write_image(tmp_path)
    problem = engine.load(description(), tmp_path)
    (tmp_path / "run").mkdir()
    for name in ("draws.nc", "result.json"):
        (tmp_path / "run" / name).write_text("of an earlier run")
    engine.write_run(tmp_path / "run", problem, engine.fit(problem, "lm"))
    assert not (tmp_path / "run" / "draws.nc").exists()
    assert json.loads((tmp_path / "run" / "result.json").read_text())["fitter"] == "lm"
