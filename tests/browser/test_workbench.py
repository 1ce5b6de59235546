"""Journeys at the workbench: presets, several fitters at once, components pulled about."""

from __future__ import annotations

import cmath
import math
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_masks_and_images import drag
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

HANDLES = """() => {
    const {x, y} = Bokeh.documents[0].get_model_by_name("handles").data
    return Array.from(x, (at, place) => [at, y[place]])
}"""
# Four, of the component that has this center and radius, as the table rounds them.
OF_COMPONENT = f"""([x, y, radius]) => {{
    const at = ({HANDLES})()
    const between = ([x0, y0], [x1, y1]) => Math.hypot(x1 - x0, y1 - y0)
    return at.length === 4 && between(at[0], [x, y]) < 0.01 && Math.abs(between(at[0], at[1]) - radius) < 0.01
}}"""
SAME = f"""before => {{
    const now = ({HANDLES})()
    return now.length === before.length && now.flat().every((at, place) => Math.abs(at - before.flat()[place]) < 1e-6)
}}"""


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
    expect(page.get_by_role("checkbox", name="Run Iterative (models)")).to_be_checked()
    expect(page.get_by_role("checkbox", name="Run Levenberg-Marquardt")).to_be_checked()
    tick(page, "Levenberg-Marquardt")
    fit(page)  # ends where it begins
    expect(page.get_by_role("heading", name="Model fitted")).to_be_visible()


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


def test_handles_pull_size_axis_ratio_and_angle(page: Page) -> None:
    open_example(page, "seed")
    page.get_by_role("button", name="sersic 0 Sersic").click()
    center = (
        float(cell(page, "sersic 0 center x").input_value()),
        float(cell(page, "sersic 0 center y").input_value()),
    )
    radius = float(cell(page, "sersic 0 effective radius Rₑ").input_value())
    page.wait_for_function(OF_COMPONENT, arg=[*center, radius])
    handles = page.evaluate(HANDLES)
    # Handle, turn in degrees and stretch of its place around the center, cell, and what becomes of its value.
    for place, turn, stretch, name, expected in (
        (1, 0.0, 0.8, "effective radius Rₑ", lambda value: 0.8 * value),
        (2, 0.0, 0.5, "axis ratio", lambda value: 0.5 * value),
        (3, 20.0, 1.0, "position angle", lambda value: value + 20),
    ):
        field = cell(page, f"sersic 0 {name}")
        before = field.input_value()
        x, y = handles[place]
        away = complex(x - center[0], y - center[1]) * stretch * cmath.exp(1j * math.radians(turn))
        drag(page, "data", (x, y), (center[0] + away.real, center[1] + away.imag))
        expect(field).not_to_have_value(before)
        assert float(field.input_value()) == pytest.approx(expected(float(before)), rel=0.1), name
        page.get_by_role("button", name="Undo", exact=True).click()
        expect(field).to_have_value(before)
        page.wait_for_function(SAME, arg=handles)  # they go back with a message of their own
