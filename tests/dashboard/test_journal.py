"""The journal of a project: what is recorded, how it is arranged, and the notebook that comes of it."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import engine
from dashboard.jobs import Jobs
from dashboard.reports import edits
from dashboard.reports.document import Code, Note, Printed
from dashboard.reports.project import draw, export
from dashboard.reports.sections import beginning, sections
from dashboard.services import Services
from dashboard.settings import Settings
from dashboard.state.notebook import Notebook
from dashboard.store import NotFound, RunStatus, Store
from dashboard.store.journal import new_note
from tests.dashboard.notebooks import executed


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    store = Store(tmp_path_factory.mktemp("journal") / "data")
    jobs = Jobs(store, n_workers=1)
    yield Services(store, jobs, Settings())
    jobs.close()
    store.close()


def run_fit(services: Services, project: str, fitter: str = "lm", **options: Any) -> str:
    description = services.store.project(project).description
    assert description is not None
    run = services.jobs.submit(project, description, fitter, options)
    deadline = time.monotonic() + 120
    while not services.store.run(run.id).status.ended:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return run.id


def adopt(services: Services, project: str, run: str) -> None:
    """What the workbench does at the end of a fit."""
    result = engine.read_run(services.store.run_folder(run))
    problem = engine.load(services.store.resolved_description(project, services.store.run(run).description))
    description = dict(services.store.project(project).description or {})
    components = engine.outputs.plain(problem.describe(result.values)["components"])
    services.store.update_project(project, description={**description, "components": components})


@pytest.fixture(scope="module")
def worked(services: Services) -> str:
    """A project in which an image was opened, a value changed, fitted, adopted, fitted again."""
    project = services.add_example("disk", "<script>alert(1)</script> $x$")
    description = dict(project.description or {})
    changed = [dict(one) for one in description["components"]]
    changed[1] = {**changed[1], "parameters": {**changed[1]["parameters"], "radius_e": 12.0}}
    services.store.update_project(project.id, description={**description, "components": changed})
    adopt(services, project.id, run_fit(services, project.id, max_steps=100))
    run_fit(services, project.id, "gradient", max_steps=20)
    return project.id


def journal_of(services: Services, project: str) -> dict[str, Any]:
    book = Notebook(services, project)
    book.entries = services.store.journal.entries(project)
    return book._journal()


def test_actions_are_recorded_in_order(services: Services, worked: str) -> None:
    told, fits, _ = sections(journal_of(services, worked))
    assert [one.title for one in told] == [
        "Image loaded, Variance set, PSF set, 3 components added",
        "Parameters of disk changed",
        "Fit by Levenberg-Marquardt",
        "Values of Levenberg-Marquardt taken over",
        "Fit by Gradient descent",
    ]
    assert [fit.variable for fit in fits.values()] == ["lm", "gradient"]
    assert not any(one.moved for one in told)


def test_changes_of_values_are_one_action_and_undone_ones_none(services: Services) -> None:
    store = services.store
    project = store.create_project("values")
    scene = {
        "residua": 1,
        "images": [],
        "components": [{"name": "sky", "model": "flat sky", "parameters": {}}],
    }

    def at(value: float) -> dict[str, Any]:
        return {**scene, "components": [{**scene["components"][0], "parameters": {"intensity": value}}]}

    store.update_project(project.id, description=scene)
    for value in (1.0, 2.0, 3.0):
        store.update_project(project.id, description=at(value))
    entries = store.journal.entries(project.id)
    assert len(entries) == 2
    assert (entries[1].before, entries[1].after) == (scene, at(3.0))
    store.update_project(project.id, description=scene)
    assert len(store.journal.entries(project.id)) == 1
    store.update_project(project.id, title="another name")
    assert len(store.journal.entries(project.id)) == 1


def test_people_arrange_and_take_it_back(services: Services, worked: str) -> None:
    async def journey() -> None:
        book = Notebook(services, worked)
        await book.open()
        assert book.error == ""
        before = list(book.entries)
        await book.move(before[1].id, -1)
        assert [one.id for one in book.entries[:2]] == [before[1].id, before[0].id]
        await book.hide(before[2].id, True)
        await book.add_note(before[0].id, "Why: $\\chi^2$ <script>alert(2)</script>")
        await book.annotate(before[3].id, "taken")
        assert [one.note for one in services.store.journal.entries(worked) if one.note] == [
            "Why: $\\chi^2$ <script>alert(2)</script>",
            "taken",
        ]
        for _ in range(4):
            await book.undo()
        assert book.entries == before
        assert services.store.journal.entries(worked) == before
        assert not book.can_undo
        await book.redo()
        assert book.entries[0].id == before[1].id
        await book.undo()

    asyncio.run(journey())


def test_arranging_loses_nothing_that_was_done(services: Services, worked: str) -> None:
    before = services.store.journal.entries(worked)
    services.store.journal.arrange(worked, [before[-1], new_note("first"), new_note("second")])
    after = services.store.journal.entries(worked)
    assert {one.id for one in before} < {one.id for one in after}
    assert after[0].id == before[-1].id
    services.store.journal.arrange(worked, before)
    assert services.store.journal.entries(worked) == before
    with pytest.raises(NotFound, match="There is no such project"):
        services.store.journal.arrange("nothing", before)


def test_the_page_shows_code_and_pictures(services: Services, worked: str) -> None:
    events: list[Any] = []
    cells = list(draw(journal_of(services, worked), events.append, lambda: False)["cells"].values())
    assert "plots.image(" in cells[0]["source"]
    assert "data/image.fits" in cells[0]["source"]
    assert cells[1]["source"] == "description['components'][1]['parameters']['radius_e'] = 12.0"
    assert [one["kind"] for one in cells[2]["outputs"]] == ["text", "figure"]
    assert events[-1]["note"] == "drawing 5 of 5"


def test_the_exported_notebook_runs_and_gives_the_same_numbers(
    services: Services, worked: str, tmp_path: Path
) -> None:
    answer = export({**journal_of(services, worked), "export": "zip"}, lambda _: None, lambda: False)
    (tmp_path / "report.zip").write_bytes(answer["content"])
    zipfile.ZipFile(tmp_path / "report.zip").extractall(tmp_path)
    folder = tmp_path / "report"
    found = executed((folder / "report.ipynb").read_text(), folder)
    finished = [run for run in services.store.runs(worked) if run.status is RunStatus.FINISHED]
    for run, name in zip(finished, ("gradient", "lm"), strict=True):
        expected = engine.read_run(services.store.run_folder(run.id))
        assert found[name]["chi2_dof"] == pytest.approx(expected.chi2_dof, rel=1e-9)
        np.testing.assert_allclose(found[name]["values"], expected.values, rtol=1e-6, atol=1e-9)


def test_a_comparison_grows_while_its_runs_end(services: Services) -> None:
    store = services.store
    project = store.create_project("compared")
    description = {"residua": 1, "images": [], "components": []}
    runs = [store.create_run(project.id, description, "lm", {}).id for _ in range(4)]
    for some in (runs[:2], runs[:3], runs[1:3], runs[:2]):
        store.journal.compared(project.id, some)
    assert [one.runs for one in store.journal.entries(project.id) if one.kind == "comparison"] == [
        tuple(runs[:3])
    ]
    store.journal.compared(project.id, runs[2:])
    assert [one.runs for one in store.journal.entries(project.id) if one.kind == "comparison"] == [
        tuple(runs[:3]),
        tuple(runs[2:]),
    ]
    with pytest.raises(NotFound, match="There is no such project"):
        store.journal.compared("nothing", runs)


def run_code(journal: dict[str, Any], folder: Path) -> dict[str, Any]:
    """What the cells that are to be seen leave behind, without their plots, run here; the data beside them."""
    told, _, names = sections(journal)
    (folder / "data").mkdir()
    for key, name in names.items():
        shutil.copy(journal["files"][key]["path"], folder / name)
    sources = [
        block.source for one in told if not one.hidden for block in one.blocks if isinstance(block, Code)
    ]
    lines = "\n".join([beginning(journal, names), *sources]).splitlines()
    found: dict[str, Any] = {}
    with contextlib.chdir(folder):
        exec("\n".join(line for line in lines if not line.startswith("plots.")), found)
    return found


def test_a_notebook_in_any_order_gives_the_same_numbers(
    services: Services, worked: str, tmp_path: Path
) -> None:
    journal = journal_of(services, worked)
    runs = [one["run_id"] for one in journal["entries"] if one["kind"] == "run"]
    compared = {**journal["entries"][-1], "kind": "comparison", "run_id": None, "runs": runs, "created": "9"}
    # Backwards, a comparison at both ends, and only the fits and the comparisons to be seen.
    entries = [{**compared, "id": "first"}, *reversed(journal["entries"]), {**compared, "id": "last"}]
    for entry in entries:
        entry["hidden"] = entry["kind"] == "edit"
    journal["entries"] = entries

    told, fits, _ = sections(journal)
    names = "Levenberg-Marquardt and Gradient descent"
    assert told[0].title == told[-1].title == f"Comparison of {names}"
    assert "now stands below" in told[0].moved
    assert told[-1].moved == ""
    assert [block.text for block in told[0].blocks if isinstance(block, Note)] == [
        f"Left out, since the fit stands below or is hidden: {names}.",
        "Fewer than two of the compared runs are left above.",
    ]
    found = run_code(journal, tmp_path)
    for fit in fits.values():
        np.testing.assert_allclose(found[fit.variable].values, fit.result.values, rtol=1e-6, atol=1e-9)


def test_fits_of_different_models_are_compared_with_their_problems(
    services: Services, tmp_path: Path
) -> None:
    project = services.add_example("disk", "two models").id
    runs = [run_fit(services, project)]
    description = dict(services.store.project(project).description or {})
    fewer = [one for one in description["components"] if one["name"] != "bulge"]
    services.store.update_project(project, description={**description, "components": fewer})
    services.store.journal.compared(project, [*runs, run_fit(services, project)])
    journal = journal_of(services, project)
    told, fits, _ = sections(journal)
    found = run_code(journal, tmp_path)
    assert len({tuple(fit.result.names) for fit in fits.values()}) == 2
    for fit in fits.values():
        assert found[fit.variable].chi2_dof == pytest.approx(fit.result.chi2_dof, rel=1e-9)
    shown = [block.text for block in told[-1].blocks if isinstance(block, Printed)]
    assert shown == [engine.compare(found["problems"], found["results"]).verdict]


def test_moving_a_cell_words_the_others_anew(services: Services, worked: str) -> None:
    async def journey() -> None:
        book = Notebook(services, worked)
        await book.open()
        assert book.error == ""
        edit, fit = book.entries[1], book.entries[2]
        picture = book.drawn[fit.id]["outputs"]
        assert "radius_e" in book.drawn[edit.id]["source"]
        await book.move(fit.id, -1)
        assert "Parameters of disk changed" in book.drawn[fit.id]["moved"]
        assert "radius_e" in book.drawn[fit.id]["source"]
        assert book.drawn[fit.id]["outputs"] == picture
        await book.undo()
        assert book.drawn[fit.id]["moved"] == ""
        assert "radius_e" not in book.drawn[fit.id]["source"]

    asyncio.run(journey())


def test_exports_leave_out_what_is_hidden_and_escape_the_title(services: Services, worked: str) -> None:
    journal = journal_of(services, worked)
    journal["entries"][1]["hidden"] = True
    page = export({**journal, "export": "html"}, lambda _: None, lambda: False)["content"].decode()
    assert "Parameters of disk changed" not in page
    assert "Fit by Levenberg-Marquardt" in page
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_nothing_to_report_is_said(services: Services) -> None:
    project = services.store.create_project("empty")
    answer = export({**journal_of(services, project.id), "export": "pdf"}, lambda _: None, lambda: False)
    assert answer["error"] == "There is no finished fit to report yet. Fit first, then export."


CASES = [
    (edits.START, {**edits.START, "images": [{"data": "file:abc"}]}),
    ({"images": [{"data": "a"}]}, {"images": [{"data": "a", "mask": "b", "gain": 2.0}]}),
    ({"images": [{"data": "a", "mask": "b"}]}, {"images": [{"data": "a"}]}),
    (
        {
            "components": [
                {"name": "a", "model": "sersic", "parameters": {"n": 1}},
                {"name": "b", "model": "sersic"},
            ]
        },
        {
            "components": [
                {"name": "b", "model": "sersic"},
                {"name": "c", "model": "sersic", "parameters": {"n": 2}},
            ]
        },
    ),
    (
        {"components": [{"name": "a", "parameters": {"n": 1, "center": [1, 2]}}]},
        {
            "components": [{"name": "a", "parameters": {"n": {"value": 1, "fixed": True}, "center": [1, 3]}}],
            "seed": 4,
        },
    ),
    ({"components": [{"name": "a"}, {"name": "b"}]}, {"components": [{"name": "b"}, {"name": "a"}]}),
]


@pytest.mark.parametrize(("before", "after"), CASES)
def test_the_statements_of_an_edit_make_it(before: dict[str, Any], after: dict[str, Any]) -> None:
    import copy

    names = {"description": copy.deepcopy(before)}
    exec("\n".join(edits.statements(before, after)), names)
    assert names["description"] == after


def test_an_edit_is_called_what_it_was() -> None:
    first = {"images": [{"data": "a"}], "components": []}
    assert edits.title(first, {**first, "images": [{"data": "a", "mask": "m"}]}) == "Mask set"
    one = {**first, "components": [{"name": "disk", "model": "sersic"}]}
    assert edits.title(first, one) == "Sersic 'disk' added"
    assert edits.title(one, first) == "'disk' removed"
