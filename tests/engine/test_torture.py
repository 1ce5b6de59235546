"""Every file that breaks uploaders is read, refused or doubted as its manifest says."""

import json
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.errors import ImageError
from engine.images import Image, inspect_fits, read_image

N_ITEMS = 149
SECONDS = 30
ROLES = ("sigma", "variance", "mask", "psf")


@dataclass
class Outcome:
    """What came of reading one item: an image or a sentence, and how many images could be chosen from."""

    image: Image | None
    error: str
    n_images: int
    seconds: float

    @property
    def sentences(self) -> tuple[str, ...]:
        return (self.error,) if self.image is None else self.image.notices

    @property
    def doubts(self) -> list[str]:
        """The notices that are about this file, not about noise that no one gave."""
        return [sentence for sentence in self.sentences if not sentence.startswith("No noise was given")]


def manifest(folder: Path) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = json.loads((folder / "torture" / "manifest.json").read_text())["items"]
    return items


def read_item(files: Path, item: dict[str, Any], given_path: Path) -> Outcome:
    """Read an item in its role, together with its companions."""
    arguments: dict[str, Any] = {}
    for companion in item.get("with", []):
        for role in ROLES:
            if companion.endswith(f"{role}.fits") and (files / companion).is_file():
                arguments[role] = files / companion
    role = item["role"]
    labels = {"data": item["upload_as"]} if "upload_as" in item else None
    start = time.perf_counter()
    image, error, n_images = None, "", 0
    try:
        n_images = sum(extension.kind == "image" for extension in inspect_fits(given_path).extensions)
    except ImageError as refused:
        error = str(refused)
    try:
        if role in ROLES:
            if role == "variance":
                arguments.pop("sigma", None)
            arguments[role] = given_path
            image = read_image(files / "base_image.fits", **arguments)
        else:
            image = read_image(given_path, labels=labels, **arguments)
    except ImageError as refused:
        error = str(refused)
    return Outcome(image, error, n_images, time.perf_counter() - start)


def outcomes_of(outcome: Outcome) -> set[str]:
    """Return the manifest's words that describe an outcome."""
    words = {"ask"} if outcome.n_images > 1 else set()
    if outcome.image is None:
        return words | {"reject"}
    # A doubt that is spelled out leaves the choice to the person, so it counts as asking too.
    return words | ({"accept", "accept_warn", "ask"} if outcome.doubts else {"accept"})


@pytest.fixture
def files(shared_data: Path) -> Path:
    return shared_data / "torture" / "files"


@pytest.fixture
def item(torture_item: dict[str, Any] | None, shared_data: Path) -> dict[str, Any]:
    assert torture_item is not None
    assert len(manifest(shared_data)) == N_ITEMS
    return torture_item


@pytest.fixture
def stored(item: dict[str, Any], files: Path, tmp_path: Path) -> Iterator[Path]:
    """The item's path; a file sent under another name lies under one that the server chose."""
    if "upload_as" not in item:
        yield files / item["file"]
        return
    path = tmp_path / "0f3a"
    path.write_bytes((files / item["file"]).read_bytes())
    yield path
    assert [path.name for path in tmp_path.iterdir()] == ["0f3a"], "a file name was acted upon"


def test_file_ends_as_its_manifest_says(item: dict[str, Any], files: Path, stored: Path) -> None:
    outcome = read_item(files, item, stored)
    wanted = {item["expect"], *item["also_ok"]}
    assert wanted & outcomes_of(outcome), (item["how"], outcome.sentences)
    assert outcome.seconds < SECONDS
    mentions = item.get("error_mentions")
    if mentions and (outcome.image is None or item["expect"] == "accept_warn"):
        text = " ".join(outcome.sentences).lower()
        assert any(word.lower() in text for word in mentions), (mentions, outcome.sentences)
    for sentence in outcome.sentences:
        assert sentence.isprintable(), "control characters reach a page or a log"
        assert len(sentence) < 900
        assert sentence.endswith((".", "?")), sentence
        assert str(files) not in sentence, "a server's path is shown"
        assert "Traceback" not in sentence
    if outcome.image is not None:
        check_usable(outcome.image)
        check_truth(item, outcome.image, files)


def check_usable(image: Image) -> None:
    assert image.data.dtype == np.dtype(np.float64)
    assert image.data.dtype.isnative
    assert np.isfinite(image.data).all()
    assert np.isfinite(image.weight).all()
    assert image.n_used >= 8
    assert image.psf is None or image.psf.sum() == pytest.approx(1)


def check_truth(item: dict[str, Any], image: Image, files: Path) -> None:
    truth = item.get("truth") or {}
    values = image.data
    if item["role"] == "sigma":
        with np.errstate(divide="ignore"):
            values = 1 / np.sqrt(image.weight)
    if item["role"] == "psf":
        assert image.psf is not None
        values = image.psf
    if "shape_ny_nx" in truth and item["role"] != "mask":
        assert list(values.shape) == truth["shape_ny_nx"]
    if "sum_finite" in truth:
        assert values[np.isfinite(values)].sum() == pytest.approx(truth["sum_finite"], rel=1e-6)
        assert np.count_nonzero(np.isfinite(values)) == truth["n_finite"]
    if truth.get("pix_10_20") is not None:
        # Only approximate for float32 values summed elsewhere; [row 10, column 20] is asymmetric.
        assert values[10, 20] == pytest.approx(truth["pix_10_20"], rel=1e-6)
    if "max_abs_diff" in truth:
        plain = read_image(files / "base_image.fits")
        assert np.abs(values - plain.data).max() < truth["max_abs_diff"]
    for key in ("n_bad", "n_bad_any_bit", "n_bad_extra"):
        # The companion mask ignores pixels of its own, so the item's are those it adds.
        if key in truth:
            ignored = image.mask.copy()
            if item["role"] == "image" and "base_mask.fits" in item.get("with", []):
                ignored &= ~read_image(files / "base_image.fits", mask=files / "base_mask.fits").mask
            assert abs(np.count_nonzero(ignored) - truth[key]) <= (2 if key == "n_bad_extra" else 0)
    if "hdu_image" in truth:
        assert inspect_fits(files / item["file"]).default_index == truth["hdu_image"]
    if "GAIN" in truth:
        header = inspect_fits(files / item["file"]).header
        assert {key: header[key] for key in truth} == truth
    if "OBJECT" in truth:
        assert inspect_fits(files / item["file"]).header["OBJECT"] == truth["OBJECT"]


def test_extensions_get_the_roles_their_names_say(files: Path) -> None:
    extensions = inspect_fits(files / "mef_sci_err_dq.fits").extensions
    assert [extension.role_guess for extension in extensions] == ["", "image", "sigma", "mask"]
    assert [extension.shape for extension in extensions] == [(), (48, 64), (48, 64), (48, 64)]
    path = files / "mef_sci_err_dq.fits"
    image = read_image(path, sigma=path, mask=path)
    assert {role: source[-3:] for role, source in image.sources.items()} == {
        "data": "[1]",
        "sigma": "[2]",
        "mask": "[3]",
    }
    assert not image.noise_estimated


def test_three_hundred_extensions_are_listed_at_once(files: Path) -> None:
    start = time.perf_counter()
    contents = inspect_fits(files / "mef_300_ext.fits")
    assert len(contents.extensions) > 300
    assert time.perf_counter() - start < 2


def test_an_inverted_mask_can_be_turned_round(files: Path) -> None:
    image = read_image(files / "base_image.fits", mask=files / "mask_inverted.fits", invert_mask=True)
    assert image.mask.sum() == 24


@pytest.mark.parametrize("name", ["psf_unnormalised_2534.fits", "psf_peak1.fits"])
def test_a_psf_is_divided_by_its_sum(files: Path, name: str) -> None:
    given = read_image(files / "base_image.fits", psf=files / name).psf
    normal = read_image(files / "base_image.fits", psf=files / "base_psf.fits").psf
    assert given is not None
    np.testing.assert_allclose(given, normal, rtol=1e-4, atol=1e-9)


def test_nothing_is_printed_for_any_item(
    shared_data: Path, files: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for item in manifest(shared_data):
        if item["category"] == "wcs":
            read_item(files, item, files / item["file"])
    printed = capfd.readouterr()
    assert (printed.out, printed.err) == ("", "")


def test_refusing_a_bomb_takes_little_memory(files: Path) -> None:
    tracemalloc = pytest.importorskip("tracemalloc")
    tracemalloc.start()
    try:
        for name in ("compressed_bomb_znaxis.fits", "naxis_1e9.fits", "gzip_bomb_256MB.fits.gz"):
            with pytest.raises(ImageError, match="too large"):
                read_image(files / name)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 200e6


def test_real_galaxies_are_read_with_all_that_belongs_to_them(shared_data: Path) -> None:
    for case in sorted(path.parent for path in (shared_data / "data").glob("*/image.fits")):
        psf = case / "psf.fits"
        image = read_image(
            case / "image.fits",
            sigma=case / "sigma.fits",
            mask=case / "mask.fits",
            psf=psf if psf.is_file() else None,
        )
        n_valid = re.findall(r'"n_valid": (\d+)', (case / "case.json").read_text())
        assert str(image.n_used) in n_valid, case.name


def test_a_url_is_only_a_path_that_does_not_exist(tmp_path: Path) -> None:
    for name in ("http://127.0.0.1:9/x.fits", "ftp://x/y.fits", "file:///etc/passwd"):
        with pytest.raises(ImageError, match="was not found"):
            read_image(name, base=tmp_path)
    assert os.listdir(tmp_path) == []
