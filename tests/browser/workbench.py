"""What a person does and sees at the workbench, for the journeys: everything by role and name."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

# Generous: two busy cores serve the page, run the browser and the fit.
PATIENCE = 60_000
# A hand is done in a tenth of a second; what is drawn anew meanwhile is drawn several times in this.
PRESS_MS = 500

SEEN = """kind => {
    const glyph = window.Bokeh?.documents?.[0]?.get_model_by_name(`image-${kind}`)
    const panel = window.Bokeh?.documents?.[0]?.get_model_by_name(`panel-${kind}`)
    return Boolean(panel?.visible && glyph?.data_source.data.image[0].shape?.[0] > 1)
}"""
# The canvas of a panel is not blank: it has many colours.
COLORS = """kind => {
    const figure = Bokeh.documents[0].get_model_by_name(`viewer-${kind}`)
    const canvas = Bokeh.index.find_one_by_id(figure.id).canvas_view.primary.canvas
    const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height)
    return new Set(new Uint32Array(data.buffer)).size
}"""
PLACE = """([kind, x, y]) => {
    const figure = Bokeh.documents[0].get_model_by_name(`viewer-${kind}`)
    const view = Bokeh.index.find_one_by_id(figure.id)
    const box = view.el.getBoundingClientRect()
    return [box.left + view.frame.x_scale.compute(x), box.top + view.frame.y_scale.compute(y)]
}"""
RANGES = """() => {
    const {x_range, y_range} = Bokeh.documents[0].get_model_by_name("viewer-data")
    return [x_range.start, x_range.end, y_range.start, y_range.end]
}"""


def choose_files(page: Page, *paths: Path) -> None:
    """Give files through the button of the drop zone."""
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose files").click()
    chooser.value.set_files([str(path) for path in paths])


def wait_for_image(page: Page, kind: str = "data") -> None:
    """Wait until a panel is shown with pixels in it, and its ranges have settled."""
    page.wait_for_function(SEEN, arg=kind, timeout=PATIENCE)
    page.wait_for_function(
        "() => { const r = Bokeh.documents[0].get_model_by_name('viewer-data').x_range; return r.end - r.start > 2 }"
    )
    before: list[float] = []
    while before != (now := page.evaluate(RANGES)):
        before = now
        page.wait_for_timeout(300)


def wait_for_size(page: Page, ny: int, nx: int) -> None:
    """Wait until the pixels on screen are those of an image of this size that has no model yet."""
    page.wait_for_function(
        """size => {
            const named = (name) => Bokeh.documents[0].get_model_by_name(name)
            const shape = named("image-data")?.data_source.data.image[0]?.shape
            return String(shape) === String(size) && !named("panel-model").visible
        }""",
        arg=[ny, nx],
    )
    wait_for_image(page)


def overflow(page: Page, size: tuple[int, int]) -> list[int]:
    """How much wider and higher than a window of this size the page is, in pixels."""
    page.set_viewport_size({"width": size[0], "height": size[1]})
    # A new size is answered by a new layout, which two frames later stands.
    page.evaluate("new Promise((done) => setTimeout(() => requestAnimationFrame(done), 500))")
    found: list[int] = page.evaluate(
        "[document.documentElement.scrollWidth - innerWidth, document.documentElement.scrollHeight - innerHeight]"
    )
    return found


def open_example(page: Page, name: str) -> None:
    """Make a project of an example as scripts do, open it, and wait for its model.

    The first page has tests of its own; opening it on the way would cost each journey some seconds of two processors.
    """
    made = page.request.post("/api/projects", data={"example": name})
    assert made.ok, made.text()
    page.goto(f"/fit/{made.json()['project']['id']}")
    wait_for_image(page, "model")


def choose_example(page: Page, name: str) -> None:
    """Choose an example on the first page, and wait for its model."""
    page.goto("/")
    page.get_by_role("button", name=name).click()
    page.wait_for_url("**/fit/*")
    wait_for_image(page, "model")


def click_pixel(page: Page, x: float, y: float, kind: str = "data") -> None:
    """Click at a pixel of an image."""
    left, top = page.evaluate(PLACE, [kind, x, y])
    page.mouse.click(left, top)


def fit_button(page: Page) -> Locator:
    return page.get_by_role("button", name="Fit", exact=True)


def fit(page: Page) -> None:
    """Press Fit and wait for the verdict."""
    ended = page.get_by_role("list", name="Runs", exact=True).locator("li")
    before = ended.count()
    fit_button(page).click()
    expect(ended).to_have_count(before + 1)
    expect(verdict(page)).to_be_visible()


def tick(page: Page, *titles: str) -> None:
    """Tick these fitters and no others; the last one's options are open."""
    ticked = page.get_by_role("region", name="Fitters").get_by_role("checkbox", name="Run ", checked=True)
    for left in reversed(range(ticked.count())):
        ticked.first.click()
        expect(ticked).to_have_count(left)
    for title in titles:
        box = page.get_by_role("checkbox", name=f"Run {title}", exact=True)
        if not box.is_visible():
            page.get_by_role("region", name="Fitters").get_by_text("more", exact=False).click()
        box.check()
        expect(page.get_by_role("button", name=title, exact=True)).to_have_attribute("aria-expanded", "true")


def option(page: Page, name: str) -> Locator:
    """The field of an option of the open fitter, where the options are unfolded."""
    return page.get_by_role("group", name="Options of the fitter").get_by_role(
        "textbox", name=name, exact=True
    )


def changed(page: Page, *names: str) -> None:
    """Wait until the server has taken these options of the open fitter, which are marked then."""
    marked = page.get_by_role("group", name="Options of the fitter").locator(".changed")
    for name in names:
        expect(marked.get_by_text(name, exact=True)).to_be_visible()


def press(button: Locator) -> None:
    """Hold a button for as long as a hand does."""
    button.hover()
    button.page.mouse.down()
    button.page.wait_for_timeout(PRESS_MS)
    button.page.mouse.up()


def verdict(page: Page) -> Locator:
    """The sentence on how the fit ended: a definition list of figures stands below it."""
    return page.locator("div.verdict")


def chi2_dof(page: Page) -> float:
    """The reduced chi2 as it stands on the page."""
    text = verdict(page).inner_text()
    found = re.search(r"χ² / dof\s+([\d.]+)", text)
    assert found, text
    return float(found[1])


def cell(page: Page, name: str, column: str = "value") -> Locator:
    """A field of the parameter table."""
    return page.get_by_role("textbox", name=f"{name} {column}", exact=True)
