"""The viewer of the workbench: which panels are shown, what stands under the cursor, where one goes."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.workbench import COLORS, PLACE, RANGES, wait_for_image

pytestmark = pytest.mark.browser

VALUE = "([kind, index]) => Bokeh.documents[0].get_model_by_name(`image-${kind}`).data_source.data.image[0][index]"


def open_seed(page: Page) -> None:
    page.goto("/")
    page.get_by_role("link", name="Three galaxies").first.click()
    wait_for_image(page, "pull")


def test_panels_are_chosen_and_made_in_the_browser(page: Page) -> None:
    open_seed(page)
    panels = page.get_by_role("group", name="Panels shown")
    expect(panels.get_by_role("button", pressed=True)).to_have_text(["Data", "Model", "Residual/σ"])
    expect(panels.get_by_role("button", name="PSF")).to_be_disabled()
    panels.get_by_role("button", name="Residual", exact=True).click()
    panels.get_by_role("button", name="σ", exact=True).click()
    for kind in ("residual", "sigma"):
        wait_for_image(page, kind)
        assert page.evaluate(COLORS, kind) > 50, f"the {kind} panel is blank"
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


def test_the_readout_tells_pull_and_brightest_component(page: Page) -> None:
    open_seed(page)
    readout = page.get_by_role("group", name="Value under the cursor")
    for x, y, name in ((67, 66, "sersic 0"), (5, 95, "sky")):
        left, top = page.evaluate(PLACE, ["data", x, y])
        page.mouse.move(left - 3, top)
        page.wait_for_function(
            "Bokeh.documents[0].get_model_by_name('viewer-data').tags[0].data.image[0].length > 1"
        )
        page.mouse.move(left, top)
        expect(readout).to_contain_text(name)
        pull = page.evaluate(VALUE, ["pull", y * 99 + x])
        expect(readout).to_contain_text(f"{'+' if pull >= 0 else '−'}{abs(pull):.2f}")


def test_going_to_a_place_says_what_is_wrong_with_it(page: Page) -> None:
    open_seed(page)
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
