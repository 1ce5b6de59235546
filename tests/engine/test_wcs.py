"""Sky coordinates against the truths of the shared files, and against images made here."""

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from engine.errors import ImageError
from engine.images import (
    Image,
    angle_east_of_north,
    inspect_fits,
    north_angle,
    pixel_scale,
    read_image,
    sky_position,
)
from engine.images.wcs import local_matrix

# Asymmetric on purpose: a mix-up of rows and columns, or of the sign of an angle, shows.
SHAPE = (30, 40)
CENTER = (150.1, 2.2)
SCALE = 0.25


def header_of(rotation: float = 0.0, *, east_is_left: bool = True, **more: Any) -> fits.Header:
    """A tangential WCS whose North is turned by `rotation` degrees counter-clockwise from +y."""
    angle, step = np.radians(rotation), SCALE / 3600
    sign = -1 if east_is_left else 1
    header = fits.Header()
    header["CTYPE1"], header["CTYPE2"] = "RA---TAN", "DEC--TAN"
    header["CRVAL1"], header["CRVAL2"] = CENTER
    header["CRPIX1"], header["CRPIX2"] = 12.0, 8.0
    # North lies along (-sin, cos); East is 90 degrees further on, to the left or to the right.
    header["CD1_1"], header["CD1_2"] = sign * step * np.cos(angle), sign * step * np.sin(angle)
    header["CD2_1"], header["CD2_2"] = -step * np.sin(angle), step * np.cos(angle)
    for key, value in more.items():
        header[key] = value
    return header


def write(path: Path, header: fits.Header, shape: tuple[int, ...] = SHAPE) -> Path:
    rng = np.random.default_rng(7)
    fits.PrimaryHDU(rng.normal(10, 1, shape), header).writeto(path)
    return path


@pytest.fixture
def truths(shared_data: Path) -> list[dict[str, Any]]:
    items = json.loads((shared_data / "torture" / "manifest.json").read_text())["items"]
    return [item for item in items if "lonlat_of_pixel_x20_y10" in (item.get("truth") or {})]


def direction_on_sky(image: Image, x: float, y: float) -> float:
    matrix = local_matrix(image, x, y)
    assert matrix is not None
    return float(np.degrees(np.arctan2(*(matrix @ [0.0, 1.0]))) % 360)


def test_positions_scales_and_angles_of_the_shared_files(
    truths: list[dict[str, Any]], shared_data: Path
) -> None:
    assert len(truths) == 13
    for item in truths:
        truth = item["truth"]
        image = read_image(shared_data / "torture" / "files" / item["file"])
        position = sky_position(image, 20, 10)
        assert position is not None
        assert position[:2] == pytest.approx(truth["lonlat_of_pixel_x20_y10"], abs=1e-8), item["file"]
        assert position.frame.lower() == truth["frame"]
        assert ("RA" in position.text) == (truth["frame"] == "icrs")
        # The truths are differences towards the next pixel, ours are central: near a pole or with pixels of a
        # degree that shows.
        tolerance = 0.03 if item["file"] in ("wcs_near_pole_ra0.fits", "wcs_ctype_only.fits") else 1e-4
        scales = (truth["scale_x_arcsec"], truth["scale_y_arcsec"])
        assert pixel_scale(image, 20, 10) == pytest.approx(scales, rel=tolerance), item["file"]
        turned = direction_on_sky(image, 20, 10) - truth["sky_pa_of_plus_y_deg_east_of_north"]
        assert abs((turned + 180) % 360 - 180) < max(tolerance, 1e-3), item["file"]


@pytest.mark.parametrize("east_is_left", [True, False])
@pytest.mark.parametrize("rotation", [0.0, 25.0, -70.0, 160.0])
def test_north_and_east(tmp_path: Path, rotation: float, east_is_left: bool) -> None:
    image = read_image(write(tmp_path / "a.fits", header_of(rotation, east_is_left=east_is_left)))
    orientation = north_angle(image)
    assert orientation is not None
    assert orientation.north_angle == pytest.approx(rotation, abs=1e-3)
    assert orientation.east_is_left is east_is_left
    # Walking towards North raises the declination only.
    angle = np.radians(orientation.north_angle)
    start = sky_position(image, 11, 7)
    end = sky_position(image, 11 - 4 * np.sin(angle), 7 + 4 * np.cos(angle))
    assert start is not None
    assert end is not None
    assert (end.latitude - start.latitude) * 3600 == pytest.approx(4 * SCALE, rel=1e-4)
    assert end.longitude == pytest.approx(start.longitude, abs=1e-7)
    # Counter-clockwise in pixels is from North to East where East is to the left.
    on_sky = (40 - rotation) % 180 if east_is_left else (rotation - 40) % 180
    assert angle_east_of_north(image, 40) == pytest.approx(on_sky, abs=1e-3)


def test_the_reference_pixel_is_counted_from_zero(tmp_path: Path) -> None:
    position = sky_position(read_image(write(tmp_path / "a.fits", header_of())), 11, 7)
    assert position is not None
    assert position[:2] == pytest.approx(CENTER)
    assert position.text == "RA 10:00:24.00 Dec +02:12:00.0"
    assert position.frame == "ICRS"


def test_a_window_keeps_sky_positions(tmp_path: Path) -> None:
    path = write(tmp_path / "a.fits", header_of(25))
    whole, part = read_image(path), read_image(path, window=[5, 25, 3, 20])
    assert part.shape == (17, 20)
    assert part.origin == (5, 3)
    assert sky_position(part, 9.3, 8.1) == sky_position(whole, 9.3, 8.1)
    assert pixel_scale(part) == pytest.approx((SCALE, SCALE), rel=1e-6)
    np.testing.assert_array_equal(part.data, whole.data[3:20, 5:25])


@pytest.mark.parametrize(
    ("more", "frame"),
    [
        ({"RADESYS": "FK5", "EQUINOX": 2000.0}, "FK5"),
        ({"EQUINOX": 2000.0}, "FK5"),
        ({"EQUINOX": 1950.0}, "FK4"),
        ({"RADESYS": "ICRS"}, "ICRS"),
        ({"CTYPE1": "GLON-TAN", "CTYPE2": "GLAT-TAN"}, "Galactic"),
        ({"CTYPE1": "ELON-TAN", "CTYPE2": "ELAT-TAN"}, "Ecliptic"),
    ],
)
def test_frames_are_named(tmp_path: Path, more: dict[str, Any], frame: str) -> None:
    position = sky_position(read_image(write(tmp_path / "a.fits", header_of(**more))), 3, 4)
    assert position is not None
    assert position.frame == frame
    assert position.text.startswith("RA ") == frame.startswith(("ICRS", "FK"))


def test_the_sky_axes_of_a_radio_cube(tmp_path: Path) -> None:
    header = header_of(25)
    header["CTYPE3"], header["CRVAL3"], header["CRPIX3"], header["CDELT3"] = "FREQ", 1.4e9, 1.0, 1e6
    header["CTYPE4"], header["CRVAL4"], header["CRPIX4"], header["CDELT4"] = "STOKES", 1.0, 1.0, 1.0
    header["CD3_3"] = 1e6
    header["CD4_4"] = 1.0
    image = read_image(write(tmp_path / "a.fits", header, (1, 1, *SHAPE)))
    assert image.shape == SHAPE
    position = sky_position(image, 11, 7)
    assert position is not None
    assert position[:2] == pytest.approx(CENTER)


@pytest.mark.parametrize(
    ("more", "notice"),
    [
        ({"CTYPE1": "RA---XYZ", "CTYPE2": "DEC--XYZ"}, "cannot be used"),
        ({"CTYPE2": "GLAT-TAN"}, "cannot be used"),
        ({"CTYPE1": "FREQ", "CTYPE2": "STOKES"}, "no two sky axes"),
        ({"CD1_1": 1e-4, "CD1_2": 1e-4, "CD2_1": 1e-4, "CD2_2": 1e-4}, "cannot be used"),
    ],
)
def test_a_broken_wcs_leaves_the_pixels(tmp_path: Path, more: dict[str, Any], notice: str) -> None:
    image = read_image(write(tmp_path / "a.fits", header_of(**more)))
    assert any(notice in sentence for sentence in image.notices), image.notices
    assert image.wcs is None
    assert sky_position(image, 1, 1) is None
    assert pixel_scale(image) is None
    assert north_angle(image) is None
    assert angle_east_of_north(image, 10) is None


def test_a_wcs_without_a_scale_is_doubted(tmp_path: Path) -> None:
    header = header_of(CD1_1=0.0, CD1_2=0.0, CD2_1=0.0, CD2_2=0.0)
    image = read_image(write(tmp_path / "a.fits", header))
    assert any("not to be trusted" in sentence for sentence in image.notices)


def test_lost_distortion_tables_leave_the_linear_part(tmp_path: Path) -> None:
    header = header_of(CPDIS1="LOOKUP", CPDIS2="LOOKUP")
    image = read_image(write(tmp_path / "a.fits", header))
    assert any("distortion tables" in sentence for sentence in image.notices)
    assert pixel_scale(image) == pytest.approx((SCALE, SCALE), rel=1e-6)


def test_outside_of_a_projection_there_is_no_position(tmp_path: Path) -> None:
    header = header_of(CTYPE1="RA---SIN", CTYPE2="DEC--SIN", CD1_1=-4.0, CD2_2=4.0)
    image = read_image(write(tmp_path / "a.fits", header))
    assert sky_position(image, 39, 29) is None
    assert pixel_scale(image, 39, 29) is None


def test_an_image_with_a_wcs_can_be_sent_to_a_worker(tmp_path: Path) -> None:
    image = read_image(write(tmp_path / "a.fits", header_of(25)))
    copy = pickle.loads(pickle.dumps(image))
    assert sky_position(copy, 3, 4) == sky_position(image, 3, 4)
    np.testing.assert_array_equal(copy.data, image.data)


def test_a_file_without_an_image_has_no_default(tmp_path: Path) -> None:
    path = tmp_path / "empty.fits"
    fits.PrimaryHDU().writeto(path)
    assert inspect_fits(path).default_index is None
    with pytest.raises(ImageError, match="no image"):
        read_image(path)
