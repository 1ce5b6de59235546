"""A server that stops and starts again on its data folder has lost nothing, and an address shows the same to others."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from dashboard.store import Store
from tests.browser.conftest import serving, watched_page
from tests.browser.test_masks_and_images import drag, masked
from tests.browser.workbench import cell, changed, fit, option, tick, verdict, wait_for_image
from tests.dashboard.fits import small_project

pytestmark = pytest.mark.browser


def fill(page: Page, row: str, what: str, text: str) -> None:
    """Write into a field of the list of runs."""
    page.get_by_role("button", name=f"{what} of {row}").click()
    page.get_by_role("textbox", name=f"{what} of {row}").fill(text)
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name=f"{what} of {row}")).to_contain_text(text)


def at_the_workbench(page: Page) -> list[str]:
    """What stands there of the fit, once it is all there."""
    wait_for_image(page, "pull")
    expect(verdict(page)).to_contain_text("scatter of 8 fits")
    masked(page, 200)
    runs = page.get_by_role("list", name="Runs", exact=True)
    expect(runs.get_by_role("listitem")).to_have_count(2)
    return [verdict(page).inner_text(), cell(page, "disk0 center x").input_value(), runs.inner_text()]


def in_the_list(page: Page) -> str:
    table = page.get_by_role("table", name="Runs")
    expect(table.get_by_role("row", name=re.compile("LM"))).to_contain_text("the one to use")
    return table.inner_text()


def compared(page: Page) -> str:
    expect(page.get_by_role("status", name="Verdict")).to_be_visible()
    parameters = page.get_by_role("table", name="Parameters of the runs")
    expect(parameters.get_by_role("row")).to_have_count(9)
    return page.get_by_role("status", name="Verdict").inner_text() + parameters.inner_text()


def drawn(page: Page) -> str:
    words = page.get_by_text("Bootstrap: 8 draws", exact=False).first
    expect(words).to_be_visible()
    return words.inner_text()


def test_a_restart_keeps_everything_and_an_address_shows_the_same_to_others(
    browser: Browser, tmp_path: Path, complaints: list[str]
) -> None:
    data = tmp_path / "data"
    with closing(Store(data)) as store:
        project = small_project(store).id
    with serving(data) as server, watched_page(browser, server, complaints) as page:
        page.goto(f"/fit/{project}")
        wait_for_image(page, "model")
        page.get_by_role("button", name="Mask a box").click()
        drag(page, "data", (9.5, 4.5), (29.5, 14.5))
        masked(page, 200)
        page.keyboard.press("Escape")
        fit(page)
        tick(page, "Bootstrap")
        page.get_by_text("Options", exact=True).click()
        option(page, "draws").fill("8")
        option(page, "draws").press("Tab")
        changed(page, "draws")
        fit(page)
        bench = at_the_workbench(page)
        page.goto(f"/runs/{project}")
        fill(page, "run 1", "Tags", "paper")
        fill(page, "run 1", "Note", "the one to use")
        listed = in_the_list(page)
        for number in (1, 2):
            page.get_by_role("checkbox", name=f"Tick run {number}").check()
        page.get_by_role("button", name="Compare 2").click()
        comparison_says = compared(page)
        comparison = page.url.removeprefix(server.url)
        lm, bootstrap = re.findall(r"\w{12}", comparison)
        posterior = f"/run/{bootstrap}?section=corner&over={lm}"
        page.goto(posterior)
        draws_say = drawn(page)
    with serving(data) as server, watched_page(browser, server, complaints) as page:
        page.goto(f"/fit/{project}")
        assert at_the_workbench(page) == bench
        page.goto(f"/runs/{project}")
        assert in_the_list(page) == listed
        page.goto(comparison)
        assert compared(page) == comparison_says
        page.goto(posterior)
        assert drawn(page) == draws_say
