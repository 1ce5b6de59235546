"""The page of a run, as a person sees it: a sampler's run from its queue to its posterior, and what one does there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

import engine
from dashboard.services import import_fit
from dashboard.store import RunStatus, Store
from tests.browser.conftest import Server, serving, watched_page

pytestmark = pytest.mark.browser

# A figure that replaces another has its name, and for a moment both are there: the last one counts.
MODEL = """(name => [...(window.Bokeh?.documents?.[0]?._all_models?.values() ?? [])]
    .filter((model) => model.name === name).at(-1))"""
# How many colors the canvas of a figure has; 0 while it is not there.
COLORS = f"""name => {{
    const figure = {MODEL}(name)
    const canvas = figure && Bokeh.index.find_one_by_id(figure.id)?.canvas_view.primary.canvas
    if (!canvas?.width) return 0
    const {{data}} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height)
    return new Set(new Uint32Array(data.buffer)).size
}}"""
PLACE = f"""([name, x, y]) => {{
    const view = Bokeh.index.find_one_by_id({MODEL}(name).id)
    const box = view.el.getBoundingClientRect()
    return [box.left + view.frame.x_scale.compute(x), box.top + view.frame.y_scale.compute(y)]
}}"""
RANGES = f"""name => {{
    const {{x_range, y_range}} = {MODEL}(name)
    return [x_range.start, x_range.end, y_range.start, y_range.end]
}}"""
ONE_CORNER = """() => [...Bokeh.documents[0]._all_models.values()]
    .filter((model) => model.name === "corner" && Bokeh.index.find_one_by_id(model.id)?.el?.isConnected).length === 1"""
POINTS = f"name => {MODEL}(name)?.data.x.length ?? 0"


@dataclass(frozen=True)
class Runs:
    """A served project with a run of lm, one of a sampler that starts with the server, and one that failed."""

    server: Server
    lm: str
    sampler: str
    failed: str


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    folder = tmp_path_factory.mktemp("posterior")
    store = Store(folder / "data")
    project = import_fit(store, engine.write_example("seed", folder / "seed"), "Three galaxies")
    assert project.description is not None
    problem = engine.load(store.resolved_description(project))
    made = []
    for fitter, options in (
        ("lm", {}),
        ("elliptical", {"chains": 2, "warmup": 20, "draws": 60}),
        ("lm", {}),
    ):
        made.append(store.create_run(project.id, project.description, fitter, options))
    result = engine.fit(problem, "lm")
    engine.write_run(store.run_folder(made[0].id), problem, result)
    for run, status, message in (
        (made[0], RunStatus.FINISHED, result.message),
        (made[2], RunStatus.FAILED, "It broke."),
    ):
        store.advance_run(run.id, RunStatus.RUNNING)
        facts = {"converged": True, "chi2_dof": result.chi2_dof} if status is RunStatus.FINISHED else {}
        store.advance_run(run.id, status, message=message, **facts)
    store.close()
    with serving(folder / "data") as server:
        yield Runs(server, *(run.id for run in made))


@pytest.fixture(scope="module")
def server(runs: Runs) -> Server:
    """The server of these runs."""
    return runs.server


def wait_for_colors(page: Page, name: str, at_least: int = 20) -> None:
    page.wait_for_function(f"name => ({COLORS})(name) >= {at_least}", arg=name)


def place(page: Page, name: str, x: float, y: float) -> tuple[float, float]:
    left, top = page.evaluate(PLACE, [name, x, y])
    return left, top


def tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name).click()
    expect(page.get_by_role("tab", name=name)).to_have_attribute("aria-selected", "true")


def test_a_sampler_from_its_queue_to_its_posterior(page: Page, runs: Runs) -> None:
    page.goto(f"/run/{runs.sampler}")
    expect(page.get_by_role("heading", name="Elliptical slice sampling")).to_be_visible()
    expect(page.get_by_role("tab", name="Corner plot")).to_be_visible()  # when it has ended
    expect(page.get_by_role("row", name="sersic 0 Sersic index n").first).to_contain_text("2.1")
    expect(page.get_by_role("link", name="draws.nc")).to_be_visible()
    assert page.get_by_role("table", name="Values").get_by_role("row").count() == 23

    tab(page, "Corner plot")
    wait_for_colors(page, "corner")
    page.get_by_role("checkbox", name="Overlay Levenberg-Marquardt").check()
    expect(page.get_by_text("Levenberg-Marquardt: Gaussian of its covariance")).to_be_visible()
    page.get_by_role("checkbox", name="All of sersic 0").uncheck()
    expect(page.get_by_text("15 parameters;")).to_be_visible()
    page.wait_for_function(f"() => ({RANGES})('corner')[3] < 16")
    wait_for_colors(page, "corner")
    page.wait_for_function(ONE_CORNER)  # the canvas of before has gone

    page.mouse.click(*place(page, "corner", 3.4, 7.5))
    expect(page.get_by_text("2 parameters;")).to_be_visible()
    wait_for_colors(page, "pair")
    assert "pair=" in page.url

    # A box around the left half of the draws.
    low, high, bottom, top = page.evaluate(RANGES, "pair")
    page.mouse.move(*place(page, "pair", low + 0.02 * (high - low), bottom + 0.02 * (top - bottom)))
    page.mouse.down()
    page.mouse.move(*place(page, "pair", (low + high) / 2, (bottom + top) / 2), steps=4)
    page.mouse.move(*place(page, "pair", (low + high) / 2, bottom + 0.98 * (top - bottom)), steps=4)
    page.mouse.up()
    selected = page.get_by_text(re.compile(r"\d+ of 120 draws selected"))
    expect(selected).to_be_visible()
    assert 20 < int(selected.inner_text().split()[0]) < 100
    wait_for_colors(page, "map-brushed-residual")

    tab(page, "Traces")
    wait_for_colors(page, "traces")
    wait_for_colors(page, "ranks", 5)
    page.wait_for_function(f"() => ({POINTS})('brushed-traces-source') > 20")

    tab(page, "Corner plot")
    page.get_by_role("button", name="Back to all pairs").click()
    page.wait_for_function(f"() => ({POINTS})('brushed-source') > 20")


def test_keys_alone_reach_a_pair_and_select_in_it(page: Page, runs: Runs) -> None:
    page.goto(f"/run/{runs.sampler}")
    expect(page.get_by_role("tab", name="Corner plot")).to_be_visible()
    page.keyboard.press("]")
    expect(page.get_by_role("tab", name="Corner plot")).to_have_attribute("aria-selected", "true")
    wait_for_colors(page, "corner")
    page.get_by_label("Pair, across").select_option("sersic 1.n")
    page.get_by_label("Pair, up").select_option("sersic 1.radius_e")
    wait_for_colors(page, "pair")
    page.get_by_label("Select by parameter").select_option("sersic 1.n")
    page.get_by_label("Select from").fill("2.8876")
    page.get_by_label("Select from").press("Enter")
    expect(page.get_by_text(re.compile(r"\d+ of 120 draws selected"))).to_be_visible()
    page.get_by_label("Select from").blur()
    page.keyboard.press("Escape")
    expect(page.get_by_text("Drag a box or draw a lasso")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_text("22 parameters;")).to_be_visible()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("Section before")


def test_diagnostics_film_and_images(page: Page, runs: Runs) -> None:
    page.goto(f"/run/{runs.sampler}?section=diagnostics")
    table = page.get_by_role("table", name="Diagnostics of each parameter")
    table.get_by_role("button", name="R-hat").click()
    expect(table.get_by_role("columnheader", name="R-hat")).to_have_attribute("aria-sort", "descending")
    column = [float(text) for text in table.locator("tbody tr td:nth-child(2)").all_inner_texts()]
    assert len(column) == 22
    assert column == sorted(column, reverse=True)
    wait_for_colors(page, "autocorrelation", 5)

    tab(page, "Film strip")
    for name in ("map-film-data", "map-film-model", "map-film-residual", "film-profile"):
        wait_for_colors(page, name, 5)
    count = page.get_by_text(re.compile(r"chain 1, draw \d+ · χ²/dof 1\.0"))
    expect(count).to_contain_text("draw 1 ")
    page.keyboard.press("ArrowRight")
    expect(count).not_to_contain_text("draw 1 ")
    page.get_by_role("button", name="Play").click()
    expect(page).to_have_url(re.compile(r"draw=([5-9]|\d\d)"))
    page.get_by_role("button", name="Pause").click()

    tab(page, "Posterior images")
    expect(page.get_by_role("table", name="Predictive check")).to_contain_text("neighboring pulls")
    wait_for_colors(page, "map-posterior-sd")

    tab(page, "Residual")
    expect(page.get_by_text("The pulls look like noise")).to_be_visible()
    wait_for_colors(page, "map-residual")


def test_the_corner_plot_is_taken_home(page: Page, runs: Runs, tmp_path: Path) -> None:
    page.goto(f"/run/{runs.sampler}?section=corner&parameters=sersic 1.n,sersic 1.radius_e&with={runs.lm}")
    wait_for_colors(page, "corner")
    for kind, start in (("PDF", b"%PDF-"), ("PNG", b"\x89PNG")):
        with page.expect_download() as download:
            page.get_by_role("link", name=kind, exact=True).click()
        path = tmp_path / kind
        download.value.save_as(path)
        assert path.read_bytes().startswith(start)
    answer = page.request.get(f"/api/runs/{runs.lm}/corner.pdf?parameters=nothing")
    assert answer.status == 422
    assert "is no free parameter of this run" in answer.json()["error"]


def test_a_permalink_shows_the_same_to_another_person(
    page: Page, runs: Runs, browser: Browser, complaints: list[str]
) -> None:
    page.goto(f"/run/{runs.sampler}")
    tab(page, "Corner plot")
    page.get_by_label("Pair, across").select_option("sersic 2.n")
    page.get_by_role("checkbox", name="Overlay Levenberg-Marquardt").check()
    expect(page).to_have_url(re.compile("with="))  # drawn anew by now, and half a pair is kept
    page.get_by_label("Pair, up").select_option("sersic 2.intensity_e")
    wait_for_colors(page, "pair")
    with watched_page(browser, runs.server, complaints) as other:
        other.goto(page.url)
        wait_for_colors(other, "pair")
        expect(other.get_by_role("tab", name="Corner plot")).to_have_attribute("aria-selected", "true")
        expect(other.get_by_role("checkbox", name="Overlay Levenberg-Marquardt")).to_be_checked()
        expect(other.get_by_label("Pair, across")).to_have_value("sersic 2.n")
        assert other.url == page.url


def test_an_optimizer_has_a_gaussian_and_correlations(page: Page, runs: Runs) -> None:
    page.goto(f"/run/{runs.lm}")
    expect(page.get_by_role("row", name="sersic 2 axis ratio")).to_contain_text("0.71")
    assert page.get_by_role("tab", name="Traces").count() == 0
    tab(page, "Corner plot")
    wait_for_colors(page, "corner")
    tab(page, "Correlations")
    expect(page.get_by_text("Least constrained, in units of the uncertainties")).to_be_visible()
    wait_for_colors(page, "correlations")


def test_a_run_without_values_says_why_and_where_to_go(page: Page, runs: Runs) -> None:
    page.goto(f"/run/{runs.failed}")
    expect(page.get_by_role("heading", name="This run left no values")).to_be_visible()
    expect(page.get_by_text("It broke.").first).to_be_visible()
    expect(page.get_by_role("link", name="Back to the workbench")).to_be_visible()
    page.goto("/run/nothing")
    expect(page.get_by_role("heading", name="No such run")).to_be_visible()
