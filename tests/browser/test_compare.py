"""Journeys of the page that compares runs and of the list of runs."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

import engine
from dashboard.store import RunStatus, Store
from tests.browser.conftest import Profiles, Server, serving, watched
from tests.browser.workbench import overflow, press
from tests.dashboard.fits import components, galaxy, project_with, small_project

FITS = (("lm", {}), ("iterative", {}), ("gradient", {"max_steps": 3}), ("laplace", {"draws": 100}))
# How many colors a canvas shows: one that is blank has a single one.
COLORS = """canvas => {
    const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height)
    return new Set(new Uint32Array(data.buffer)).size
}"""


def seeded(store: Store, project_id: str) -> list[str]:
    """Ended runs of several fitters, made here as a worker makes them; their ids in the order of FITS."""
    project = store.project(project_id)
    problem = engine.load(store.resolved_description(project))
    ids = []
    for fitter, options in FITS:
        run = store.create_run(project.id, project.description or {}, fitter, options)
        store.advance_run(run.id, RunStatus.RUNNING)
        result = engine.fit(problem, fitter, seed=3, **options)
        engine.write_run(store.run_folder(run.id), problem, result)
        store.advance_run(
            run.id,
            RunStatus.FINISHED,
            message=result.message,
            converged=result.converged,
            chi2_dof=result.chi2_dof,
        )
        ids.append(run.id)
    return ids


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("compare")


@pytest.fixture(scope="module")
def runs(folder: Path) -> dict[str, list[str]]:
    """Ids of runs by project, in a data folder that nobody serves yet."""
    with closing(Store(folder)) as store:
        small, listed = small_project(store), small_project(store)
        return {small.id: seeded(store, small.id), listed.id: seeded(store, listed.id)}


@pytest.fixture(scope="module")
def server(folder: Path, runs: dict[str, list[str]]) -> Iterator[Server]:
    """A server of its own, on the data folder with these runs."""
    with serving(folder) as served:
        yield served


def canvases(page: Page) -> list[int]:
    """Colors in each image of the wall."""
    return [canvas.evaluate(COLORS) for canvas in page.locator(".tile canvas").all()]


def open_comparison(page: Page, ids: list[str], more: str = "") -> None:
    page.goto(f"/compare?runs={','.join(ids)}{more}")
    expect(page.get_by_role("status", name="Verdict")).to_be_visible()
    expect(page.locator(".tile canvas")).to_have_count(len(ids) + (len(ids) > 1))


@pytest.mark.browser
def test_runs_of_several_fitters_are_compared(page: Page, runs: dict[str, list[str]]) -> None:
    ids = next(iter(runs.values()))
    open_comparison(page, ids)
    verdict = page.get_by_role("status", name="Verdict")
    expect(verdict).to_contain_text("LM, Iterative and Laplace agree within")
    expect(verdict).to_contain_text("Gradient ran out of steps")
    assert min(canvases(page)) > 30, "an image is blank"

    table = page.get_by_role("table", name="Parameters of the runs")
    row = table.get_by_role("row", name=re.compile("disk0 Rₑ"))
    numbers = [float(text) for text in re.findall(r"([\d.]+) ±", row.inner_text())]
    assert len(numbers) == len(ids)
    assert numbers[1] == pytest.approx(numbers[0], rel=1e-3), "LM and Iterative"
    expect(row).to_contain_text("reference")
    matrix = page.get_by_role("table", name="Tension between runs")
    expect(matrix.get_by_role("row", name=re.compile("^LM ·"))).to_contain_text("σ")
    expect(page.get_by_role("table", name="Race")).to_contain_text("1st")
    expect(page.get_by_role("table", name="Costs")).to_contain_text("Laplace")
    expect(page.get_by_role("table", name="Information criteria")).to_contain_text("Iterative")

    page.get_by_role("link", name="Report", exact=True).click()
    told = page.get_by_role("region", name=f"Comparison of {len(ids)} fits")
    expect(told).to_contain_text("agree within", timeout=60_000)
    expect(told.locator("figure svg")).to_have_count(2)  # the race, and the posterior of Laplace


@pytest.fixture(scope="module")
def opened(
    profiles: Profiles, server: Server, runs: dict[str, list[str]]
) -> Iterator[tuple[Page, list[str]]]:
    complaints: list[str] = []
    with watched(profiles(server.url), complaints) as page:
        open_comparison(page, next(iter(runs.values())))
        yield page, complaints


@pytest.fixture
def compared(opened: tuple[Page, list[str]]) -> Iterator[Page]:
    """All four runs, on one page for the tests that only look at them, in this order."""
    page, complaints = opened
    yield page
    assert not complaints, "\n".join(complaints)


@pytest.mark.browser
@pytest.mark.parametrize("size", [(1280, 800), (1920, 1080)])
def test_the_page_itself_does_not_scroll(compared: Page, size: tuple[int, int]) -> None:
    assert overflow(compared, size) == [0, 0]


@pytest.mark.browser
def test_a_click_on_a_pixel_tells_which_parameters_make_the_difference(
    compared: Page,
) -> None:
    page = compared
    page.get_by_role("img", name=re.compile("^Disagreement")).click()
    blame = page.get_by_role("table", name="Blame")
    expect(blame).to_be_visible()
    rows = blame.locator("tbody tr").all_inner_texts()
    contributions = [float(text.split("\t")[2].replace("−", "-")) for text in rows]
    assert "not explained" in rows[-1]
    assert rows[0].startswith("disk0.")
    assert abs(contributions[0]) >= abs(contributions[1])
    expect(page).to_have_url(re.compile(r"pixel=\d+,\d+"))


@pytest.mark.browser
def test_blink_swipe_and_keys(compared: Page) -> None:
    page = compared
    page.keyboard.press("d")
    expect(page.get_by_role("button", name="Data", exact=True)).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("r")
    page.keyboard.press("b")
    one = page.locator(".tile[data-id=one]")
    page.keyboard.press("ArrowRight")
    before = one.inner_text()
    page.keyboard.press("ArrowRight")
    expect(one).not_to_have_text(before)
    page.keyboard.press("s")
    page.get_by_role("combobox", name="Right").select_option("Gradient")
    expect(
        page.get_by_role("img", name=re.compile("of LM left of the line, of Gradient right"))
    ).to_be_visible()
    assert min(canvases(page)) > 30
    page.keyboard.press("t")
    expect(page.locator(".tile canvas")).to_have_count(5)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("Side by side, blink, swipe")


@pytest.mark.browser
def test_a_permalink_shows_the_same_in_another_browser(
    page: Page, browser: Browser, server: Server, runs: dict[str, list[str]]
) -> None:
    ids = next(iter(runs.values()))
    open_comparison(page, ids[:3])
    page.get_by_role("button", name="Model", exact=True).click()
    page.get_by_role("button", name="evaluations").click()
    page.get_by_role("combobox", name="Difference to").select_option("Iterative")
    page.get_by_role("checkbox", name=re.compile("Compare Laplace")).check()
    expect(page.locator(".tile canvas")).to_have_count(5)
    # The blame is that of all four runs.
    page.get_by_role("img", name=re.compile("^Disagreement")).click()
    expect(page.get_by_role("table", name="Blame")).to_be_visible()
    expect(page).to_have_url(
        re.compile(f"{ids[3]}.*reference={ids[1]}.*axis=evaluations.*kind=model.*pixel=")
    )
    expect(page.get_by_role("table", name="Parameters of the runs")).to_contain_text("Laplace")
    seen = [
        page.get_by_role("status", name="Verdict").inner_text(),
        page.get_by_role("table", name="Parameters of the runs").inner_text(),
        page.get_by_role("table", name="Blame").inner_text(),
    ]
    with closing(
        browser.new_context(base_url=server.url, viewport={"width": 1280, "height": 800})
    ) as context:
        other = context.new_page()
        other.goto(page.url)
        expect(other.get_by_role("table", name="Blame")).to_be_visible()
        expect(other.get_by_role("button", name="Model", exact=True)).to_have_attribute(
            "aria-pressed", "true"
        )
        expect(other.get_by_role("button", name="evaluations")).to_have_attribute("aria-pressed", "true")
        assert seen == [
            other.get_by_role("status", name="Verdict").inner_text(),
            other.get_by_role("table", name="Parameters of the runs").inner_text(),
            other.get_by_role("table", name="Blame").inner_text(),
        ]


@pytest.mark.browser
def test_the_table_shows_differences_only_and_is_copied(page: Page, runs: dict[str, list[str]]) -> None:
    ids = next(iter(runs.values()))
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_comparison(page, ids[:2])
    page.get_by_role("button", name="Copy CSV").click()
    expect(page.get_by_text("CSV copied")).to_be_visible()
    rows = list(csv.DictReader(page.evaluate("navigator.clipboard.readText()").splitlines()))
    radius = next(row for row in rows if row["parameter"] == "disk0.radius_e")
    assert float(radius["LM"]) == pytest.approx(6.7, abs=0.3)
    assert abs(float(radius["Iterative difference in sigma"])) < 0.5
    page.get_by_role("button", name="Copy LaTeX").click()
    expect(page.get_by_text("LaTeX copied")).to_be_visible()
    text = page.evaluate("navigator.clipboard.readText()")
    assert text.startswith("\\begin{tabular}{lrr}")
    assert "\\pm" in text
    page.get_by_role("checkbox", name="Only differences").check()
    expect(page.get_by_text("No parameter differs by 1 σ or more.")).to_be_visible()
    page.get_by_role("checkbox", name=re.compile("Compare Gradient")).check()
    expect(page.get_by_role("table", name="Parameters of the runs")).to_contain_text("disk0")


@pytest.mark.browser
def test_what_cannot_be_compared_is_told_in_a_sentence(page: Page, runs: dict[str, list[str]]) -> None:
    project = next(iter(runs))
    page.goto(f"/compare?project={project}")
    expect(page.get_by_role("heading", name="Tick two runs")).to_be_visible()
    page.get_by_role("checkbox", name=re.compile("Compare LM")).check()
    expect(page.get_by_text("One run alone").last).to_be_visible()
    page.goto("/compare?runs=bcdfghjkmnpq&axis=%3Cscript%3E")
    expect(page.get_by_role("heading", name="Nothing to compare yet")).to_be_visible()


@pytest.mark.browser
def test_the_list_keeps_what_is_said_of_a_run_and_undoes_a_deletion(
    page: Page, runs: dict[str, list[str]], tmp_path: Path
) -> None:
    project = list(runs)[1]
    page.goto(f"/runs/{project}")
    table = page.get_by_role("table", name="Runs")
    expect(table.locator("tbody tr")).to_have_count(4)
    page.get_by_role("button", name="Star run 1").click()
    page.get_by_role("button", name="Tags of run 1").click()
    page.get_by_role("textbox", name="Tags of run 1").fill("paper, <b>bold</b>")
    page.keyboard.press("Enter")
    expect(table.get_by_role("row", name=re.compile("LM"))).to_contain_text("paper, <b>bold</b>")
    page.get_by_role("button", name="Note of run 1").click()
    page.get_by_role("textbox", name="Note of run 1").fill("the one to use")
    page.keyboard.press("Enter")
    expect(table.get_by_role("row", name=re.compile("LM"))).to_contain_text("the one to use")
    page.get_by_role("button", name="Note of run 2").click()
    press(page.get_by_role("button", name="Star run 2"))  # leaves the field
    expect(page.get_by_role("button", name="Star run 2")).to_have_attribute("aria-pressed", "true")

    page.reload()
    expect(page.get_by_role("button", name="Star run 1")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("combobox", name="Tag", exact=True).select_option("paper")
    expect(table.locator("tbody tr")).to_have_count(1)
    page.reload()
    expect(table.locator("tbody tr")).to_have_count(1)
    page.get_by_role("combobox", name="Tag", exact=True).select_option("")
    page.get_by_role("searchbox", name="Find in runs").fill("gradient")
    expect(table.locator("tbody tr")).to_have_count(1)
    page.get_by_role("searchbox", name="Find in runs").fill("")

    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    download.value.save_as(tmp_path / "runs.csv")
    rows = list(csv.DictReader((tmp_path / "runs.csv").read_text().splitlines()))
    assert {row["fitter"] for row in rows} == {"lm", "iterative", "gradient", "laplace"}
    assert next(row for row in rows if row["fitter"] == "lm")["note"] == "the one to use"

    page.get_by_role("checkbox", name="Tick run 3").check()
    page.get_by_role("button", name="Delete").click()
    expect(table.locator("tbody tr")).to_have_count(3)
    page.get_by_role("button", name="Undo").click()
    expect(table.locator("tbody tr")).to_have_count(4)
    page.get_by_role("checkbox", name="Tick run 1").check()
    page.get_by_role("checkbox", name="Tick run 2").check()
    page.get_by_role("button", name="Compare 2").click()
    expect(page.get_by_role("status", name="Verdict")).to_contain_text("LM and Iterative agree within")


@pytest.mark.browser
@pytest.mark.slow
def test_all_seven_fitters_from_one_button(page: Page, tmp_path: Path) -> None:
    """On a small image; the lesson that compares them, whose notebook the tests run, does it on the seed problem."""
    data = tmp_path / "data"
    with closing(Store(data)) as store:
        project = project_with(store, galaxy(axis_ratio=0.6), components(48))
    with serving(data) as served:
        page.goto(f"{served.url}/compare?project={project.id}")
        page.get_by_role("combobox", name="Draws a chain").select_option("100 draws")
        page.get_by_role("button", name="Run all fitters").click()
        page.wait_for_url("**runs=*")
        patience = 420_000
        expect(page.locator(".tile canvas")).to_have_count(8, timeout=patience)
        verdict = page.get_by_role("status", name="Verdict")
        expect(verdict).to_contain_text("agree within")
        assert min(canvases(page)) > 30
        race = page.get_by_role("table", name="Race")
        for name in ("LM", "Iterative", "By parameters", "Gradient", "NUTS", "HMC", "Metropolis"):
            expect(race.get_by_role("rowheader", name=name, exact=True)).to_be_visible()
        table = page.get_by_role("table", name="Parameters of the runs")
        expect(table.locator("tbody tr")).to_have_count(8)
        page.locator(".tile").filter(has_text="NUTS").get_by_role("link", name="NUTS").click()
        page.wait_for_url("**/run/*")
        expect(page.get_by_role("tab", name="Corner plot")).to_be_visible()
        page.goto("about:blank")  # a page that is left open asks after its server when that has ended
