"""Journeys: a drawn mask changes the fit, regions and descriptions go out and in as text, a project of two images."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from playwright.sync_api import Page, expect

from tests.browser.workbench import (
    PLACE,
    cell,
    choose_files,
    click_pixel,
    fit,
    open_example,
    wait_for_image,
    wait_for_size,
)

pytestmark = pytest.mark.browser


def drag(page: Page, kind: str, first: tuple[float, float], last: tuple[float, float]) -> None:
    x0, y0 = page.evaluate(PLACE, [kind, *first])
    x1, y1 = page.evaluate(PLACE, [kind, *last])
    page.mouse.move(x0, y0)
    page.mouse.down()
    page.mouse.move((x0 + x1) / 2, (y0 + y1) / 2)
    page.mouse.move(x1, y1)
    page.mouse.up()


def masked(page: Page, pixels: int) -> None:
    words = page.get_by_role("region", name="Mask").get_by_role("status")
    expect(words).to_have_count(1 if pixels else 0)
    if pixels:
        expect(words).to_contain_text(f"{pixels} px ignored")


def dof(page: Page, folder: Path) -> int:
    with page.expect_download() as download:
        page.get_by_role("link", name="result.json").click()
    download.value.save_as(folder / "result.json")
    return int(json.loads((folder / "result.json").read_text())["dof"])


def test_a_drawn_mask_changes_the_fit_and_goes_out_and_in_as_ds9_regions(page: Page, tmp_path: Path) -> None:
    open_example(page, "seed")
    page.get_by_role("button", name="Mask a box").click()
    drag(page, "data", (9.5, 4.5), (29.5, 14.5))
    masked(page, 200)
    page.keyboard.press("Escape")
    fit(page)
    assert dof(page, tmp_path) == 9779 - 200

    page.get_by_role("button", name="DS9").click()
    field = page.get_by_role("textbox", name="Regions")
    expect(field).to_have_value(re.compile(r"box\(20\.5,10\.5,"))
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    path = tmp_path / download.value.suggested_filename
    assert path.name == "mask.reg"
    download.value.save_as(path)
    field.fill("image\ncircle(3,4,5)\ncirle(1,2,3)")
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("Line 3")
    field.fill("image\ncircle(50,50,2)")
    page.get_by_role("button", name="Apply").click()
    masked(page, 13)

    page.get_by_role("button", name="DS9").click()
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Open file").click()
    chooser.value.set_files(str(path))
    expect(field).to_have_value(re.compile("box"))
    page.get_by_role("button", name="Apply").click()
    masked(page, 200)
    page.reload()
    wait_for_image(page, "model")
    masked(page, 200)
    page.get_by_role("button", name="Clear the drawn mask").click()
    masked(page, 0)
    page.keyboard.press("z")
    masked(page, 200)


def test_the_description_is_copied_changed_pasted_and_undone(page: Page) -> None:
    open_example(page, "seed")
    before = cell(page, "sky intensity").input_value()
    page.get_by_role("button", name="Fit description as text").click()
    field = page.get_by_role("textbox", name="Fit description")
    expect(field).to_have_value(re.compile("residua: 1"))
    text = field.input_value()
    field.fill(re.sub(r"data: \S+", "data: /etc/passwd", text))
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("not a file of this project")
    changed = re.sub(r"(name: sky.*?intensity: )[\d.]+", r"\g<1>47", text, flags=re.DOTALL)
    assert changed != text
    field.fill(changed)
    page.get_by_role("button", name="Apply").click()
    expect(cell(page, "sky intensity")).to_have_value("47")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("z")
    expect(cell(page, "sky intensity")).to_have_value(before)


def test_two_images_keep_their_scenes_and_runs_over_a_reload(
    page: Page, tmp_path: Path, galaxy: Path, rng: np.random.Generator
) -> None:
    second = tmp_path / "second.fits"
    y, x = np.mgrid[:50, :44]
    data = 5 + 300 * np.exp(-1.678 * (np.hypot(x - 20, y - 30) / 5)) + rng.normal(scale=2.0, size=x.shape)
    fits.PrimaryHDU(data.astype(np.float32)).writeto(second)
    page.goto("/")
    choose_files(page, galaxy)
    page.wait_for_url("**/fit/*")
    wait_for_image(page)
    click_pixel(page, 36, 27)
    wait_for_image(page, "model")
    fit(page)
    expect(page.get_by_role("combobox", name="Image", exact=True)).to_have_count(0)
    choose_files(page, second)
    choice = page.get_by_role("combobox", name="Image", exact=True)
    expect(choice).to_have_value("second")
    expect(page.get_by_text("One image is fitted at a time: second.")).to_be_visible()
    expect(cell(page, "galaxy center x")).to_have_count(0)
    wait_for_size(page, 50, 44)
    click_pixel(page, 20, 30)
    expect(page.get_by_role("button", name="galaxy Sersic")).to_be_visible()
    wait_for_image(page, "model")
    fit(page)
    assert float(cell(page, "galaxy center x").input_value()) == pytest.approx(20, abs=0.1)
    runs = page.get_by_role("list", name="Runs").get_by_role("listitem")
    expect(runs.first).to_contain_text("second")
    expect(runs.last).to_contain_text("simulated")
    choice.select_option("simulated")
    expect(cell(page, "galaxy center x")).to_have_value(re.compile(r"^3[56]\."))
    page.reload()
    wait_for_image(page, "model")
    expect(choice).to_have_value("simulated")
    expect(cell(page, "galaxy center x")).to_have_value(re.compile(r"^3[56]\."))
    choice.select_option("second")
    expect(cell(page, "galaxy center x")).to_have_value(re.compile(r"^(19|20)\."))
