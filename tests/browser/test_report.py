"""A project's notebook in a browser, and its exported report without a network."""

from __future__ import annotations

import re
import time
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from playwright.sync_api import Browser, Page, expect

from tests.browser.workbench import PATIENCE, choose_files, click_pixel, fit, wait_for_image

pytestmark = pytest.mark.browser

NAME = "<img src=x onerror=alert(1)>"
NOTE = "Seen: $\\chi^2 < 2$ <script>alert(2)</script>"
RESIDUAL = """() => {
    const models = [...(window.Bokeh?.documents?.[0]?._all_models?.values() ?? [])]
    const figure = models.find((model) => model.name === "residual-map")
    const view = figure && window.Bokeh.index.find_one_by_id(figure.id)
    if (!view) return null
    view.el.scrollIntoView({block: "center"})
    const box = view.el.getBoundingClientRect()
    const {start, end} = figure.x_range
    return {x: box.left + box.width / 2, y: box.top + box.height / 2, span: end - start}
}"""


def galaxy(folder: Path) -> Path:
    y, x = np.mgrid[:48, :48]
    light = 20 + 900 * np.exp(-np.hypot((x - 24) / 5, (y - 23) / 3))
    hdu = fits.PrimaryHDU(np.random.default_rng(5).normal(light, 3))
    hdu.header["OBJECT"] = "<script>alert(1)</script>"
    path = folder / f"{NAME}.fits"
    hdu.writeto(path)
    return path


def test_a_project_tells_what_was_done_and_takes_it_along(
    page: Page, browser: Browser, tmp_path: Path
) -> None:
    page.goto("/")
    choose_files(page, galaxy(tmp_path))
    page.wait_for_url(re.compile("/fit/"))
    wait_for_image(page)
    click_pixel(page, 24, 23)
    expect(page.get_by_role("textbox", name="intensity", exact=False).first).to_be_visible(timeout=PATIENCE)
    fit(page)
    page.get_by_role("link", name="Report", exact=True).click()

    fitted = page.get_by_role("region", name=re.compile("^Fit by Levenberg-Marquardt"))
    expect(fitted.locator("svg").last).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_role("heading", level=1)).to_contain_text(NAME)
    page.get_by_role("button", name="Add a note at the beginning").click()
    field = page.get_by_role("textbox", name="New note")
    field.fill(NOTE)
    field.press("Shift+Enter")
    written = page.get_by_role("region", name="Note", exact=True)
    expect(written).to_contain_text("<script>alert(2)</script>")
    expect(written.locator("math")).to_have_count(1)
    page.get_by_role("button", name=re.compile("^Hide: Fit by")).click()
    expect(page.get_by_role("button", name=re.compile("^Show: Fit by"))).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("button", name=re.compile("^Hide: Fit by"))).to_be_visible()

    with page.expect_download(timeout=PATIENCE) as download:
        page.get_by_role("button", name="Export HTML").click()
    path = tmp_path / "report.html"
    download.value.save_as(path)

    context = browser.new_context(offline=True)
    report = context.new_page()
    asked: list[str] = []
    complaints: list[str] = []
    report.on("request", lambda request: asked.append(request.url))
    report.on("pageerror", lambda error: complaints.append(str(error)))
    report.on("dialog", lambda dialog: complaints.append(dialog.message))
    report.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    report.goto(path.as_uri())
    report.wait_for_function(RESIDUAL, timeout=PATIENCE)
    report.wait_for_timeout(300)
    before = report.evaluate(RESIDUAL)
    # What above it is drawn late moves the figure: a wheel beside it does nothing.
    deadline = time.monotonic() + PATIENCE / 1000
    while (now := report.evaluate(RESIDUAL))["span"] >= 0.95 * before["span"]:
        assert time.monotonic() < deadline, (before, now)
        report.mouse.move(now["x"], now["y"])
        report.mouse.wheel(0, -400)
        report.wait_for_timeout(500)
    expect(report.get_by_role("main")).to_contain_text("<script>alert(2)</script>")
    expect(report.get_by_role("navigation", name="Contents")).to_contain_text("Provenance")
    context.close()
    assert complaints == []
    assert asked == [path.as_uri()]


def test_an_empty_notebook_says_what_fills_it(page: Page) -> None:
    page.goto("/report/nosuchproject")
    expect(page.get_by_role("heading", name="No such project")).to_be_visible(timeout=PATIENCE)
