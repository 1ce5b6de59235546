"""Text from files and people that wants to be a script: in every field there is, on every page, it stays text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, expect

import engine
from dashboard.services import import_fit
from dashboard.store import RunStatus, Store, file_reference, with_file
from dashboard.store.journal import new_note
from tests.browser.conftest import Server, serving, watched_page
from tests.browser.workbench import wait_for_image
from tests.dashboard.fits import fits_bytes

pytestmark = pytest.mark.browser

# Whatever it is put into, a text or an attribute, it would run.
HOSTILE = '"\'><img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'
"""Short enough for titles and tags; a name of a file loses what stands before a slash."""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, str, list[str]]]:
    """A server with a project whose every text is hostile: title, file name, header, tags, notes, messages."""
    folder: Path = tmp_path_factory.mktemp("hostile")
    store = Store(folder / "data")
    project = import_fit(store, engine.write_example("disk", folder / "disk"), HOSTILE)
    image = fits_bytes(
        np.random.default_rng(1).normal(10, 1, (40, 40)), OBJECT=HOSTILE[:60], FILTER="<b>r</b>"
    )
    file = store.add_file(project.id, "psf", f"{HOSTILE.replace('/', '')}.fits", image)
    assert project.description is not None
    described = {
        **project.description,
        "images": [{**project.description["images"][0], "name": HOSTILE[:40]}],
    }
    store.update_project(project.id, description=with_file(described, "psf", file_reference(file)))
    store.update_project(project.id, description=described)
    runs = []
    for fitter in ("lm", "gradient"):
        run = store.create_run(project.id, described, fitter, {})
        store.advance_run(run.id, RunStatus.RUNNING)
        problem = engine.load(store.resolved_description(project.id, described))
        result = engine.fit(problem, fitter, max_steps=3)
        engine.write_run(store.run_folder(run.id), problem, result)
        store.advance_run(
            run.id, RunStatus.FINISHED, message=HOSTILE, converged=True, chi2_dof=result.chi2_dof
        )
        store.annotate_run(run.id, tags=[HOSTILE[:39]], note=HOSTILE)
        runs.append(run.id)
    failed = store.create_run(project.id, described, "lm", {})
    store.advance_run(failed.id, RunStatus.FAILED, message=HOSTILE, error=HOSTILE)
    entries = store.journal.entries(project.id)
    store.journal.arrange(project.id, [new_note(f"{HOSTILE}\n\n[x](javascript:window.hacked=1)"), *entries])
    store.close()
    with serving(folder / "data") as server:
        yield server, project.id, [*runs, failed.id]


def test_text_stays_text_on_every_page(browser: Browser, lab: tuple[Server, str, list[str]]) -> None:
    server, project, runs = lab
    complaints: list[str] = []
    with watched_page(browser, server, complaints) as page:
        page.goto("/")
        expect(page.get_by_role("link", name="onerror").first).to_be_visible()
        for path in (
            f"/fit/{project}",
            f"/runs/{project}",
            f"/run/{runs[0]}",
            f"/run/{runs[2]}",
            f"/compare?runs={runs[0]},{runs[1]}",
            f"/report/{project}",
        ):
            page.goto(path)
            expect(page.get_by_text("onerror").first).to_be_visible()
            if path.startswith("/fit"):
                wait_for_image(page)
                expect(page.get_by_role("list", name="Runs").get_by_role("listitem")).to_have_count(3)
            page.wait_for_timeout(1500)
            assert page.evaluate("window.hacked") is None, path
            assert page.locator("img[src=x]").count() == 0, path
            assert page.locator("a[href^='javascript:']").count() == 0, path
