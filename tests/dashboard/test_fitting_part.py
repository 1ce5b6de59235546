"""The right side of the workbench without a browser and without workers: what comes at an awkward moment."""

from __future__ import annotations

import asyncio

import pytest
from bokeh.document import Document

from dashboard.jobs.events import EventHub
from dashboard.pages.later import Later
from dashboard.pages.workbench.fitting import FLUSH_SECONDS, FittingPart
from dashboard.services import Services
from dashboard.settings import Settings
from dashboard.state.session import Session
from dashboard.store import Run, RunStatus, Store
from tests.dashboard.fits import small_project


class Told(EventHub):
    """Jobs without workers: runs are told of by the test."""

    has_gpu = False
    recent = EventHub.events


@pytest.fixture
def run(store: Store) -> Run:
    project = small_project(store)
    return store.create_run(project.id, project.description or {}, "iterative", {"max_steps": 7})


async def part_of(store: Store, run: Run, told: Told, document: Document) -> FittingPart:
    session = Session(Services(store, told, Settings()), run.project_id)  # type: ignore[arg-type]
    await session.open()
    return FittingPart(session.services, session, Later(document))


def end(store: Store, run: Run) -> None:
    store.advance_run(run.id, RunStatus.RUNNING)
    store.advance_run(run.id, RunStatus.FINISHED, message="Converged.", converged=True, chi2_dof=1.0)


@pytest.mark.parametrize("quick", [False, True])
def test_what_was_ticked_while_the_page_was_filled_stays(store: Store, run: Run, quick: bool) -> None:
    end(store, run)

    async def opened() -> FittingPart:
        part = await part_of(store, run, Told(), Document())
        opening = asyncio.ensure_future(part.open())
        await asyncio.sleep(0)  # runs are being read
        if quick:
            part.form.tick("gradient", on=True)
        await opening
        return part

    form = asyncio.run(opened()).form
    assert form.ticked == (["lm", "gradient"] if quick else ["iterative"])
    assert form.changed.get("iterative") == (None if quick else {"max_steps": 7})


def test_steps_that_come_with_the_end_of_their_run_are_in_its_curve(store: Store, run: Run) -> None:
    async def drawn() -> FittingPart:
        document, told = Document(), Told()
        part = await part_of(store, run, told, document)
        await part.open()
        assert run.id in part.state.active
        for number in range(3):
            told.publish(
                run.id, {"type": "step", "number": number, "chi2_dof": 3.0 - number, "seconds": 0.1 * number}
            )
        end(store, run)
        told.publish(run.id, {"type": "state", "status": "finished", "message": "Converged."})
        while run.id in part.state.active:
            await asyncio.sleep(0.01)
        await asyncio.sleep(2 * FLUSH_SECONDS)
        for waiting in document.session_callbacks:
            waiting.callback()
        return part

    part = asyncio.run(drawn())
    curve = next(one for one in part.panel.curves.curves if one.run == run.id)
    assert list(curve.source.data["step"]) == [0, 1, 2]
    assert list(curve.source.data["chi2_dof"]) == [3.0, 2.0, 1.0]
    assert part.panel.curve_box.visible
