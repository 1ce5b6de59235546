"""What a person does at a workbench, as methods: edits, files, fits. Works on the state, the store and the jobs.

Methods that open images are coroutines and do it on a thread, one at a time, so the server keeps answering others.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

import engine
from dashboard.jobs.events import Event
from dashboard.services import Services
from dashboard.state import edits
from dashboard.state.opening import opener
from dashboard.state.workbench import Opened, Workbench, adopted
from dashboard.store import File, Run, RunStatus, StoreError, file_reference, with_file
from dashboard.store.references import ROLES
from engine import models
from engine.images import FitsContents

Change = Callable[[Mapping[str, Any]], Mapping[str, Any]]
FIRST_MODEL = "sersic"
Refusal = (engine.EngineError, StoreError)


class Session:
    """One open workbench. ``on_step`` is called with each step event of the run on screen."""

    def __init__(self, services: Services, project_id: str, on_step: Callable[[Event], Any]) -> None:
        self.services = services
        self.store = services.store
        self.project_id = project_id
        self.state = Workbench(opener(services.store, project_id))
        self.contents: dict[str, FitsContents] = {}
        self.chosen_extensions: dict[str, str] = {}
        self._on_step = on_step
        self._one_at_a_time = asyncio.Lock()
        self._unsubscribe: Callable[[], None] | None = None
        self._reading: asyncio.Future[tuple[dict[str, Any], Opened, str, list[Run]]] | None = None

    # --- opening and closing

    def read_ahead(self) -> None:
        """Start reading the project on a thread, while the browser loads its scripts; :meth:`open` waits for it."""
        self._reading = asyncio.ensure_future(asyncio.to_thread(self._read))

    async def open(self) -> None:
        """Show the project: its files, its description, and the run that is on screen."""
        description, opened, error, runs = await (self._reading or asyncio.to_thread(self._read))
        if error:
            self.state.param.update(description=description, opened=Opened(), error=error)
        else:
            self.state.accept(description, opened, undoable=False)
        if runs:
            await self._attach(runs[0])

    def _read(self) -> tuple[dict[str, Any], Opened, str, list[Run]]:
        """The stored description, what it opens to, why it does not, and the latest run."""
        project = self.store.project(self.project_id)
        self._look_into(self.store.files(self.project_id))
        description = dict(project.description or {"residua": 1, "images": [], "components": []})
        opened, error = Opened(), ""
        try:
            opened = self.state.prepare(description)
        except Refusal as refused:
            error = str(refused)
        return description, opened, error, self.store.runs(self.project_id, limit=1)

    def close(self) -> None:
        """Stop listening to a run; the run itself goes on."""
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None

    def _look_into(self, files: Sequence[File]) -> None:
        for file in files:
            if file.id not in self.contents:
                try:
                    self.contents[file.id] = engine.inspect_fits(file.path, label=file.name)
                except engine.EngineError:
                    continue  # opening the description says what is wrong, if the file is used

    # --- edits

    async def change(self, change: Change) -> bool:
        """Apply an edit; a refused one shows the reason and changes nothing. True when it was taken."""
        async with self._one_at_a_time:
            self.state.refused = ""
            try:
                description = change(self.state.description)
                if description == self.state.description:
                    return True
                opened = await asyncio.to_thread(self.state.prepare, description)
            except Refusal as error:
                self.state.refused = str(error)
                return False
            self.state.accept(description, opened)
            await self._save()
        return True

    async def undo(self) -> None:
        """Take the last edit back."""
        await self._travel(self.state.undo_target)

    async def redo(self) -> None:
        """Make the edit again that was taken back."""
        await self._travel(self.state.redo_target)

    async def _travel(self, target: Callable[[], Any]) -> None:
        async with self._one_at_a_time:
            found = target()
            if found is None:
                return
            description, history = found
            opened = await asyncio.to_thread(self.state.prepare, description)
            self.state.travel(description, opened, history)
            await self._save()

    async def _save(self) -> None:
        await asyncio.to_thread(
            self.store.update_project, self.project_id, description=self.state.description
        )

    async def edit_parameter(self, key: str, column: str, value: Any) -> bool:
        """A cell of the table was changed."""
        return await self.change(lambda description: edits.set_cell(description, key, column, value))

    async def add(self, model: str) -> None:
        """Add a component: at once where it has no place (a sky), else at the next click."""
        kind = models.model(model)
        if kind.centered:
            self.state.placing = model
        else:
            await self.change(lambda description: edits.with_component(description, model, {}))

    async def place(self, x: float, y: float) -> None:
        """The image was clicked at (x, y), pixels of the full image: put the waiting component there.

        The first click in an empty scene needs no choice before it: it adds a Sersic and the sky below it.
        """
        state = self.state
        image, first = state.opened.image, not state.names
        model = state.placing or (FIRST_MODEL if first else "")
        if not model or image is None:
            return
        problem = state.opened.problem
        if problem is not None and state.result_is_current:
            image = await asyncio.to_thread(left_over, problem)
        try:
            start = await asyncio.to_thread(engine.start_values, image, model, x, y)
        except engine.EngineError as error:
            state.refused = str(error)
            return

        def change(description: Mapping[str, Any]) -> Mapping[str, Any]:
            if first:
                description = edits.with_component(description, "flat sky", {})
            return edits.with_component(description, model, start)

        if await self.change(change):
            state.param.update(placing="", selected=state.names[-1])

    async def rename(self, name: str, new: str) -> None:
        """Give a component another name; links to it follow."""
        if (
            await self.change(lambda description: edits.renamed(description, name, new))
            and self.state.selected == name
        ):
            self.state.selected = new

    async def remove(self, name: str) -> None:
        """Take a component out of the scene."""
        problem = self.state.opened.problem
        values = {p.key: p.value for p in problem.parameters} if problem is not None else {}
        await self.change(lambda description: edits.without_component(description, name, values))

    # --- files

    async def files_arrived(self, arrived: Sequence[Mapping[str, Any]]) -> None:
        """Files were uploaded: give each the role it was sent for, and extensions that name their role theirs."""
        files = await asyncio.to_thread(self.store.files, self.project_id)
        await asyncio.to_thread(self._look_into, files)
        for answer in arrived:
            file = answer["file"]
            contents = self.contents.get(file["id"])
            roles = {file["role"]: file["reference"]}
            for one in contents.extensions if contents and file["role"] == "image" else ():
                if one.kind == "image" and one.role_guess in ROLES and one.role_guess != "image":
                    roles.setdefault(one.role_guess, file_reference(file["id"], one.index))
            for role, reference in roles.items():
                taken = await self.change(partial(with_file, role=role, reference=reference))
                if not taken and role == file["role"] and self.state.opened.image is None:
                    self.state.error, self.state.refused = self.state.refused, ""
        self.state.param.trigger("description")

    async def set_role(self, file_id: str, was: str, role: str) -> None:
        """Use a file for another role, or (empty) not at all."""

        def change(description: Mapping[str, Any]) -> Mapping[str, Any]:
            changed = with_file(description, was, None) if was else description
            if not role:
                return changed
            chosen = self.chosen_extensions.get(file_id)
            contents = self.contents.get(file_id)
            default = contents.default_index if contents else None
            return with_file(
                changed, role, file_reference(file_id, chosen if chosen is not None else default)
            )

        if not await self.change(change):
            self.state.param.trigger("description")  # the list shows the old role again

    async def set_extension(self, file_id: str, role: str, extension: str) -> None:
        """Use another extension of a file."""
        self.chosen_extensions[file_id] = extension
        if role and not await self.change(lambda d: with_file(d, role, file_reference(file_id, extension))):
            self.state.param.trigger("description")

    async def remove_file(self, file_id: str, role: str) -> None:
        """Take a file out of the project."""
        if role and not await self.change(lambda d: with_file(d, role, None)):
            return
        await asyncio.to_thread(self.store.delete_file, file_id)
        self.state.param.trigger("description")

    async def set_number(self, key: str, text: str) -> None:
        """A number of the image (gain, zero point, window ...) was typed."""
        if not await self.change(lambda description: edits.with_image_number(description, key, text)):
            self.state.param.trigger("description")

    # --- runs

    async def fit(self, fitter: str, options: Mapping[str, Any]) -> None:
        """Start a fit of the description as it stands."""
        if self.state.running:
            return
        if self.state.opened.problem is None:
            self.state.refused = "There is nothing to fit yet. Add an image and a component first."
            return
        try:
            run = await asyncio.to_thread(
                self.services.jobs.submit, self.project_id, self.state.description, fitter, dict(options)
            )
        except Refusal as error:
            self.state.refused = str(error)
            return
        self._listen(run)

    async def cancel(self) -> None:
        """Ask the run on screen to stop."""
        if self.state.running and self.state.run is not None:
            await asyncio.to_thread(self.services.jobs.cancel, self.state.run["id"])

    async def show_run(self, run_id: str) -> None:
        """Put an earlier run on screen: its values become the present ones."""
        await self._finished(await asyncio.to_thread(self.store.run, run_id))

    async def restart_from(self, run_id: str) -> None:
        """Go back to the values an earlier run started from."""
        run = await asyncio.to_thread(self.store.run, run_id)
        await self.change(lambda description: {**description, "components": run.description["components"]})

    async def _attach(self, run: Run) -> None:
        """Show a project's latest run when the page opens: follow it, or show how it ended."""
        if run.status.ended:
            result = await asyncio.to_thread(self._result, run.id)
            self.state.param.update(run=_facts(run), result=result)
        else:
            self._listen(run)

    def _listen(self, run: Run) -> None:
        self.close()
        self.state.param.update(run=_facts(run), result=None, refused="")
        self._unsubscribe = self.services.jobs.subscribe(run.id, self._heard)
        for event in self.services.jobs.events(run.id):
            self._heard(event)

    def _heard(self, event: Event) -> None:
        state = self.state
        if state.run is None or event.get("run", state.run["id"]) != state.run["id"] or not state.running:
            return
        if event["type"] == "step":
            self._on_step(event)
        elif RunStatus(event["status"]).ended:
            # Still "running" on screen until its values are there, so nothing flickers in between.
            self.close()
            self._settling = asyncio.ensure_future(self._settle(state.run["id"]))
        else:
            state.run = {**state.run, "status": event["status"], "message": event["message"]}

    async def _settle(self, run_id: str) -> None:
        await self._finished(await asyncio.to_thread(self.store.run, run_id))

    async def _finished(self, run: Run) -> None:
        """Take over the values of an ended run, if it has any."""
        result = await asyncio.to_thread(self._result, run.id)
        if result is not None:
            components = {**self.state.description, "images": run.description["images"]}
            await self.change(lambda _: adopted(components, result))
        self.state.param.update(run=_facts(run), result=result)

    def _result(self, run_id: str) -> dict[str, Any] | None:
        path = self.store.run_folder(run_id) / "result.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def left_over(problem: engine.Problem) -> engine.Image:
    """The image without its fitted galaxies and stars (the sky stays): what a further component starts from."""
    image = problem.image
    drawn = problem.render_components()
    model = sum((drawn[one.name] for one in problem.components if one.model.centered), np.zeros(image.shape))
    return replace(image, data=np.where(image.mask, image.data, image.data - model))


def _facts(run: Run) -> dict[str, Any]:
    return {
        "id": run.id,
        "status": str(run.status),
        "message": run.message,
        "converged": run.converged,
        "chi2_dof": run.chi2_dof,
        "fitter": run.fitter,
    }
