"""Every broken file of the shared set, chosen on the workbench: taken, or refused in a sentence; then many at once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from astropy.io import fits
from playwright.sync_api import Browser, FilePayload, Page, expect

from tests.browser.conftest import serving, watched_page
from tests.browser.workbench import (
    PATIENCE,
    chi2_dof,
    choose_files,
    click_pixel,
    fit,
    wait_for_image,
    wait_for_size,
)

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ROLES = ("sigma", "variance", "mask", "psf")
BASE = "base_image.fits"
# Milliseconds between two looks.
POLL = 200
# Of those at once, every third: each was tried by itself, and the route takes all at once in a test of its own.
AT_ONCE = slice(None, None, 3)
# What the page says, in one look through its shadow roots.
LOOK = """() => {
    const every = []
    const walk = (root) => {
        for (const one of root.querySelectorAll("*")) {
            every.push(one)
            if (one.shadowRoot) walk(one.shadowRoot)
        }
    }
    walk(document)
    const all = (selector) => every.filter((one) => one.matches(selector))
    const texts = (nodes) => nodes.map((one) => one.textContent.trim())
    const uploads = all("div.status")
    const inUploads = new Set(uploads.flatMap((one) => [...one.querySelectorAll(".note.bad")]))
    const images = all("section").find((one) => one.getAttribute("aria-label") === "Images")
    return {
        busy: all("button").some((one) => one.ariaLabel === "Choose files" && one.disabled),
        turned_down: texts([...inUploads]),
        refused: texts(all(".note.bad").filter((one) => !inUploads.has(one) && one.checkVisibility())),
        names: all("select").filter((one) => one.ariaLabel === "Image").flatMap((one) =>
            [...one.options].map((option) => [option.value, option.selected])),
        rows: [...(images?.querySelectorAll("li.file") ?? [])].map((one) => ({
            name: one.querySelector(".name").textContent,
            role: one.querySelector("select.role").value,
            choices: one.querySelectorAll("select")[1]?.options.length ?? 1,
            asks: one.querySelectorAll(".note.warn").length > 0,
        })),
        notices: texts([...(images?.querySelectorAll(".note") ?? [])].filter((one) => !one.closest("li"))),
        scripts: window.hacked !== undefined || all("img[src=x]").length > 0,
    }
}"""
Seen = dict[str, Any]


@dataclass
class Outcome:
    """What became of one file: the words of the manifest for it, and the sentences on the page."""

    words: set[str]
    said: list[str] = field(default_factory=list)


def payload(folder: Path, item: dict[str, Any]) -> FilePayload:
    """The file as a browser has it; of a folder, nothing can be read."""
    path = folder / item["file"]
    return {
        "name": item.get("upload_as", item["file"]),
        "mimeType": "application/fits",
        "buffer": b"" if path.is_dir() else path.read_bytes(),
    }


def role_of(name: str) -> str:
    return next((role for role in ROLES if name.endswith(f"{role}.fits")), "image")


def beside(folder: Path, item: dict[str, Any]) -> list[FilePayload]:
    """The files that belong to an item: what is no image itself comes with one, in place of another of its role."""
    names = [name for name in item.get("with", []) if name != BASE and (folder / name).is_file()]
    if item["role"] in ROLES:
        others = {"sigma", "variance"} if item["role"] in ("sigma", "variance") else {item["role"]}
        names = [BASE, *(name for name in names if role_of(name) not in others)]
    return [payload(folder, {"file": name}) for name in names]


def choose(page: Page, files: list[FilePayload]) -> None:
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose files").click()
    chooser.value.set_files(files)


def settled(page: Page, over: Callable[[Seen], bool], what: str, files: int = 1) -> Seen:
    """Look until it is over; many files take longer than one."""
    for _ in range((PATIENCE + 2000 * files) // POLL):
        seen: Seen = page.evaluate(LOOK)
        if not seen["busy"] and over(seen):
            return seen
        page.wait_for_timeout(POLL)
    raise AssertionError(f"{what}: {seen}")


def shown(seen: Seen) -> str:
    """The image that is worked on; "" while there is only one."""
    return next((name for name, chosen in seen["names"] if chosen), "")


def of(seen: Seen, item: dict[str, Any]) -> list[dict[str, Any]]:
    """The lines of the list of files that are about an item."""
    return [row for row in seen["rows"] if row["name"] == item["file"]]


def asked_about(seen: Seen, item: dict[str, Any]) -> bool:
    """Whether the page asks if a file is what its name says."""
    return any(row["asks"] for row in of(seen, item))


def send(page: Page, folder: Path, item: dict[str, Any]) -> Outcome:
    """Choose an item with what belongs to it, and read what the page makes of it."""
    before: Seen = page.evaluate(LOOK)
    files = [*beside(folder, item), payload(folder, item)]
    alone, own = len(files) == 1, item["role"] not in ROLES
    choose(page, files)

    def over(seen: Seen) -> bool:
        """A sentence turned it down; or a new image is worked on, with all that came for it in its role."""
        if seen["turned_down"]:
            return alone or shown(seen) != shown(before)
        if own and asked_about(seen, item):
            return True
        if seen["refused"] and seen["refused"] != before["refused"]:
            return bool(of(seen, item))  # what else it could be is asked there
        in_use = sum(row["role"] != "" for row in seen["rows"])
        here = "upload_as" in item or any(row["role"] for row in of(seen, item))
        return shown(seen) != shown(before) and in_use >= len(files) and here

    seen = settled(page, over, item["file"])
    if own and asked_about(seen, item):
        # Its name says something else than the manifest: a person says what it is.
        page.get_by_role("button", name=f"{item['file']} is an image").click()
        seen = settled(page, lambda now: shown(now) not in ("", shown(before)), item["file"])
    assert not seen["scripts"], item
    refused = seen["turned_down"] or (seen["refused"] if seen["refused"] != before["refused"] else [])
    asked = {"ask"} if any(row["choices"] > 1 for row in of(seen, item)) else set()
    if refused:
        return Outcome({"reject", *asked}, refused)
    said = [one for one in seen["notices"] if not one.startswith("No noise was given")]
    return Outcome({"accept", *asked} | ({"accept_warn", "ask"} if said else set()), said)


@pytest.fixture
def bench(browser: Browser, tmp_path: Path, shared_data: Path) -> Iterator[Page]:
    """A page of a server that unpacks no more than 64 MB."""
    complaints: list[str] = []
    with (
        serving(tmp_path / "data", "--max-upload-mb=64") as server,
        watched_page(browser, server, complaints) as page,
        only_refusals(complaints),
    ):
        page.on("crash", lambda _: complaints.append("the page crashed"))
        page.on("dialog", lambda dialog: (complaints.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        yield page


def start_project(page: Page, folder: Path) -> None:
    """A new project with the good image."""
    page.goto("/")
    choose_files(page, folder / BASE)
    page.wait_for_url("**/fit/*")
    wait_for_image(page)


@contextmanager
def only_refusals(complaints: list[str]) -> Iterator[None]:
    """A browser says of each refusal that its request failed."""
    yield
    complaints[:] = [one for one in complaints if "the server responded with a status of 422" not in one]


def test_each_is_taken_or_refused_as_its_manifest_says_and_then_many_at_once(
    bench: Page, shared_data: Path
) -> None:
    folder = shared_data / "torture" / "files"
    items = json.loads((folder.parent / "manifest.json").read_text())["items"]
    wrong, taken = [], []
    start_project(bench, folder)
    for item in items:
        outcome = send(bench, folder, item)
        if not outcome.words & {item["expect"], *item["also_ok"]}:
            wrong.append((item["file"], item["expect"], item["also_ok"], outcome))
        for sentence in outcome.said:
            assert "Traceback" not in sentence
            assert str(folder) not in sentence
            assert "/files/" not in sentence
        taken.append("reject" not in outcome.words and item["role"] not in ROLES)
    assert not wrong, "\n".join(map(str, wrong))
    assert sum(taken) > 70

    start_project(bench, folder)
    before = len(bench.evaluate(LOOK)["names"])
    files = [payload(folder, item) for item in items[AT_ONCE]]
    choose(bench, files)
    expected = before + sum(taken[AT_ONCE]) - 5
    settled(bench, lambda seen: len(seen["names"]) >= expected, "many at once", len(files))
    assert bench.request.get("/api/health").ok
    bench.get_by_role("combobox", name="Image", exact=True).select_option("base_image")
    expect(bench.get_by_text("One image is fitted at a time: base_image.")).to_be_visible()
    wait_for_size(bench, *fits.getdata(folder / BASE).shape)
    click_pixel(bench, 30, 25)
    wait_for_image(bench, "model")
    fit(bench)
    assert chi2_dof(bench) < 100
