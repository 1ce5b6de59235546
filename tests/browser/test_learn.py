"""Reading and running the tutorial in a browser."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Server
from tests.browser.workbench import PATIENCE

pytestmark = pytest.mark.browser


def test_a_reader_changes_the_damping_and_runs(page: Page, server: Server) -> None:
    page.goto(server.url)
    page.get_by_role("link", name="Learn it, method by method").click()
    page.get_by_role("link", name="Levenberg-Marquardt and the damping").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(
        "Levenberg-Marquardt and the damping", timeout=PATIENCE
    )
    assert page.locator("math").count() > 10
    cell = page.get_by_role("region", name=re.compile("^Cell 3: history"))
    expect(cell.get_by_role("status")).to_contain_text("stored run")
    before = cell.locator("svg").last.inner_html()

    damping = page.get_by_role("textbox", name="damping")
    damping.fill("-3")
    damping.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="at least 0")).to_be_visible(timeout=PATIENCE)
    damping.fill("100")
    damping.press("Enter")
    expect(page.get_by_role("region", name=re.compile("^Cell 2: fit")).locator("pre").first).to_contain_text(
        "damping = 100", timeout=PATIENCE
    )
    cell.get_by_role("button", name="Run cell history").click()
    expect(cell.get_by_role("status")).to_contain_text("your run", timeout=PATIENCE)
    assert cell.locator("svg").last.inner_html() != before
    page.get_by_role("button", name="Reset").click()
    expect(cell.get_by_role("status")).to_contain_text("stored run", timeout=PATIENCE)


def test_the_pages_lead_to_each_other_and_to_the_workbench(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/learn/comparison")
    expect(page.get_by_role("table").first).to_contain_text("metropolis", timeout=PATIENCE)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download notebook").click()
    assert download.value.suggested_filename == "residua-comparison.ipynb"
    page.keyboard.press("n")
    expect(page.get_by_role("heading", level=1)).to_have_text("How to tell that a fit lies", timeout=PATIENCE)
    page.get_by_role("button", name="Open in the workbench").click()
    page.wait_for_url(re.compile(r"/fit/"))
    expect(page.get_by_role("button", name="Fit", exact=True)).to_be_enabled(timeout=PATIENCE)


def test_an_unknown_page_says_so(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/learn/nothing")
    expect(page.get_by_text("There is no lesson 'nothing'")).to_be_visible(timeout=PATIENCE)
