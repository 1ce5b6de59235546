"""Journeys at the workbench: presets, several fitters at once, components pulled about."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.workbench import (
    PLACE,
    cell,
    chi2_dof,
    choose_files,
    click_pixel,
    fit,
    fit_button,
    open_example,
    tick,
    verdict,
    wait_for_image,
)

pytestmark = pytest.mark.browser


def test_a_bulge_and_a_disk_on_a_real_image_from_clicks_alone(page: Page, shared_data: Path) -> None:
    folder = shared_data / "data" / "decals_r"
    page.goto("/")
    choose_files(page, *(folder / f"{name}.fits" for name in ("image", "sigma", "mask", "psf")))
    page.wait_for_url("**/fit/*")
    wait_for_image(page)
    page.get_by_role("combobox", name="Add component").select_option(label="Bulge + disk")
    expect(page.get_by_role("status").filter(has_text="Click the center")).to_be_visible()
    click_pixel(page, 58, 62)
    wait_for_image(page, "pull")
    expect(page.get_by_role("button", name="bulge Sersic")).to_be_visible()
    fit(page)
    expect(verdict(page)).to_contain_text("Converged")
    # What another code reaches with a Sersic and an exponential: 0.9247.
    assert chi2_dof(page) < 0.926
    bulge, disk = (float(cell(page, f"{name} center x").input_value()) for name in ("bulge", "disk"))
    assert bulge == pytest.approx(disk, abs=1e-3), "the centers are linked"


def test_several_fitters_give_several_runs_and_the_best_is_shown(page: Page) -> None:
    open_example(page, "seed")
    tick(page, "Levenberg-Marquardt", "Iterative (models)")
    fit_button(page).click()
    runs = page.get_by_role("list", name="Runs", exact=True).get_by_role("listitem")
    expect(runs).to_have_count(2)
    expect(runs.filter(has_text="Levenberg-Marquardt")).to_contain_text("converged")
    expect(runs.filter(has_text="Iterative (models)")).to_contain_text("converged")
    expect(page.get_by_role("list", name="Runs under way")).to_have_count(0)
    assert chi2_dof(page) <= 1.0127
    curves = "Bokeh.documents[0].get_model_by_name('convergence').renderers"
    lengths = page.evaluate(f"{curves}.map((one) => one.data_source.data.step.length)")
    assert sum(length > 1 for length in lengths) == 4, "a line and its dots for each run"
    runs.first.hover()
    page.get_by_role("button", name="Delete run 2").click()
    expect(runs).to_have_count(1)
    page.get_by_role("button", name="Bring it back").click()
    expect(runs).to_have_count(2)
    page.reload()
    wait_for_image(page, "pull")
    expect(runs).to_have_count(2)


def test_a_component_is_pulled_with_the_change_of_chi2_beside_the_hand(page: Page) -> None:
    open_example(page, "seed")
    center = cell(page, "sersic 0 center x")
    before = center.input_value()
    left, top = page.evaluate(
        PLACE, ["data", float(before), float(cell(page, "sersic 0 center y").input_value())]
    )
    page.mouse.move(left, top)
    page.mouse.down()
    page.mouse.move(left - 10, top)
    page.mouse.move(left - 20, top)
    expect(page.get_by_role("status").filter(has_text="Δχ²")).to_be_visible()
    page.mouse.up()
    expect(center).not_to_have_value(before)
    assert float(center.input_value()) < float(before) - 3
    expect(page.get_by_role("button", name="sersic 0 Sersic")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Undo", exact=True).click()
    expect(center).to_have_value(before)
    page.keyboard.press("ArrowRight")
    expect(center).not_to_have_value(before)
    assert float(center.input_value()) == pytest.approx(float(before) + 1, abs=1e-3)
    page.keyboard.press("s")
    expect(cell(page, "sersic 0 Sersic index n")).not_to_have_value("1.5")
