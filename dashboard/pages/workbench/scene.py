"""The left side and the table of the workbench: images, components and parameters follow the state."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import panel as pn

from dashboard import ui
from dashboard.pages.later import Later, Looked
from dashboard.services import Services
from dashboard.state import images
from dashboard.state.files import file_rows, setting_rows
from dashboard.state.presets import PRESETS
from dashboard.state.session import Session
from dashboard.state.table import component_rows, parameter_rows
from dashboard.store import File
from dashboard.views.component import Message
from dashboard.views.image_switcher import ImageSwitcher
from dashboard.views.images import ImageList
from dashboard.views.parameters import ParameterTable
from dashboard.views.scene import SceneList
from dashboard.views.upload import Upload
from engine import models

WIDE: dict[str, Any] = {"sizing_mode": "stretch_width", "margin": 0}
COLORS = ui.COMPONENT_COLORS


class ScenePart:
    """Lists of images and components, and the parameter table."""

    def __init__(
        self,
        services: Services,
        session: Session,
        later: Later,
        files_arrived: Callable[[Sequence[Mapping[str, Any]]], Awaitable[None]],
    ) -> None:
        self.services = services
        self._files_arrived = files_arrived
        self.session = session
        self.state = session.state
        self.later = later
        self.on_snap: Callable[[str], Awaitable[None]] = _nothing
        self.images = ImageList(self._on_images, **WIDE)
        self.switcher = ImageSwitcher(self._on_switch, **WIDE)
        self.upload = Upload(
            self._on_upload,
            target=f"/api/projects/{session.project_id}/files",
            label="Drop FITS files",
            compact=True,
            **WIDE,
        )
        kinds = [{"key": one.key, "title": one.title, "summary": one.summary} for one in PRESETS.values()]
        kinds += [{"key": m.key, "title": m.title, "summary": m.summary} for m in models.registry().values()]
        self.scene = SceneList(self._on_scene, models=kinds, **WIDE)
        self.table = ParameterTable(self._on_table, sizing_mode="stretch_both", margin=0)
        self.table_card = pn.Column(
            self.table,
            sizing_mode="stretch_both",
            margin=0,
            visible=False,
            css_classes=["card", "below"],
            stylesheets=[ui.stylesheet()],
        )
        scene = ["description", "opened", "history", "selected", "placing", "run", "result"]
        self.state.param.watch(lambda *_: self.later(self.show_scene), scene)
        self.look = Looked(self.later, lambda: services.store.files(session.project_id), self.show_files)
        self.state.param.watch(lambda *_: self.look(), ["description", "opened", "error"])

    # --- from state to views

    def show_scene(self) -> None:
        """Components and parameters as they are now."""
        state, problem = self.state, self.state.opened.problem
        self.scene.param.update(
            components=component_rows(problem, state.selected, COLORS),
            ready=state.opened.image is not None,
            can_undo=bool(state.history.past),
            can_redo=bool(state.history.future),
            placing=_title(state.placing),
        )
        self.table.rows = parameter_rows(
            problem,
            selected=state.selected,
            colors=COLORS,
            uncertainties=state.uncertainties,
            at_bounds=state.result["at_bounds"] if state.result and state.result_is_current else (),
        )
        self.table_card.visible = problem is not None

    def show_files(self, files: list[File]) -> None:
        """Images, files, numbers and notices as they are now."""
        self.switcher.param.update(
            names=images.names(self.state.description), shown=images.name_of(self.state.description)
        )
        self.images.param.update(
            files=file_rows(files, self.state.description, self.session.contents),
            settings=setting_rows(self.state.description),
            notices=list(self.state.opened.notices),
            error=self.state.error,
        )

    # --- from views to the session

    async def _on_table(self, message: Message) -> None:
        await self.session.edit_parameter(message["key"], message["column"], message["value"])

    async def _on_scene(self, message: Message) -> None:
        match message:
            case {"type": "select", "name": name}:
                self.state.selected = "" if self.state.selected == name else name
            case {"type": "rename", "name": name, "to": new}:
                await self.session.rename(name, new)
            case {"type": "remove", "name": name}:
                await self.session.remove(name)
            case {"type": "snap", "name": name}:
                await self.on_snap(str(name))
            case {"type": "add", "model": model}:
                await self.session.add(model)
            case {"type": "stop"}:
                self.state.placing = ""
            case {"type": "undo"}:
                await self.session.undo()
            case {"type": "redo"}:
                await self.session.redo()

    async def _on_images(self, message: Message) -> None:
        match message:
            case {"type": "role", "id": file, "was": was, "role": role}:
                await self.session.set_role(file, was, role)
            case {"type": "extension", "id": file, "role": role, "extension": extension}:
                await self.session.set_extension(file, role, extension)
            case {"type": "image", "id": str(file), "was": str(was)}:
                await self.session.use_as_image(file, was)
            case {"type": "sure", "id": file}:
                self.images.guessed = [one for one in self.images.guessed if one != file]
            case {"type": "remove", "id": file, "role": role}:
                await self.session.remove_file(file, role)
            case {"type": "setting", "key": key, "value": value}:
                await self.session.set_number(key, value)

    async def _on_switch(self, message: Message) -> None:
        match message:
            case {"type": "switch", "name": str(name)}:
                await self.session.change(
                    lambda description: images.switched(description, name), only_shown=True
                )
            case {"type": "copy", "name": str(name)} if name:
                await self.session.change(lambda description: images.with_scene_of(description, name))
            case {"type": "remove"}:
                await self.session.change(images.without_first)

    async def _on_upload(self, message: Message) -> None:
        if message["type"] == "done":
            taken = message["taken"]
            self.guessed([one["answer"]["file"]["id"] for one in taken if one["guessed"]])
            await self._files_arrived([one["answer"] for one in taken])

    def leave_room(self, yes: bool) -> None:
        """Give some of the table's height to images in two rows."""
        classes = [name for name in self.table_card.css_classes if name != "less"]
        self.table_card.css_classes = [*classes, "less"] if yes else classes

    def guessed(self, files: Sequence[str]) -> None:
        """Ask whether these files are what their names say."""
        self.images.guessed = [*self.images.guessed, *files]

    def open(self) -> None:
        """Fill the lists."""
        self.look()
        self.later(self.show_scene)


def _title(key: str) -> str:
    """Screen title of a model or a preset; "" for none."""
    if not key:
        return ""
    return PRESETS[key].title if key in PRESETS else models.model(key).title


async def _nothing(_: str) -> None:
    """Until the page says what snapping does."""
