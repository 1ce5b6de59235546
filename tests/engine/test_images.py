"""Images made here: what is read, masked, weighted, cut out, refused and said."""

import bz2
import dataclasses
import gzip
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from numpy.typing import NDArray

from engine.errors import ImageError
from engine.images import Image, Limits, inspect_fits, measured_noise, read_image

# More columns than rows, and no symmetry, so that a transposed or flipped array shows.
SHAPE = (24, 36)
NOISE = 2.0


@pytest.fixture
def data(rng: np.random.Generator) -> NDArray[np.float64]:
    rows, columns = np.indices(SHAPE)
    galaxy = 300 * np.exp(-np.hypot((columns - 20.3) / 4, (rows - 9.7) / 2.5))
    return rng.normal(10 + galaxy, NOISE)


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


# --- reading


def test_pixels_are_row_column_and_native(tmp_path: Path, data: NDArray[np.float64]) -> None:
    image = read_image(primary(tmp_path / "g.fits", data.astype(">f4"), BUNIT="nanomaggy"))
    assert image.data.dtype == np.float64
    assert image.data.dtype.isnative
    np.testing.assert_array_equal(image.data, data.astype(np.float32))
    assert image.unit == "nanomaggy"
    assert image.shape == SHAPE
    assert image.wcs is None
    assert not image.data.flags.writeable


@pytest.mark.parametrize("kind", ["uint8", "int16", "uint16", "int32", "uint32", "int64", "float32"])
def test_every_pixel_type_gives_its_physical_values(tmp_path: Path, kind: str) -> None:
    info = np.iinfo(kind) if kind != "float32" else None
    values = np.arange(np.prod(SHAPE)).reshape(SHAPE).astype(kind)
    if info is not None:
        values[0, 1], values[2, 0] = info.min, info.max
    image = read_image(primary(tmp_path / "g.fits", values), sigma=1.0)
    np.testing.assert_array_equal(image.data, values.astype(float))


def test_scaled_integers_and_blank_pixels(tmp_path: Path) -> None:
    values = 10 + 0.5 * np.arange(np.prod(SHAPE)).reshape(SHAPE)
    hdu = fits.PrimaryHDU(values.copy())
    hdu.scale("int16", bscale=0.5, bzero=10)
    hdu.header["BLANK"] = 40
    image = read_image(write(tmp_path / "g.fits", hdu))
    assert np.argwhere(image.mask).tolist() == [[1, 4]]
    assert told(image, "1 pixel", "masked")
    np.testing.assert_array_equal(image.data[~image.mask], values[~image.mask])


@pytest.mark.parametrize("name", ["g.fits", "g.fits.gz", "anything"])
@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, bytes])
def test_compression_is_recognized_by_content(
    tmp_path: Path, data: NDArray[np.float64], pack: Any, name: str
) -> None:
    plain = primary(tmp_path / "plain", data)
    (tmp_path / name).write_bytes(pack(plain.read_bytes()))
    np.testing.assert_array_equal(read_image(tmp_path / name).data, data)


def test_extensions_by_number_name_and_version(tmp_path: Path, data: NDArray[np.float64]) -> None:
    path = write(
        tmp_path / "g.fits",
        fits.PrimaryHDU(),
        fits.ImageHDU(data, name="OTHER"),
        fits.ImageHDU(data + 1, name="SCI", ver=1),
        fits.ImageHDU(data + 2, name="SCI", ver=2),
        fits.ImageHDU(np.ones(SHAPE), name="ERR"),
    )
    for spec, added in {"": 1, "[1]": 0, "[3]": 2, "[sci]": 1, "[SCI,2]": 2, "[ SCI , 2 ]": 2}.items():
        image = read_image(f"{path}{spec}", sigma=1.0)
        np.testing.assert_array_equal(image.data, data + added, err_msg=spec)
        assert image.sources["data"] == f"{path}[{ {0: 1, 1: 2, 2: 3}[added] }]"
    assert told(read_image(path), "4 images", "[4] ERR", "looks like sigma")
    assert told(read_image(f"{path}[SCI]"), "2 extensions", "first")
    np.testing.assert_allclose(read_image(path, sigma=path).weight, 1)
    with pytest.raises(ImageError, match=r"no extension \[NONE\].*\[1\] OTHER"):
        read_image(f"{path}[NONE]")
    with pytest.raises(ImageError, match=r"no extension \[9\]"):
        read_image(f"{path}[9]")
    with pytest.raises(ImageError, match="is empty"):
        read_image(f"{path}[0]")


def test_brackets_that_belong_to_a_name(tmp_path: Path, data: NDArray[np.float64]) -> None:
    path = primary(tmp_path / "g.fits[1]", data)
    np.testing.assert_array_equal(read_image(path).data, data)


def test_relative_paths_start_at_the_base(tmp_path: Path, data: NDArray[np.float64]) -> None:
    primary(tmp_path / "g.fits", data)
    image = read_image("g.fits", base=tmp_path)
    assert image.sources == {"data": str(tmp_path / "g.fits")}
    assert len(image.hashes["data"]) == 64
    with pytest.raises(ImageError, match="outside the folder"):
        read_image("../g.fits", base=tmp_path / "below", limits=Limits(root=tmp_path / "below"))


@pytest.mark.parametrize("quantize", [None, 16])
def test_tile_compression(tmp_path: Path, data: NDArray[np.float64], quantize: int | None) -> None:
    kind = "GZIP_2" if quantize is None else "RICE_1"
    hdu = fits.CompImageHDU(data.astype(np.float32), compression_type=kind, quantize_level=quantize or 0)
    image = read_image(write(tmp_path / "g.fits", fits.PrimaryHDU(), hdu))
    assert np.abs(image.data - data).max() < (1e-4 if quantize is None else NOISE / 4)
    info = inspect_fits(tmp_path / "g.fits").extensions[1]
    assert (info.kind, info.shape, info.note) == ("image", SHAPE, "tile compressed")


def test_a_tiny_table_cannot_claim_many_tiles(tmp_path: Path, data: NDArray[np.float64]) -> None:
    hdu = fits.CompImageHDU(data.astype(np.int32), compression_type="RICE_1")
    path = write(tmp_path / "g.fits", fits.PrimaryHDU(), hdu)
    raw = path.read_bytes()
    at = raw.index(b"ZNAXIS2 =")
    path.write_bytes(raw[: at + 10] + b"9000".rjust(20) + raw[at + 30 :])
    with pytest.raises(ImageError, match="24 rows for 9000 tiles"):
        read_image(path)


def test_axes_of_length_one_are_dropped(tmp_path: Path, data: NDArray[np.float64]) -> None:
    image = read_image(primary(tmp_path / "g.fits", data[None, :, None, :]))
    np.testing.assert_array_equal(image.data, data)
    with pytest.raises(ImageError, match="3 dimensions"):
        read_image(primary(tmp_path / "cube.fits", np.stack([data, data])))


def test_limits_are_kept_before_pixels_are_read(tmp_path: Path, data: NDArray[np.float64]) -> None:
    path = primary(tmp_path / "g.fits", data)
    with pytest.raises(ImageError, match="864 pixels, the limit is 800"):
        read_image(path, limits=Limits(max_pixels=800))
    with pytest.raises(ImageError, match="864 pixels, the limit is 800"):
        read_image(data, limits=Limits(max_pixels=800))
    (tmp_path / "g.gz").write_bytes(gzip.compress(path.read_bytes()))
    with pytest.raises(ImageError, match="passes the limit"):
        read_image(tmp_path / "g.gz", limits=Limits(max_unpacked_bytes=5000))


def test_truncation_matters_only_where_it_is(tmp_path: Path, data: NDArray[np.float64]) -> None:
    path = write(tmp_path / "g.fits", fits.PrimaryHDU(data), fits.ImageHDU(data, name="ERR"))
    raw = path.read_bytes()
    path.write_bytes(raw[:-4000])
    np.testing.assert_array_equal(read_image(path).data, data)
    with pytest.raises(ImageError, match="truncated"):
        read_image(data, sigma=path)
    # Without the zeros that fill the last block all pixels are still there.
    end = len(raw) - (-data.nbytes % 2880)
    path.write_bytes(raw[:end])
    np.testing.assert_array_equal(read_image(f"{path}[1]").data, data)


@pytest.mark.parametrize("cut", [1, 79, 80, 500, 2879, 2880, 3000, 5000])
def test_no_cut_file_crashes(tmp_path: Path, data: NDArray[np.float64], cut: int) -> None:
    path = primary(tmp_path / "g.fits", data)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ImageError, match=r"g\.fits"):
        read_image(path)


def test_damaged_headers_never_crash(
    tmp_path: Path, data: NDArray[np.float64], rng: np.random.Generator
) -> None:
    path = primary(
        tmp_path / "g.fits", data.astype(np.float32), CTYPE1="RA---TAN", CTYPE2="DEC--TAN", GAIN=2.0
    )
    raw = np.frombuffer(path.read_bytes(), dtype=np.uint8)
    sentences: list[str] = []
    n_read = 0
    for _ in range(300):
        damaged = raw.copy()
        where = rng.integers(0, 800, rng.integers(1, 6))
        damaged[where] = rng.integers(0, 256, where.size)
        path.write_bytes(damaged.tobytes())
        try:
            sentences += read_image(path).notices
            n_read += 1
        except ImageError as error:
            sentences.append(str(error))
    assert 0 < n_read < 300
    assert all(sentence.isprintable() for sentence in sentences)


def test_labels_stand_for_file_names(tmp_path: Path) -> None:
    path = tmp_path / "8c2f"
    path.write_bytes(b"no")
    with pytest.raises(ImageError, match=r"^evil\?name\.fits is not a FITS file") as caught:
        read_image(path, labels={"data": "evil\nname.fits"})
    assert "8c2f" not in str(caught.value)
    with pytest.raises(ImageError, match=r"^a{70,77}\.\.\. "):
        read_image(path, labels={"data": "a" * 300})


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ImageError, match="not a regular file"):
        read_image(tmp_path / "pipe")


def test_importing_images_loads_neither_astropy_nor_torch() -> None:
    code = (
        "import sys, types; package = types.ModuleType('engine'); package.__path__ = ['engine']; "
        "sys.modules['engine'] = package; import engine.images; "
        "sys.exit(str({'astropy', 'torch', 'scipy'} & set(sys.modules)) if "
        "{'astropy', 'torch', 'scipy'} & set(sys.modules) else 0)"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# --- arrays and values


def test_arrays_are_copied_and_nan_is_masked(data: NDArray[np.float64]) -> None:
    given = data.copy()
    given[3, 5], given[4, 6] = np.nan, -np.inf
    image = read_image(np.ma.MaskedArray(given, mask=data > 200), sigma=1.0)
    assert image.mask[3, 5]
    assert image.mask[4, 6]
    assert image.data[3, 5] == 0
    assert image.mask.sum() == 2 + np.count_nonzero(data > 200)
    assert np.isnan(given[3, 5])
    assert image.sources == {"data": "array", "sigma": "1.0"}


@pytest.mark.parametrize(
    ("values", "match"),
    [
        (np.zeros((2, 9)), "too small"),
        (np.zeros(9), "1 dimension"),
        (np.zeros((3, 4, 5)), "3 dimensions"),
        (np.zeros((9, 9), dtype=complex), "complex128, but must hold real numbers"),
        (np.full((9, 9), "a"), "must hold real numbers"),
        (np.full((9, 9), np.nan), "All 81 pixels"),
        ([[1, 2], [3]], "not a regular array"),
        ({"a": 1}, "must hold real numbers"),
    ],
)
def test_useless_arrays_are_refused(values: NDArray[Any], match: str) -> None:
    with pytest.raises(ImageError, match=match):
        read_image(values)


def test_doubtful_values_are_told(data: NDArray[np.float64], rng: np.random.Generator) -> None:
    assert told(read_image(np.full(SHAPE, 7.0)), "constant")
    assert told(read_image(-data), "dip below")
    assert told(read_image(rng.normal(0, 1, (60, 80))), "No source stands out")
    assert not told(read_image(data), "No source stands out")
    data[0, 0] = 1e30
    assert told(read_image(data), "1 pixel", "saturated")


# --- noise


def test_sigma_variance_and_weight_agree(data: NDArray[np.float64], rng: np.random.Generator) -> None:
    sigma = rng.uniform(1, 3, SHAPE)
    images = [
        read_image(data, sigma=sigma),
        read_image(data, variance=sigma**2),
        read_image(data, weight=sigma**-2),
    ]
    for image in images:
        np.testing.assert_allclose(image.weight, sigma**-2)
        assert image.notices == ()
        assert not image.noise_estimated
    np.testing.assert_allclose(read_image(data, sigma=2).weight, 0.25)


@pytest.mark.parametrize("role", ["sigma", "variance", "weight"])
def test_unusable_noise_is_excluded_and_counted(data: NDArray[np.float64], role: str) -> None:
    values = np.full(SHAPE, 1.5)
    values[0, :4] = [0, -1, np.nan, np.inf]
    image = read_image(data, **{role: values})
    assert image.mask.sum() == 4
    assert told(image, "4 pixels", "ignored")
    with pytest.raises(ImageError, match=f"positive and finite: a {role} of zero"):
        read_image(data, **{role: values - 2})
    with pytest.raises(ImageError, match=r"does not match: it has 36 rows x 24 columns.*transposed"):
        read_image(data, **{role: values.T})
    with pytest.raises(ImageError, match="does not match"):
        read_image(data, **{role: values[:1]})
    with pytest.raises(ImageError, match=f"{role} is -1, but must be positive"):
        read_image(data, **{role: -1.0})


def test_gain_and_read_noise(data: NDArray[np.float64]) -> None:
    image = read_image(data, gain=4.0, read_noise=6.0)
    np.testing.assert_allclose(1 / image.weight, np.maximum(data, 0) / 4 + (6 / 4) ** 2)
    data[2, 3] = -5
    without = read_image(data, gain=4.0)
    assert without.mask[2, 3]
    assert told(without, "biases a fit")
    for arguments, match in (
        ({"gain": 0.0}, "gain is 0, but must be positive"),
        ({"gain": "2"}, "gain is '2', but must be a number"),
        ({"gain": 1.0, "read_noise": -1.0}, "read_noise is -1"),
        ({"read_noise": 3.0}, "together with gain"),
        ({"gain": 1.0, "sigma": 2.0}, r"given 2 times \(sigma, gain\)"),
    ):
        with pytest.raises(ImageError, match=match):
            read_image(data, **arguments)


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e15])
def test_noise_is_measured_beside_a_bright_galaxy(rng: np.random.Generator, scale: float) -> None:
    rows, columns = np.indices((150, 200))
    galaxy = 5000 * np.exp(-np.hypot((columns - 90) / 30, (rows - 70) / 20)) + 3 * columns
    image = read_image(scale * rng.normal(galaxy, NOISE))
    assert image.noise_estimated
    assert told(image, "No noise was given", "Uncertainties")
    # Statistics of 3e4 pixels give 0.6 %; the sharp center of the galaxy adds about 3 %.
    assert 1 / np.sqrt(image.weight[0, 0]) == pytest.approx(scale * NOISE, rel=0.06)


def test_measured_noise_ignores_bad_pixels_and_knows_few_counts(rng: np.random.Generator) -> None:
    values = rng.normal(0, 1, (100, 120))
    bad = np.zeros(values.shape, dtype=bool)
    bad[:, ::4] = True
    values[bad] = rng.normal(0, 1e6, bad.sum())
    assert measured_noise(values, bad) == pytest.approx(1, rel=0.06)
    counts = rng.poisson(0.05, (200, 200)).astype(float)
    assert measured_noise(counts, np.zeros(counts.shape, dtype=bool)) == pytest.approx(np.sqrt(0.05), rel=0.1)


@pytest.mark.parametrize(("factor", "word"), [(1000, "larger"), (1e-3, "smaller"), (30, None), (0.1, None)])
def test_noise_in_a_wrong_unit_is_doubted(data: NDArray[np.float64], factor: float, word: str | None) -> None:
    image = read_image(data, sigma=np.full(SHAPE, NOISE * factor))
    assert (word is not None and told(image, word, "scatter")) or image.notices == ()


# --- masks


def test_masks_ignore_what_is_not_zero(data: NDArray[np.float64]) -> None:
    mask = np.zeros(SHAPE)
    mask[1, 2], mask[3, 4] = -1, np.nan
    image = read_image(data, sigma=NOISE, mask=mask)
    assert np.argwhere(image.mask).tolist() == [[1, 2], [3, 4]]
    assert (image.weight == 0).sum() == 2
    assert image.n_used == data.size - 2
    assert told(image, "1 pixel", "NaN")
    inverted = read_image(data, sigma=NOISE, mask=(mask == 0), invert_mask=True)
    assert inverted.mask[1, 2]
    assert inverted.mask.sum() == 2
    assert read_image(data, sigma=NOISE, mask=np.zeros(SHAPE, dtype=bool)).notices == ()


def test_doubtful_masks(data: NDArray[np.float64]) -> None:
    flags = np.zeros(SHAPE, dtype=np.int32)
    flags[0, :3] = [1, 4, 5]
    assert told(read_image(data, mask=flags), "bit mask", "1, 4, 5")
    with pytest.raises(ImageError, match="ignores all 864 pixels"):
        read_image(data, mask=np.ones(SHAPE))
    with pytest.raises(ImageError, match="mask array does not match"):
        read_image(data, mask=flags.T)
    few = np.ones(SHAPE)
    few[5, 5:12] = 0
    with pytest.raises(ImageError, match=r"Too few pixels.*7 of 864"):
        read_image(data, mask=few)
    few[5, 12] = 0
    assert told(read_image(data, mask=few), "99.07 %", "invert")
    hiding = np.zeros(SHAPE)
    hiding[2:18, 10:32] = 1
    assert told(read_image(data, mask=hiding), "lies under the mask")


# --- PSFs


def gaussian(shape: tuple[int, int], x: float, y: float, width: float = 1.5) -> NDArray[np.float64]:
    rows, columns = np.indices(shape)
    return np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * width**2))


@pytest.mark.parametrize("scale", [1e-300, 1e-9, 1.0, 2534.0, 1e300])
def test_psfs_are_divided_by_their_sum(data: NDArray[np.float64], scale: float) -> None:
    psf = gaussian((11, 15), 7, 5)
    image = read_image(data, sigma=NOISE, psf=scale * psf)
    assert image.psf is not None
    np.testing.assert_allclose(image.psf, psf / psf.sum(), rtol=1e-9)
    assert image.notices == ()


def test_doubtful_psfs_are_told(data: NDArray[np.float64]) -> None:
    even = read_image(data, sigma=NOISE, psf=gaussian((12, 12), 6, 6))
    assert told(even, "even number", "x=6, y=6 (0-based)")
    assert told(read_image(data, psf=gaussian((13, 15), 8, 6)), "centers at x=8.00, y=6.00", "Re-center")
    assert told(read_image(data, psf=gaussian((15, 15), 7, 7) + 0.1), "pedestal")
    ringing = gaussian((15, 15), 7, 7)
    ringing[0, 3] = -0.1
    image = read_image(data, psf=ringing)
    assert told(image, "1 pixel", "negative", "kept")
    assert image.psf is not None
    assert image.psf.min() < 0
    delta = read_image(data, sigma=NOISE, psf=np.ones((1, 1)))
    np.testing.assert_array_equal(delta.psf, [[1.0]])
    assert delta.notices == ()


def test_large_psfs_are_cropped_around_their_origin(data: NDArray[np.float64]) -> None:
    image = read_image(data, psf=gaussian((51, 60), 30, 25, 4))
    assert image.psf is not None
    assert image.psf.shape == (23, 35)
    assert np.unravel_index(image.psf.argmax(), image.psf.shape) == (11, 17)
    assert image.psf.sum() == pytest.approx(1)
    assert told(image, "larger than the image", "cropped")
    fine = read_image(data, psf=gaussian((51, 61), 30, 25, 4), psf_oversampling=3).psf
    assert fine is not None
    assert fine.shape == (51, 61)


@pytest.mark.parametrize(
    ("psf", "match"),
    [
        (np.zeros((5, 5)), "All pixels.*zero"),
        (-np.ones((5, 5)), "zero or negative"),
        (np.full((5, 5), np.nan), "25 pixels.*NaN"),
        (np.array([[1.0, -1.0]]), "zero or negative"),
    ],
)
def test_useless_psfs_are_refused(data: NDArray[np.float64], psf: NDArray[np.float64], match: str) -> None:
    with pytest.raises(ImageError, match=match):
        read_image(data, psf=psf)


def test_oversampling_is_asked_for_where_the_header_declares_it(
    tmp_path: Path, data: NDArray[np.float64]
) -> None:
    path = primary(tmp_path / "psf.fits", gaussian((25, 25), 12, 12, 3), OVERSAMP=3)
    assert told(read_image(data, psf=path), "psf_oversampling: 3")
    declared = read_image(data, sigma=NOISE, psf=path, psf_oversampling=3)
    assert declared.notices == ()
    assert declared.psf_oversampling == 3
    for wrong in (0, 51, 1.5, True):
        with pytest.raises(ImageError, match="psf_oversampling is"):
            read_image(data, psf=path, psf_oversampling=wrong)


# --- windows and the value itself


def test_a_window_cuts_everything_and_keeps_the_origin(data: NDArray[np.float64]) -> None:
    mask = np.zeros(SHAPE)
    mask[5, 9] = 1
    sigma = np.arange(1.0, data.size + 1).reshape(SHAPE)
    image = read_image(data, sigma=sigma, mask=mask, window=[8, 30, 4, 20], zero_point=22.5)
    assert image.shape == (16, 22)
    assert image.origin == (8, 4)
    assert image.window == (8, 30, 4, 20)
    assert image.zero_point == 22.5
    assert np.argwhere(image.mask).tolist() == [[1, 1]]
    np.testing.assert_array_equal(image.data, data[4:20, 8:30])
    np.testing.assert_allclose(image.weight[2:], sigma[6:20, 8:30] ** -2.0)


@pytest.mark.parametrize(
    "window",
    [
        [0, 37, 0, 24],
        [-1, 9, 0, 9],
        [5, 7, 0, 9],
        [9, 5, 0, 9],
        [0, 9, 0],
        [0, 9, 0, 9.5],
        [0, 9, 0, True],
        5,
        "0:9",
    ],
)
def test_impossible_windows_are_refused(data: NDArray[np.float64], window: list[Any]) -> None:
    with pytest.raises(ImageError, match="window is"):
        read_image(data, window=window)


def test_zero_points_are_numbers(data: NDArray[np.float64]) -> None:
    with pytest.raises(ImageError, match="zero_point is nan"):
        read_image(data, zero_point=np.nan)


def test_an_image_checks_itself(data: NDArray[np.float64]) -> None:
    image = read_image(data)
    with pytest.raises(dataclasses.FrozenInstanceError, match="name"):
        image.name = "other"
    mask = image.mask.copy()
    mask[0, 0] = True
    for change, match in (
        ({"mask": mask}, "weight of image must be 0 where the mask is true"),
        ({"weight": image.weight[1:]}, "weight of image is float64 with the shape"),
        ({"data": np.full(SHAPE, np.nan)}, "must be finite"),
        ({"psf": np.ones((3, 3))}, "has the sum 9"),
        ({"window": (0, 5, 0, 5)}, "does not have the shape"),
    ):
        with pytest.raises(ImageError, match=match):
            dataclasses.replace(image, **change)
