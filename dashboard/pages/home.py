"""`/`: drop an image, open an example, or go on with a project."""

from __future__ import annotations

import asyncio
from pathlib import PurePath
from typing import Any

import panel as pn

import engine
from dashboard import ui
from dashboard.figures.thumbnail import data_url, thumbnail
from dashboard.pages import links
from dashboard.pages.later import Later, patient
from dashboard.pages.share import SharePart
from dashboard.services import Services
from dashboard.state.runs import clock
from dashboard.state.session import Session
from dashboard.store import Project, StoreError
from dashboard.views.component import Message
from dashboard.views.projects import Examples, ProjectCards
from dashboard.views.upload import Upload

WIDE = {"sizing_mode": "stretch_width", "margin": 0}
INTRODUCTION = (
    '<div class="intro"><h1>Fit galaxies, see what is left</h1>'
    '<p class="muted">Drop an image, click a galaxy, press Fit: data, model and residual side by side, '
    "with numbers and their uncertainties. Everything stays on {where}. "
    'New to fitting? <a href="/learn">Learn it, method by method</a>.</p></div>'
)
KEPT_PICTURES = 200

# By the image's content, so an entry never goes stale.
_pictures: dict[tuple[str, str], str] = {}


def home(services: Services) -> Any:
    """The first page."""
    ui.setup()
    page = HomePage(services)
    pn.state.onload(patient(page.start))
    return page.view()


class HomePage:
    """The first page of one session."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.store = services.store
        self.upload = Upload(
            self._on_upload,
            label="Drop a FITS image here",
            help="Noise, mask and PSF images may come along: their names tell what they are, and you can change it.",
            **WIDE,
        )
        self.examples = Examples(
            self._on_example, examples=[[k, v] for k, v in engine.examples().items()], **WIDE
        )
        self.cards = ProjectCards(self._on_cards, **WIDE)
        self._new: str | None = None
        self.share = SharePart(services, Later(pn.state.curdoc))
        self.names: dict[str, str] = {}

    def view(self) -> Any:
        """The page."""
        body = pn.Column(
            ui.html(
                INTRODUCTION.format(where="this machine" if self.store.who.local else "this server"), **WIDE
            ),
            pn.Row(
                self.upload, pn.Column(self.examples, width=330, margin=0), **WIDE, styles={"gap": "22px"}
            ),
            self.cards,
            self.share.dialog,
            **WIDE,
            max_width=1160,
            styles={"gap": "22px", "padding": "26px 24px 40px", "margin": "0 auto"},
        )
        around = ui.html(links.around("Projects"), margin=0, styles=ui.CENTERED)
        return ui.page("Projects", header=[ui.html("", **WIDE), around], main=[body])

    async def start(self) -> None:
        """Fill in the projects, then their pictures."""
        projects = await asyncio.to_thread(self.store.projects)
        self.names = {} if self.store.who.local else await asyncio.to_thread(self.store.accounts.names)
        cards = await asyncio.to_thread(lambda: [self._card(project) for project in projects])
        self.cards.param.update(projects=cards, known=True)
        for project in projects:
            picture = await asyncio.to_thread(self._picture, project)
            if picture:
                self.cards.projects = [
                    {**card, "picture": picture} if card["id"] == project.id else card
                    for card in self.cards.projects
                ]

    def _card(self, project: Project) -> dict[str, Any]:
        runs = self.store.runs(project.id, limit=1)
        outcome = "not fitted yet"
        if runs:
            run = runs[0]
            outcome = str(run.status) if run.chi2_dof is None else f"χ²/dof {run.chi2_dof:.4f}"
        return {
            "id": project.id,
            "title": project.title,
            "picture": self._known_picture(project),
            "files": len(self.store.files(project.id)),
            "outcome": outcome,
            "when": clock(project.updated),
            **self._ownership(project),
        }

    def _ownership(self, project: Project) -> dict[str, Any]:
        """Whose a project is: "" for one's own."""
        who = self.store.who
        mine = who.local or project.owner_id == who.id
        return {
            "owner": "" if mine else self.names.get(project.owner_id, "nobody"),
            "deletable": mine or who.is_admin,
            "shareable": not who.local and (mine or who.is_admin),
        }

    def _picture_key(self, project: Project) -> tuple[str, str] | None:
        entries = (project.description or {}).get("images") or []
        if not entries or "data" not in entries[0]:
            return None
        files = {file.id: file for file in self.store.files(project.id)}
        reference = str(entries[0]["data"])
        identifier = reference.removeprefix("file:").partition("[")[0]
        return (files[identifier].sha256, reference.partition("[")[2]) if identifier in files else None

    def _known_picture(self, project: Project) -> str:
        key = self._picture_key(project)
        return "" if key is None else _pictures.get(key, "")

    def _picture(self, project: Project) -> str:
        key = self._picture_key(project)
        if key is None:
            return ""
        if key not in _pictures:
            try:
                entry = self.store.resolved_description(project)["images"][0]
                image = engine.read_image(entry["data"], name=project.title)
            except (engine.EngineError, StoreError):
                return ""
            if len(_pictures) >= KEPT_PICTURES:
                _pictures.pop(next(iter(_pictures)))
            _pictures[key] = data_url(thumbnail(image.data, image.mask))
        return _pictures[key]

    async def _on_upload(self, message: Message) -> None:
        match message:
            case {"type": "start", "name": name}:
                title = PurePath(str(name)).name.removesuffix(".gz").rpartition(".")[0] or str(name)
                project = await asyncio.to_thread(self.store.create_project, title)
                self._new = project.id
                self.upload.target = f"/api/projects/{project.id}/files"
            case {"type": "done", "taken": taken} if self._new is not None:
                await self._arrived(self._new, taken)

    async def _arrived(self, project_id: str, taken: list[dict[str, Any]]) -> None:
        answers = [one["answer"] for one in taken]
        if not answers:  # all were refused, and the page says why: an empty project helps nobody
            await asyncio.to_thread(self.store.delete_project, project_id)
            self._new, self.upload.target = None, ""
            return
        session = await asyncio.to_thread(Session, self.services, project_id)
        await session.open()
        await session.files_arrived(answers)
        choice = any(len(answer["extensions"]) > 1 for answer in answers)
        if (
            session.state.error and not choice
        ):  # nothing to choose at the workbench: better stay where files drop
            await asyncio.to_thread(self.store.delete_project, project_id)
            self._new = None
            self.upload.param.update(target="", error="")
            self.upload.error = session.state.error
            return
        self.upload.go = links.uploaded(
            project_id, [one["answer"]["file"]["id"] for one in taken if one["guessed"]]
        )

    async def _on_example(self, message: Message) -> None:
        self.examples.busy = True
        try:
            project = await asyncio.to_thread(self.services.add_example, str(message["name"]))
        except (engine.EngineError, StoreError) as error:
            self.cards.error = str(error)
        else:
            self.examples.go = f"/fit/{project.id}"
        finally:
            self.examples.busy = False

    async def _on_cards(self, message: Message) -> None:
        if message["type"] == "share":
            await self.share.open(str(message["id"]))
            return
        try:
            await asyncio.to_thread(self.store.delete_project, message["id"])
        except StoreError as error:
            self.cards.error = str(error)
            return
        self.cards.param.update(
            error="", projects=[card for card in self.cards.projects if card["id"] != message["id"]]
        )
