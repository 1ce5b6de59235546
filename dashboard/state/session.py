"""What a person does at a workbench, as methods: edits of the description, and its files. Works on state and store.

Methods that open images are coroutines and do it on a thread, one at a time, so the server keeps answering others.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from sqlalchemy.exc import OperationalError

import engine
from dashboard.services import Services
from dashboard.state import edits, images, presets
from dashboard.state.opening import opener
from dashboard.state.presets import PRESETS
from dashboard.state.workbench import Opened, Workbench
from dashboard.store import File, Reach, StoreError, file_reference, with_file
from dashboard.store.reach import READ_ONLY
from dashboard.store.references import DRAWN_MASK, ROLES
from engine import models
from engine.images import FitsContents

Change = Callable[[Mapping[str, Any]], Mapping[str, Any]]
FIRST = "preset one sersic"
Refusal = (engine.EngineError, StoreError)
UNCHANGED = "The database does not answer, so nothing was changed. Try again in a minute."
UNSAVED = "The database does not answer, so this is only on your page yet. It is kept as soon as it can be."
AGAIN_SECONDS = 2.0
KEEP_TRYING_SECONDS = 3600.0

_readers = ThreadPoolExecutor(4, thread_name_prefix="residua-reader")


class Session:
    """One open workbench."""

    def __init__(self, services: Services, project_id: str) -> None:
        self.services = services
        self.store = services.store
        self.project_id = project_id
        self.read_only = services.reach(project_id) < Reach.WRITE
        self.state = Workbench(opener(services.store, project_id))
        self.contents: dict[str, FitsContents] = {}
        self.chosen_extensions: dict[str, str] = {}
        self._one_at_a_time = asyncio.Lock()
        self._saving: asyncio.Future[None] | None = None
        self._reading: Future[tuple[dict[str, Any], Opened, str]] | None = None

    # --- opening and closing

    def read_ahead(self) -> None:
        """Start reading the project on a thread, while the browser loads its scripts; :meth:`open` waits for it."""
        self._reading = _readers.submit(self._read)

    async def open(self) -> None:
        """Show the project: its files and its description."""
        reading, self._reading = self._reading or _readers.submit(self._read), None
        description, opened, error = await asyncio.wrap_future(reading)
        if error:
            self.state.param.update(description=description, opened=Opened(), error=error)
        else:
            self.state.accept(description, opened, undoable=False)

    def _read(self) -> tuple[dict[str, Any], Opened, str]:
        """The stored description, what it opens to, and why it does not."""
        project = self.store.project(self.project_id)
        self._look_into(self.store.files(self.project_id))
        description = dict(project.description or {"residua": 1, "images": [], "components": []})
        opened, error = Opened(), ""
        try:
            opened = self.state.prepare(description)
        except Refusal as refused:
            error = str(refused)
        return description, opened, error

    def _look_into(self, files: Sequence[File]) -> None:
        for file in files:
            if file.id not in self.contents and file.name != DRAWN_MASK:
                try:
                    self.contents[file.id] = engine.inspect_fits(file.path, label=file.name)
                except engine.EngineError:
                    continue  # opening the description says what is wrong, if the file is used

    # --- edits

    async def change(self, change: Change, *, only_shown: bool = False) -> bool:
        """Apply an edit; a refused one shows the reason and changes nothing. True when it was taken.

        What is `only_shown`, such as the values of a run, is so to readers too, and kept for nobody.
        """
        async with self._one_at_a_time:
            self.state.refused = READ_ONLY if self.read_only and not only_shown else ""
            if self.state.refused:
                return False
            try:
                description = change(self.state.description)
                if description == self.state.description:
                    return True
                opened = await asyncio.to_thread(self.state.prepare, description)
            except Refusal as error:
                self.state.refused = str(error)
                return False
            except OperationalError:
                self.state.refused = UNCHANGED
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
            if self.read_only:
                self.state.refused = READ_ONLY
                return
            description, history = found
            self.state.refused = ""
            try:
                opened = await asyncio.to_thread(self.state.prepare, description)
            except Refusal as error:  # a file that it names was deleted meanwhile
                self.state.refused = str(error)
                return
            self.state.travel(description, opened, history)
            await self._save()

    async def _save(self) -> None:
        """Keep the description; while the database does not answer, say so and go on trying."""
        if self.read_only or self._saving is not None:
            return  # or what goes on trying will keep it
        try:
            await self._keep()
        except OperationalError:
            self.state.refused = UNSAVED
            self._saving = asyncio.ensure_future(self._keep_later())

    async def _keep(self) -> Mapping[str, Any]:
        description = self.state.description
        await asyncio.to_thread(self.store.update_project, self.project_id, description=description)
        return description

    async def _keep_later(self) -> None:
        # The page may be closed meanwhile: what was done on it is kept all the same.
        kept, deadline = None, time.monotonic() + KEEP_TRYING_SECONDS
        try:
            while kept is not self.state.description and time.monotonic() < deadline:
                await asyncio.sleep(AGAIN_SECONDS)
                with suppress(OperationalError):
                    kept = await self._keep()
        finally:
            self._saving = None
        if self.state.refused == UNSAVED:
            self.state.refused = ""

    async def edit_parameter(self, key: str, column: str, value: Any) -> bool:
        """A cell of the table was changed."""
        return await self.change(lambda description: edits.set_cell(description, key, column, value))

    async def add(self, model: str) -> None:
        """Add a component, or a preset of several: at once where it has no place (a sky), else at the next click."""
        if model in PRESETS or models.model(model).centered:
            self.state.placing = model
        else:
            await self.change(lambda description: edits.with_component(description, model, {}))

    async def place(self, x: float, y: float) -> None:
        """The image was clicked at (x, y), pixels of the full image: put what waits there.

        The first click in an empty scene needs no choice before it: it adds a Sersic and the sky below it.
        """
        state = self.state
        image = state.opened.image
        model = state.placing or ("" if state.names else FIRST)
        if not model or image is None:
            return
        problem = state.opened.problem
        if problem is not None and state.result_is_current:
            image = await asyncio.to_thread(left_over, problem)
        description, names = state.description, state.names
        try:
            if model in PRESETS:
                changed = await asyncio.to_thread(presets.added, description, PRESETS[model], image, x, y)
            else:
                start = await asyncio.to_thread(engine.start_values, image, model, x, y)
                changed = edits.with_component(description, model, start)
        except engine.EngineError as error:
            state.refused = str(error)
            return
        if await self.change(lambda _: changed):
            new = [name for name in state.names if name not in names]
            state.param.update(placing="", selected=new[-1] if new else "")

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
        # What comes with one image belongs to it, in whatever order the files arrive.
        one_image = sum(answer["file"]["role"] == "image" for answer in arrived) == 1
        for answer in sorted(arrived, key=lambda one: one_image and one["file"]["role"] != "image"):
            file = answer["file"]
            contents = self.contents.get(file["id"])
            roles = {file["role"]: file["reference"]}
            for one in contents.extensions if contents and file["role"] == "image" else ():
                if one.kind == "image" and one.role_guess in ROLES and one.role_guess != "image":
                    roles.setdefault(one.role_guess, file_reference(file["id"], one.index))
            for role, reference in roles.items():
                if role == "image":
                    name = file_stem(file.get("name") or "image")
                    change: Change = partial(images.with_image, reference=reference, name=name)
                else:
                    change = partial(with_file, role=role, reference=reference)
                taken = await self.change(change)
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

    async def use_as_image(self, file_id: str, was: str) -> None:
        """Use a file that was taken for something else as an image of its own."""
        file = await asyncio.to_thread(self.store.file, file_id)
        contents = self.contents.get(file_id)
        reference = file_reference(file_id, contents.default_index if contents else None)

        def change(description: Mapping[str, Any]) -> Mapping[str, Any]:
            freed = with_file(description, was, None) if was else description
            return images.with_image(freed, reference=reference, name=file_stem(file.name))

        await self.change(change)

    async def set_extension(self, file_id: str, role: str, extension: str) -> None:
        """Use another extension of a file."""
        self.chosen_extensions[file_id] = extension
        if role and not await self.change(lambda d: with_file(d, role, file_reference(file_id, extension))):
            self.state.param.trigger("description")

    async def remove_file(self, file_id: str, role: str) -> None:
        """Take a file out of the project."""
        other = images.used_by_others(self.state.description, file_id)
        if other:
            self.state.refused = f"The image {other} uses this file too. Choose another file there first."
            return
        if role and not await self.change(lambda d: with_file(d, role, None)):
            return
        if (await asyncio.to_thread(self.store.file, file_id)).name != DRAWN_MASK:  # undo goes back to those
            await asyncio.to_thread(self.store.delete_file, file_id)
        self.state.param.trigger("description")

    async def set_number(self, key: str, text: str) -> None:
        """A number of the image (gain, zero point, window ...) was typed."""
        if not await self.change(lambda description: edits.with_image_number(description, key, text)):
            self.state.param.trigger("description")


def file_stem(name: str) -> str:
    """A file's name without the endings of FITS: what its image is called."""
    return re.sub(r"(\.(fits?|fts|fz|gz|bz2))+$", "", name, flags=re.IGNORECASE) or name


def left_over(problem: engine.Problem) -> engine.Image:
    """The image without its fitted galaxies and stars (the sky stays): what a further component starts from."""
    image = problem.image
    drawn = problem.render_components()
    model = sum((drawn[one.name] for one in problem.components if one.model.centered), np.zeros(image.shape))
    return replace(image, data=np.where(image.mask, image.data, image.data - model))
