"""The viewer of the workbench: which panels are shown, what stands under the cursor, where one goes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from playwright.sync_api import Page, expect

from tests.browser.workbench import COLORS, PLACE, RANGES, choose_files, wait_for_image

pytestmark = pytest.mark.browser

VALUE = "([kind, index]) => Bokeh.documents[0].get_model_by_name(`image-${kind}`).data_source.data.image[0][index]"
CURVE = """([name, place]) => {
    const figure = Bokeh.documents[0].get_model_by_name(name)
    const data = figure?.renderers[place].data_source.data
    return data ? [Array.from(data.x), Array.from(data.y)] : [[], []]
}"""
DRAWN = """name => {
    const view = Bokeh.index.find_one_by_id(Bokeh.documents[0].get_model_by_name(name)?.id)
    const canvas = view?.canvas_view.primary.canvas
    if (!canvas?.width) return false
    const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height)
    return new Set(new Uint32Array(data.buffer)).size > 5
}"""


def test_the_readout_tells_pull_and_brightest_component(seed_page: Page) -> None:
    page = seed_page
    readout = page.get_by_role("group", name="Value under the cursor")
    for x, y, name in ((67, 66, "sersic 0"), (5, 95, "sky")):
        left, top = page.evaluate(PLACE, ["data", x, y])
        page.mouse.move(left, top)
        # The first time the server is asked for it, and the answer is told without a further move.
        expect(readout).to_contain_text(name)
        pull = page.evaluate(VALUE, ["pull", y * 99 + x])
        expect(readout).to_contain_text(f"{'+' if pull >= 0 else '−'}{abs(pull):.2f}")


def test_profiles_follow_the_cursor_and_the_selected_component(seed_page: Page) -> None:
    page = seed_page
    page.keyboard.press("p")
    expect(page.get_by_role("button", name="Profiles")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_text("Around sersic 1", exact=False)).to_contain_text("data and model differ the most")
    for name in ("radial-profile", "pull-histogram", "cut-row", "cut-column"):
        page.wait_for_function(DRAWN, arg=name)
    left, top = page.evaluate(PLACE, ["data", 30, 57])
    page.mouse.move(left, top)
    page.wait_for_function(
        "Bokeh.documents[0].get_model_by_name('cut-row').below[0].axis_label === 'x / pixel, at y = 57'"
    )
    x, y = page.evaluate(CURVE, ["cut-row", 0])
    assert x == pytest.approx(range(99))
    assert y[30] == pytest.approx(page.evaluate(VALUE, ["data", 57 * 99 + 30]))
    x, y = page.evaluate(CURVE, ["cut-column", 1])
    assert y[57] == pytest.approx(page.evaluate(VALUE, ["model", 57 * 99 + 30]))
    page.get_by_role("list", name="Components").get_by_text("sersic 0").click()
    expect(page.get_by_text("Around sersic 0", exact=False)).to_be_visible()
    page.keyboard.press("p")
    expect(page.get_by_role("textbox", name="sersic 0 Sersic index n value", exact=True)).to_be_visible()


def test_going_to_a_place_says_what_is_wrong_with_it(seed_page: Page) -> None:
    page = seed_page
    wait_for_image(page)
    before = page.evaluate(RANGES)
    box = page.get_by_role("textbox", name="Go to a place")
    readout = page.get_by_role("group", name="Value under the cursor")
    box.fill("somewhere else")
    box.press("Enter")
    expect(readout).to_contain_text("is not a place. Write x, y in pixels.")
    box.fill("500, 30")
    box.press("Enter")
    expect(readout).to_contain_text("lies outside the image, which goes from 0 to 98 in x")
    assert page.evaluate(RANGES) == before
    box.fill("20, 30")
    box.press("Enter")
    expect(readout).to_contain_text("20.0, 30.0")
    left, right, low, high = page.evaluate(RANGES)
    assert ((left + right) / 2, (low + high) / 2) == pytest.approx((20, 30))
    box.blur()


def test_panels_are_chosen_and_made_in_the_browser(seed_page: Page) -> None:
    page = seed_page
    panels = page.get_by_role("group", name="Panels shown")
    expect(panels.get_by_role("button", pressed=True)).to_have_text(["Data", "Model", "Residual/σ"])
    expect(panels.get_by_role("button", name="PSF")).to_be_disabled()
    panels.get_by_role("button", name="Residual", exact=True).click()
    panels.get_by_role("button", name="σ", exact=True).click()
    for kind in ("residual", "sigma"):
        wait_for_image(page, kind)
        # It is painted in a later frame.
        page.wait_for_function(f"kind => ({COLORS})(kind) > 50", arg=kind)
    pixel = 30 * 99 + 67
    data, model, sigma, residual, pull = (
        page.evaluate(VALUE, [kind, pixel]) for kind in ("data", "model", "sigma", "residual", "pull")
    )
    assert residual == pytest.approx(data - model, rel=1e-4)
    assert pull == pytest.approx((data - model) / sigma, rel=1e-4)
    page.keyboard.press("5")
    expect(panels.get_by_role("button", pressed=True)).to_have_text(["σ"])
    page.keyboard.press("5")
    expect(panels.get_by_role("button", pressed=True)).to_have_count(5)


def test_going_to_a_place_in_the_sky(page: Page, tmp_path: Path) -> None:
    sky = WCS(naxis=2)
    sky.wcs.ctype, sky.wcs.crval, sky.wcs.crpix = ["RA---TAN", "DEC--TAN"], [150.1, 2.2], [30.5, 20.5]
    sky.wcs.cdelt = [-1 / 3600, 1 / 3600]
    path = tmp_path / "masks_g-band.fits"  # alone it is an image, whatever its name says
    data = np.random.default_rng(1).normal(10, 1, (50, 60)).astype(np.float32)
    fits.PrimaryHDU(data, sky.to_header()).writeto(path)
    page.goto("/")
    choose_files(page, path)
    page.wait_for_url("**/fit/*")
    wait_for_image(page)
    place = sky.pixel_to_world(41, 12).to_string("hmsdms", sep=":", precision=3)
    box = page.get_by_role("textbox", name="Go to a place")
    expect(box).to_have_attribute("placeholder", "Go to x, y or RA Dec")
    box.fill(place)
    box.press("Enter")
    expect(page.get_by_role("group", name="Value under the cursor")).to_contain_text("41.0, 12.0")
    left, right, low, high = page.evaluate(RANGES)
    assert ((left + right) / 2, (low + high) / 2) == pytest.approx((41, 12), abs=0.1)
