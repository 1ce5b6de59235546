"""The runs of one workbench: started together from the same values, followed while they last, the best taken over."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from sqlalchemy.exc import OperationalError

import engine
from dashboard.jobs.events import Event
from dashboard.services import Services
from dashboard.state import images
from dashboard.state.fit_form import FitForm
from dashboard.state.session import Session
from dashboard.state.workbench import adopted
from dashboard.store import NotFound, Run, RunStatus, StoreError

# What a fitter is called, and its options that differ from their defaults.
Request = tuple[str, Mapping[str, Any]]
NOTHING = "There is nothing to fit yet. Add an image and a component first."
NOT_STARTED = "The database does not answer, so this fit was not started. Try again in a minute."
NO_FITTER = "No fitter is ticked. Tick one in the list, then fit."


class Fitting:
    """Starts, follows, stops and shows the runs of a project. ``on_step`` hears each step of those under way."""

    def __init__(self, services: Services, session: Session, on_step: Callable[[Event], Any]) -> None:
        self.services = services
        self.store = services.store
        self.session = session
        self.state = session.state
        self._on_step = on_step
        self._listening: dict[str, Callable[[], None]] = {}
        self._discarded: set[str] = set()
        self._settling: set[asyncio.Task[None]] = set()
        # What the values on screen must still be for a run to replace them: those it started from, or those that a
        # run beside it arrived at. Values typed meanwhile stay.
        self._untouched: Any = None

    # --- opening and closing

    async def open(self) -> None:
        """Follow the runs that are under way, and show the latest that has ended."""
        runs = await asyncio.to_thread(self.store.runs, self.session.project_id)
        for run in reversed(runs):
            if not run.status.ended:
                await self._follow(run)
        if not self.state.running:
            await self.show_latest()
        self._untouched = self.state.description.get("components")

    async def show_latest(self) -> None:
        """Show the latest run about the image that is worked on; its values are not taken over."""
        runs = await asyncio.to_thread(self.store.runs, self.session.project_id)
        description = self.state.description
        ended = next(
            (run for run in runs if run.status.ended and images.same(run.description, description)), None
        )
        result = None if ended is None else await asyncio.to_thread(self._result, ended.id)
        shown = self.state.run
        if shown is None or shown["image"] != images.name_of(self.state.description):  # not shown meanwhile
            self.state.param.update(run=None if ended is None else facts(ended), result=result)

    def close(self) -> None:
        """Stop listening; the runs themselves go on."""
        for stop in self._listening.values():
            stop()
        self._listening.clear()

    # --- what a person does

    async def fit(
        self, requests: Sequence[Request], seconds: Sequence[float | None] = (), form: FitForm | None = None
    ) -> list[str]:
        """Start these fitters on the description as it stands; the ids of their runs.

        ``seconds`` is what each is forecast to take, None where that is not known: short ones need not wait for long.
        ``form`` has the device and the precision.
        """
        state = self.state
        state.refused = ""
        if state.opened.problem is None or not requests:
            state.refused = NO_FITTER if state.opened.problem is not None else NOTHING
            return []
        description = state.fitted_description
        if form is not None:
            description = form.on_computer(description)
        started = []
        for (fitter, options), expected in zip_longest(requests, seconds):
            try:
                run = await asyncio.to_thread(
                    self.services.jobs.submit,
                    self.session.project_id,
                    description,
                    fitter,
                    dict(options),
                    seconds=expected,
                    device="auto" if form is None else form.device,
                )
            except (engine.EngineError, StoreError) as error:
                state.refused = str(error)
                break
            except OperationalError:
                state.refused = NOT_STARTED
                break
            started.append(run)
        if started:
            self._untouched = state.description.get("components")
            state.param.update(run=None, result=None)
            for run in started:
                await self._follow(run)
        return [run.id for run in started]

    async def stop(self, run_id: str) -> None:
        """Ask a run to stop; the best values so far are kept."""
        if run_id in self.state.active:
            self._know(run_id, stopping=True)
            await asyncio.to_thread(self.services.jobs.cancel, run_id)

    async def discard(self, run_id: str) -> None:
        """Ask a run to stop and forget it when it has."""
        if run_id in self.state.active:
            self._discarded.add(run_id)
            await self.stop(run_id)

    async def stop_all(self) -> None:
        """Ask every run that is under way to stop."""
        for run_id in list(self.state.active):
            await self.stop(run_id)

    async def show(self, run_id: str) -> None:
        """Put an ended run on screen: its values become the present ones."""
        await self._take_over(await asyncio.to_thread(self.store.run, run_id))

    async def delete(self, run_id: str) -> None:
        """Take an ended run out of sight; :meth:`restore` brings it back."""
        await asyncio.to_thread(self.store.delete_run, run_id)
        if self.state.run is not None and self.state.run["id"] == run_id:
            self.state.param.update(run=None, result=None)
        self.state.deleted = run_id

    async def restore(self, run_id: str) -> None:
        """Bring a deleted run back."""
        await asyncio.to_thread(self.store.restore_run, run_id)
        self.state.deleted = ""

    async def restart_from(self, run_id: str) -> None:
        """Go back to the values that a run started from."""
        run = await asyncio.to_thread(self.store.run, run_id)
        await self.session.change(
            lambda description: {
                **images.with_run(description, run.description),
                "components": run.description["components"],
            }
        )

    # --- following

    async def _follow(self, run: Run) -> None:
        self.state.active = {**self.state.active, run.id: {**facts(run), "step": {}}}
        events = await asyncio.to_thread(self.services.jobs.events, run.id)
        # What comes from here on is heard; what came while the earlier ones were read is among those of now.
        self._listening[run.id] = self.services.jobs.subscribe(run.id, self._heard)
        for event in self.services.jobs.recent(run.id) or events:
            self._heard(event)

    def _heard(self, event: Event) -> None:
        run_id, state = event["run"], self.state
        if run_id not in self._listening:
            return
        if event["type"] == "step":
            self._on_step(event)
        elif RunStatus(event["status"]).ended:
            # Still under way on screen until its values are there, so that nothing flickers in between.
            self._listening.pop(run_id)()
            task = asyncio.ensure_future(self._settle(run_id))
            self._settling.add(task)
            task.add_done_callback(self._settling.discard)
        elif run_id in state.active:
            self._know(run_id, status=event["status"], message=event["message"])

    def _know(self, run_id: str, **more: Any) -> None:
        """Take down something new about a run that is under way."""
        state = self.state
        if run_id in state.active:
            state.active = {**state.active, run_id: {**state.active[run_id], **more}}

    def note_steps(self, last: Mapping[str, Event]) -> None:
        """Take down how far runs are: their last steps, by id. The page gathers them, a few times a second."""
        active = dict(self.state.active)
        for run_id, event in last.items():
            if run_id in active:
                step = {name: event[name] for name in ("number", "chi2_dof", "seconds")}
                active[run_id] = {**active[run_id], "step": step}
        self.state.active = active

    async def _settle(self, run_id: str) -> None:
        try:
            run = await asyncio.to_thread(self.store.run, run_id)
            if run_id in self._discarded:
                self._discarded.discard(run_id)
                await asyncio.to_thread(self.store.delete_run, run_id)
            elif (
                self._better(run)
                and images.same(run.description, self.state.description)
                and self.state.description.get("components") == self._untouched
            ):
                await self._take_over(run)
                self._untouched = self.state.description.get("components")
            elif self.state.run is None and images.same(run.description, self.state.description):
                self.state.param.update(run=facts(run), result=await asyncio.to_thread(self._result, run.id))
        except NotFound:  # deleted from another page meanwhile
            pass
        finally:
            self.state.active = {key: one for key, one in self.state.active.items() if key != run_id}

    def _better(self, run: Run) -> bool:
        """Whether a run's values go on screen: when nothing is there yet, or something with a larger chi2."""
        shown = self.state.run
        if shown is None:
            return True
        if run.chi2_dof is None:
            return False
        return shown["chi2_dof"] is None or run.chi2_dof < shown["chi2_dof"]

    async def _take_over(self, run: Run) -> None:
        """Put an ended run on screen, with its values if it has any."""
        result = await asyncio.to_thread(self._result, run.id)
        if result is not None:
            # With the image and its settings as they were then, so that uncertainties belong to what is seen.
            await self.session.change(
                lambda description: adopted(images.with_run(description, run.description), result),
                only_shown=True,
            )
        self.state.param.update(run=facts(run), result=result)

    def _result(self, run_id: str) -> dict[str, Any] | None:
        path = self.store.run_folder(run_id) / "result.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def facts(run: Run) -> dict[str, Any]:
    """What the page says of a run, as plain values."""
    return {
        "id": run.id,
        "status": str(run.status),
        "message": run.message,
        "converged": run.converged,
        "chi2_dof": run.chi2_dof,
        "fitter": run.fitter,
        "image": images.name_of(run.description),
    }
