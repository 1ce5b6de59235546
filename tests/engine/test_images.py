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
from engine.images import Limits, inspect_fits, read_image
from tests.engine.image_helpers import NOISE, SHAPE, galaxy, primary, told, write


@pytest.fixture
def data(rng: np.random.Generator) -> NDArray[np.float64]:
    return galaxy(rng)


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
