"""What a person does, from the first page to the files taken home."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from playwright.sync_api import Page, expect

from tests.browser.workbench import (
    COLORS,
    PLACE,
    PRESS_MS,
    RANGES,
    cell,
    changed,
    chi2_dof,
    choose_files,
    click_pixel,
    fit,
    fit_button,
    open_example,
    option,
    overflow,
    press,
    tick,
    verdict,
    wait_for_image,
)

pytestmark = pytest.mark.browser


def test_the_seed_example_is_there_fits_and_shows_its_residual(page: Page) -> None:
    page.goto("/")
    page.get_by_role("link", name="Three galaxies").last.click()
    wait_for_image(page, "pull")
    expect(cell(page, "sersic 0 Sersic index n")).to_have_value("1.5")
    fit(page)
    expect(verdict(page)).to_contain_text("Converged")
    assert 0.99 < chi2_dof(page) <= 1.0127
    expect(cell(page, "sersic 0 Sersic index n")).to_have_value("2.1496")
    expect(page.get_by_role("row", name="Sersic index n").filter(has_text="± 0.0046").first).to_be_visible()
    for kind in ("data", "model", "pull"):
        assert page.evaluate(COLORS, kind) > 50, f"the {kind} panel is blank"


def test_a_real_galaxy_from_upload_to_download(page: Page, shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "data" / "ic3478_64"
    reference = json.loads((folder / "case.json").read_text())
    page.goto("/")
    choose_files(page, folder / "image.fits", folder / "sigma.fits", folder / "mask.fits")
    page.wait_for_url("**/fit/*")
    wait_for_image(page)
    click_pixel(page, 32, 33)
    wait_for_image(page, "model")
    expect(page.get_by_role("button", name="galaxy Sersic")).to_be_visible()
    fit(page)
    expect(verdict(page)).to_contain_text("Converged")

    files = {
        name: tmp_path / name
        for name in ("images.fits", "result.json", "parameters.ecsv", "fit.yaml", "all.zip")
    }
    for name, path in files.items():
        with page.expect_download() as download:
            page.get_by_role("link", name=name).click()
        download.value.save_as(path)
    result = json.loads(files["result.json"].read_text())
    assert result["chi2_dof"] == pytest.approx(chi2_dof(page), abs=5e-5)
    # The reference has no sky, so one more free parameter can only do better.
    assert result["chi2"] <= 4555.9 * 1.002, reference.keys()
    with fits.open(files["images.fits"]) as images:
        data = images["DATA"].data
        np.testing.assert_allclose(data, fits.getdata(folder / "image.fits"), rtol=1e-6)
        np.testing.assert_allclose(
            images["RESIDUAL"].data, data - images["MODEL"].data, atol=1e-6 * np.abs(data).max()
        )
        pull = images["RESIDUAL"].data / fits.getdata(folder / "sigma.fits")
        used = np.isfinite(images["PULL"].data)
        np.testing.assert_allclose(images["PULL"].data[used], pull[used], rtol=1e-3, atol=1e-3)
    table = Table.read(files["parameters.ecsv"], format="ascii.ecsv")
    assert float(table["value"][list(table["key"]).index("galaxy.center.x")]) == pytest.approx(
        31.944, abs=0.05
    )


def test_a_simulated_galaxy_by_drop_and_click(page: Page, galaxy: Path) -> None:
    page.goto("/")
    expect(page.get_by_text("Drop a FITS image here")).to_be_visible()
    content = galaxy.read_bytes()
    transfer = page.evaluate_handle(
        """([name, bytes]) => {
            const transfer = new DataTransfer()
            transfer.items.add(new File([new Uint8Array(bytes)], name))
            return transfer
        }""",
        [galaxy.name, list(content)],
    )
    for event in ("dragenter", "dragover", "drop"):
        page.dispatch_event("body", event, {"dataTransfer": transfer})
    page.wait_for_url("**/fit/*")
    wait_for_image(page)
    expect(page.get_by_role("heading", name="simulated")).to_be_visible()
    expect(page.get_by_role("status", name="Notes on the image")).to_contain_text("noise")
    click_pixel(page, 36, 27)
    wait_for_image(page, "pull")
    fit(page)
    assert chi2_dof(page) == pytest.approx(1.0, abs=0.1)
    assert float(cell(page, "galaxy center x").input_value()) == pytest.approx(36, abs=0.05)
    assert float(cell(page, "galaxy center y").input_value()) == pytest.approx(27, abs=0.05)
    assert float(cell(page, "galaxy Sersic index n").input_value()) == pytest.approx(1, abs=0.1)


def test_a_file_that_is_no_image_gets_a_sentence(page: Page, tmp_path: Path, complaints: list[str]) -> None:
    path = tmp_path / "notes.fits"
    path.write_text("This is not a FITS file.")
    page.goto("/")
    choose_files(page, path)
    alert = page.get_by_role("alert").filter(has_text="notes.fits")
    expect(alert).to_be_visible()
    assert "/" not in alert.inner_text(), "the sentence names the file as its sender did"
    assert page.url.rstrip("/").endswith(page.evaluate("location.host"))
    # Chromium itself reports every refused upload.
    complaints[:] = [one for one in complaints if "422" not in one]


def test_an_edit_redraws_is_refused_and_undone(page: Page) -> None:
    open_example(page, "seed")
    before = page.evaluate(
        "Array.from(Bokeh.documents[0].get_model_by_name('image-model').data_source.data.image[0].slice(0, 50))"
    )
    field = cell(page, "sky intensity")
    field.fill("60")
    field.press("Enter")
    expect(field).to_have_value("60")
    page.wait_for_function(
        "first => Bokeh.documents[0].get_model_by_name('image-model').data_source.data.image[0][0] > first + 30",
        arg=before[0],
    )
    ratio = cell(page, "sersic 0 axis ratio")
    ratio.fill("1.5")
    ratio.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="must lie in")).to_be_visible()
    expect(ratio).to_have_value("0.6")
    page.get_by_role("button", name="Undo", exact=True).click()
    expect(cell(page, "sky intensity")).to_have_value("25.1189")
    page.get_by_role("button", name="Redo", exact=True).click()
    expect(cell(page, "sky intensity")).to_have_value("60")


def test_a_reload_keeps_the_fit_and_the_zoom_survives_one(page: Page) -> None:
    open_example(page, "seed")
    page.get_by_role("button", name="Zoom in").click()
    zoomed = page.evaluate(RANGES)
    fit(page)
    assert page.evaluate(RANGES) == zoomed, "new images must not move the view"
    expect(page.get_by_role("row", name="effective radius").filter(has_text="±")).to_have_count(3)
    value = cell(page, "sersic 2 effective radius Rₑ").input_value()
    page.reload()
    wait_for_image(page, "pull")
    expect(verdict(page)).to_contain_text("Converged")
    expect(cell(page, "sersic 2 effective radius Rₑ")).to_have_value(value)
    expect(page.get_by_role("list", name="Runs", exact=True).get_by_role("listitem")).to_have_count(1)


def test_a_running_fit_can_be_cancelled(page: Page) -> None:
    open_example(page, "seed")
    tick(page, "Gradient descent")
    page.get_by_text("Options", exact=True).click()
    # A fit that would take hours: very many steps, and no reason to stop before.
    for name, value in (("max steps", "1000000"), ("patience", "1000000"), ("tolerance", "0")):
        # The server's answer to the one before comes while it is typed, and draws the fields anew.
        field = option(page, name)
        field.focus()
        page.keyboard.press("Control+a")
        page.keyboard.type(value, delay=50)
        page.keyboard.press("Tab")
        expect(field).to_have_value(value)
    changed(page, "max steps", "patience", "tolerance")
    fit_button(page).click()
    under_way = page.get_by_role("list", name="Runs under way").get_by_role("status")
    expect(under_way).to_contain_text(re.compile(r"step \d\d"))
    press(page.get_by_role("button", name="Stop, keep best"))
    expect(verdict(page)).to_contain_text("Stopped on request")
    expect(fit_button(page)).to_be_enabled()
    assert chi2_dof(page) < 280, "the best values so far are kept"
    fit_button(page).click()
    expect(under_way).to_contain_text(re.compile(r"step \d\d"))
    page.get_by_role("button", name="Discard").focus()
    page.wait_for_timeout(PRESS_MS)
    page.keyboard.press("Space", delay=PRESS_MS)
    expect(page.get_by_role("list", name="Runs under way")).to_have_count(0)
    expect(page.get_by_role("list", name="Runs", exact=True).get_by_role("listitem")).to_have_count(1)


def test_components_are_renamed_deleted_and_added(page: Page) -> None:
    open_example(page, "seed")
    components = page.get_by_role("list", name="Components").get_by_role("listitem")
    expect(components).to_have_count(4)
    components.nth(3).hover()
    page.get_by_role("button", name="Rename sersic 2").click()
    page.get_by_role("textbox", name="New name of sersic 2").fill("nucleus")
    page.keyboard.press("Enter")
    expect(components.nth(3)).to_contain_text("nucleus")
    fit(page)
    components.nth(3).hover()
    page.get_by_role("button", name="Delete nucleus").click()
    expect(components).to_have_count(3)
    fit(page)
    assert chi2_dof(page) > 1.1
    page.get_by_role("combobox", name="Add component").select_option(label="Sersic")
    expect(page.get_by_role("status").filter(has_text="Click the center")).to_be_visible()
    click_pixel(page, 42.6, 57.8)
    expect(components).to_have_count(4)
    fit(page)
    assert chi2_dof(page) <= 1.0127, "the new component starts from what the fitted ones leave"


def test_the_look_changes_without_the_server(seed_page: Page) -> None:
    page = seed_page
    color = "() => Bokeh.documents[0].get_model_by_name('image-data').glyph.color_mapper.palette[600]"
    before = page.evaluate(color)
    sent: list[object] = []
    page.on("websocket", lambda socket: socket.on("framesent", sent.append))
    page.get_by_role("combobox", name="Stretch").select_option("linear")
    assert page.evaluate(color) != before
    page.get_by_role("combobox", name="Colors", exact=True).select_option("gray")
    page.get_by_role("combobox", name="Limits").select_option("min-max")
    mapper = "Bokeh.documents[0].get_model_by_name('image-model').glyph.color_mapper"
    low, high = page.evaluate(f"[{mapper}.low, {mapper}.high]")
    data = page.evaluate(
        "Array.from(Bokeh.documents[0].get_model_by_name('image-data').data_source.data.image[0])"
    )
    assert low == pytest.approx(min(data))
    assert high == pytest.approx(max(data))
    page.get_by_role("textbox", name="Upper limit").fill("1000")
    page.keyboard.press("Tab")
    expect(page.get_by_role("combobox", name="Limits")).to_have_value("manual")
    assert (
        page.evaluate("() => Bokeh.documents[0].get_model_by_name('image-data').glyph.color_mapper.high")
        == 1000
    )


def test_keys_and_help(page: Page) -> None:
    open_example(page, "seed")
    shown = "kind => Bokeh.documents[0].get_model_by_name(`panel-${kind}`).visible"
    page.keyboard.press("3")
    assert not page.evaluate(shown, "data")
    page.keyboard.press("3")
    assert page.evaluate(shown, "data")
    page.keyboard.press("b")
    assert page.evaluate(shown, "data")
    assert not page.evaluate(shown, "model")
    page.keyboard.press("b")
    assert page.evaluate(shown, "model")
    page.keyboard.press("4")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("Undo")
    page.keyboard.press("Escape")
    page.keyboard.press("f")
    expect(verdict(page)).to_contain_text("Converged")


def test_the_readout_tells_the_pixel_under_the_cursor(seed_page: Page) -> None:
    page = seed_page
    left, top = page.evaluate(PLACE, ["data", 67, 30])
    page.mouse.move(left, top)
    readout = page.get_by_role("group", name="Value under the cursor")
    # Row 30, column 67: an image that were transposed or upside down would tell another value.
    data = page.evaluate(
        "Bokeh.documents[0].get_model_by_name('image-data').data_source.data.image[0][30 * 99 + 67]"
    )
    expect(readout).to_contain_text(f"{data:.5g}")
    expect(readout).to_contain_text("67")


@pytest.mark.parametrize("size", [(1280, 800), (1920, 1080)])
def test_nothing_is_cut_off(seed_page: Page, size: tuple[int, int]) -> None:
    page = seed_page
    wider, higher = overflow(page, size)
    assert (wider, higher) == (0, 0), "the page itself must not scroll"
    for kind in ("data", "model", "pull"):
        figure = f"Bokeh.documents[0].get_model_by_name('viewer-{kind}')"
        width, height = page.evaluate(f"[{figure}.inner_width, {figure}.inner_height]")
        assert width > 190, kind
        assert height > 190, kind


def test_the_theme_is_kept_for_the_next_page(page: Page) -> None:
    page.goto("/")
    theme = "document.documentElement.dataset.themeName"
    assert page.evaluate(theme) == "light"
    page.get_by_role("button", name="Toggle theme").click()
    page.wait_for_function(f"{theme} === 'dark'")
    page.goto("/")
    assert page.evaluate(theme) == "dark"


def test_an_unknown_project_says_so(page: Page) -> None:
    page.goto("/fit/nosuchproject")
    expect(page.get_by_role("heading", name="No such project")).to_be_visible()
    expect(page.get_by_role("link", name="All projects", exact=True)).to_be_visible()
