"""The queue on screen: what waits and goes on, and how a person takes it out."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.workbench import changed, choose_example, fit_button, option, tick, wait_for_image

pytestmark = pytest.mark.browser


def test_fits_stand_in_the_queue_until_they_are_cancelled(page: Page) -> None:
    page.goto("/jobs")
    expect(page.get_by_role("heading", name="Nothing waits")).to_be_visible()
    choose_example(page, "Three overlapping")
    wait_for_image(page, "model")
    # Whichever is first must not end before the queue is on screen.
    tick(page, "NUTS", "HMC")
    page.get_by_text("Options", exact=True).click()
    for title in ("HMC", "NUTS"):
        opener = page.get_by_role("button", name=title, exact=True)
        if opener.get_attribute("aria-expanded") != "true":
            opener.click()
            expect(opener).to_have_attribute("aria-expanded", "true")
        option(page, "draws").fill("5000")
        option(page, "draws").press("Tab")
        changed(page, "draws")
    fit_button(page).click()
    expect(page.get_by_text("waiting", exact=False).first).to_be_visible()
    page.get_by_role("link", name="Jobs").click()
    queue = page.get_by_role("table", name="Queue")
    expect(queue.get_by_role("row")).to_have_count(3)
    expect(queue.get_by_role("row").nth(1)).to_contain_text("running")
    expect(queue.get_by_role("row").nth(2)).to_contain_text("1")
    expect(page.get_by_text("In all: 1 running · 1 waiting · 1 worker")).to_be_visible()
    queue.get_by_role("checkbox", name="Tick all").check()
    page.get_by_role("button", name="Cancel 2").click()
    expect(page.get_by_role("heading", name="Nothing waits")).to_be_visible()
    page.get_by_role("link", name="All projects", exact=True).click()
    expect(page.get_by_role("heading", name="Fit galaxies")).to_be_visible()
