"""DS9 regions and drawn masks, on images that are not symmetric; pixels against the package regions and by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy import units
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS
from regions import Regions

import engine
from engine.images.drawn import DrawnMask, begin_mask, drawn_mask_file, read_drawn_mask, with_shapes
from engine.images.regions import Shape, inverted, mask_of_shapes, parse_regions, regions_text

SHAPE = (24, 36)
LINES = (
    "circle(10.5,7.25,4.2)",
    "ellipse(20,9,7.5,3.25,30)",
    "ellipse(20,9,3,2,7.5,5,130)",
    "box(6,18,9.5,4.25,25)",
    "box(25,15,4,3,11,7,-40)",
    "polygon(3,3,30.5,5.2,22,21,16.4,8)",
    "annulus(15,12,3,6.5)",
)


@pytest.fixture
def sky() -> WCS:
    """0.5 arcsec a pixel, turned by 30 degrees, East to the left."""
    wcs = WCS(naxis=2)
    angle = np.radians(30)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [150.1, 2.2]
    wcs.wcs.crpix = [12.0, 17.0]
    wcs.wcs.cd = 0.5 / 3600 * np.array([[-np.cos(angle), np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return wcs


@pytest.mark.parametrize("line", LINES)
def test_pixels_in_a_shape_are_those_of_the_package(line: str) -> None:
    (shape,), notices = parse_regions(f"image\n{line}")
    found = Regions.parse(f"image\n{line}", format="ds9")[0].to_mask(mode="center").to_image(SHAPE)
    assert found is not None
    ours = mask_of_shapes([shape], SHAPE)
    assert 5 < ours.sum() < ours.size / 2
    np.testing.assert_array_equal(ours, found > 0)
    assert notices == []


def test_ds9_counts_pixels_from_one_and_its_first_number_is_the_column() -> None:
    shapes, _ = parse_regions("box(5,2,3,1,0)")
    mask = mask_of_shapes(shapes, SHAPE)
    # Columns 4 to 6 of DS9's second row.
    assert sorted(map(tuple, np.argwhere(mask))) == [(1, 3), (1, 4), (1, 5)]
    assert shapes == (Shape("box", (4.0, 1.0, 3.0, 1.0, 0.0)),)


def test_a_pixel_belongs_to_a_shape_when_its_center_does() -> None:
    assert mask_of_shapes([Shape("circle", (3.0, 2.0, 0.4))], SHAPE).sum() == 1
    assert mask_of_shapes([Shape("circle", (3.5, 2.5, 0.4))], SHAPE).sum() == 0
    triangle = mask_of_shapes([Shape("polygon", (0.5, 0.5, 4.5, 0.5, 0.5, 2.5))], SHAPE)
    assert sorted(map(tuple, np.argwhere(triangle))) == [(1, 1), (1, 2), (1, 3), (2, 1)]


def test_angles_turn_counter_clockwise_from_x() -> None:
    mask = mask_of_shapes([Shape("box", (10.0, 8.0, 12.0, 0.5, 45.0))], SHAPE)
    assert mask[11, 13]
    assert not mask[5, 13]


def test_later_shapes_decide_and_shapes_off_the_image_do_nothing() -> None:
    shapes, _ = parse_regions("image; box(10,10,8,8,0); -circle(10,10,2) # color=red\ncircle(10,10,0.5)")
    mask = mask_of_shapes(shapes, SHAPE)
    assert mask[9, 9]
    assert not mask[9, 10]
    assert mask[9, 12]
    far = [Shape("circle", (1e8, -1e8, 5.0)), Shape("ellipse", (-50.0, 3.0, 9.0, 2.0, 0.0))]
    assert not mask_of_shapes(far, SHAPE).any()
    assert mask_of_shapes([Shape("circle", (0.0, 0.0, 1e8))], SHAPE).all()


def test_shapes_on_the_sky_follow_the_wcs(sky: WCS) -> None:
    place = SkyCoord(*sky.wcs_pix2world(20.3, 9.6, 0), unit="deg", frame="icrs")
    text = place.to_string("hmsdms", sep=":", precision=4).replace(" ", ",")
    shapes, _ = parse_regions(f'icrs\ncircle({text},2")\nellipse({text},3",1",0)', sky)
    np.testing.assert_allclose(shapes[0].numbers, (20.3, 9.6, 4.0), atol=2e-3)
    np.testing.assert_allclose(shapes[1].numbers[:4], (20.3, 9.6, 6.0, 2.0), atol=2e-3)
    # FK5 and ICRS differ by some 0.03 arcsec here.
    corners = [SkyCoord(*sky.wcs_pix2world(x, y, 0), unit="deg").fk5 for x, y in ((2, 3), (30, 4), (12, 20))]
    polygon = ",".join(f"{corner.ra.deg:.9f},{corner.dec.deg:.9f}" for corner in corners)
    shapes, _ = parse_regions(f"fk5;polygon({polygon})", sky)
    np.testing.assert_allclose(shapes[0].numbers, (2, 3, 30, 4, 12, 20), atol=1e-3)


def test_an_ellipse_on_the_sky_is_turned_with_the_image(sky: WCS) -> None:
    # With angle 0 its first semi-axis lies along East-West: its two ends on the sky lie in it, 1.2 times that do not.
    center = SkyCoord(*sky.wcs_pix2world(18, 12, 0), unit="deg", frame="icrs")
    shapes, _ = parse_regions(f'icrs\nellipse({center.ra.deg},{center.dec.deg},4",0.6",0)', sky)
    mask = mask_of_shapes(shapes, SHAPE)
    for arcsec, inside in ((3.6, True), (-3.6, True), (4.8, False)):
        end = center.directional_offset_by(np.sign(arcsec) * 90 * units.deg, abs(arcsec) * units.arcsec)
        x, y = sky.wcs_world2pix(end.ra.deg, end.dec.deg, 0)
        assert mask[round(float(y)), round(float(x))] == inside


def test_written_regions_read_back_to_the_same_mask(rng: np.random.Generator) -> None:
    shapes, _ = parse_regions("image\n" + "\n-".join(LINES))
    noise = [Shape("circle", (*rng.uniform(0, 24, 2), rng.uniform(1, 5)), bool(i % 2)) for i in range(20)]
    text = regions_text([*shapes, *noise])
    again, _ = parse_regions(text)
    np.testing.assert_array_equal(mask_of_shapes(again, SHAPE), mask_of_shapes([*shapes, *noise], SHAPE))
    assert text == regions_text(again)
    assert len(Regions.parse(text, format="ds9")) == len(again), "another program reads them too"


def test_inverting_ignores_exactly_the_others_and_twice_is_nothing() -> None:
    shapes, _ = parse_regions("box(10,10,8,6,20)\n-circle(10,10,2)")
    mask = mask_of_shapes(shapes, SHAPE)
    other = inverted(shapes, SHAPE)
    np.testing.assert_array_equal(mask_of_shapes(other, SHAPE), ~mask)
    assert inverted(other, SHAPE) == shapes
    under = np.zeros(SHAPE, dtype=bool)
    under[3, 4] = True
    np.testing.assert_array_equal(mask_of_shapes(other, SHAPE, under), ~mask)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("image\ncircle(1,2,3)\ncircle(1,2)", r"Line 3 .*'circle\(1,2\)'.* cannot be read"),
        ("image\ncirle(1,2,3)", "Line 2 .* is not understood. Did you mean circle"),
        ("image\ncircle(a,b,c)", "Line 2 .* cannot be read"),
        ("image\ncircle(1,2,-3)", "Line 2 .* cannot be"),
        ("image\ncircle(nan,2,3)", "Line 2 .* infinite"),
        ("image\npolygon(1,2,3,4)", "Line 2 .* needs an even number from 6"),
        ("physical\ncircle(1,2,3)", "Line 1 .* physical coordinates. Save the regions in image or fk5"),
        ('\n\nfk5\ncircle(1,2,3")', r"Line 4 .* on the sky \(fk5\), but this image has no celestial WCS"),
        ("<script>alert(1)</script>", "Line 1 .* is not understood"),
        ("circle(1,2,3)\n" * 2001, "more than 2000 regions"),
        ("#" * 1_000_001, "longer than"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_line(text: str, sentence: str) -> None:
    with pytest.raises(engine.ImageError, match=sentence):
        parse_regions(text)


def test_marks_without_area_are_left_out_and_told() -> None:
    shapes, notices = parse_regions(
        "image\npoint(3,4) # point=x\ncircle(5,5,2)\n# text(3,3) text={a;b}\ntext(1,1) # text={hi}"
    )
    assert len(shapes) == 1
    assert notices == ["Left out, since it covers no pixels: point in line 2, text in line 5."]


@pytest.mark.parametrize(
    ("kind", "numbers", "sentence"),
    [
        ("star", (1.0,), "no shape 'star'"),
        ("box", (1.0, 2.0, 3.0), "3 numbers, but needs 5 or 7"),
        ("annulus", (1.0, 2.0, 5.0, 3.0), "inner size .* smaller"),
        ("circle", (1.0, 2.0, 0.0), "not positive: 0"),
        ("circle", (1.0, float("inf"), 1.0), "infinite"),
    ],
)
def test_a_shape_that_is_none_is_refused(kind: str, numbers: tuple[float, ...], sentence: str) -> None:
    with pytest.raises(engine.ImageError, match=sentence):
        Shape(kind, numbers)


def test_a_drawn_mask_keeps_its_shapes_and_what_lies_below(tmp_path: Path, rng: np.random.Generator) -> None:
    data, uploaded, path = tmp_path / "data.fits", tmp_path / "bad.fits", tmp_path / "drawn.fits"
    fits.PrimaryHDU(rng.normal(size=SHAPE)).writeto(data)
    bad = np.zeros(SHAPE)
    bad[2, 30] = 4
    fits.PrimaryHDU(bad).writeto(uploaded)
    assert read_drawn_mask(uploaded) is None

    start = begin_mask(data, uploaded, source="bad.fits")
    drawn = with_shapes(start, [Shape("box", (5.0, 20.0, 4.0, 2.0, 0.0))])
    path.write_bytes(drawn_mask_file(drawn))
    assert drawn_mask_file(drawn) == path.read_bytes(), "the same mask is kept once"
    again = begin_mask(data, f"{path}[0]")
    assert again.shapes == drawn.shapes
    assert again.source == "bad.fits"
    np.testing.assert_array_equal(again.mask, drawn.mask)

    image = engine.read_image(data, mask=f"{path}[0]")
    np.testing.assert_array_equal(image.mask, drawn.mask)
    assert image.mask[2, 30]
    assert image.mask[20, 4]
    assert not image.mask[4, 20]
    # In the file, the mask is plain FITS: anyone can use it.
    np.testing.assert_array_equal(fits.getdata(path, ignore_missing_simple=False), drawn.mask)


def test_a_mask_of_another_shape_or_without_a_pixel_left_is_refused(tmp_path: Path) -> None:
    data, other = tmp_path / "data.fits", tmp_path / "other.fits"
    fits.PrimaryHDU(np.ones(SHAPE)).writeto(data)
    fits.PrimaryHDU(np.ones(SHAPE[::-1])).writeto(other)
    with pytest.raises(engine.ImageError, match="shape of the mask does not match"):
        begin_mask(data, other, source="bad")
    with pytest.raises(engine.ImageError, match="every pixel"):
        with_shapes(DrawnMask(SHAPE), [Shape("circle", (0.0, 0.0, 100.0))])
