"""The parts of the workbench page put together: state changes show up in views, and views report to the session."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import panel as pn

import engine
from dashboard import ui
from dashboard.figures.overlays import marker_columns
from dashboard.jobs.events import Event
from dashboard.services import Services
from dashboard.state.files import file_rows, setting_rows
from dashboard.state.fit_form import FitForm
from dashboard.state.pictures import ImagePictures, ModelPictures, image_pictures, model_pictures
from dashboard.state.runs import outcome, run_rows
from dashboard.state.session import Session
from dashboard.state.table import component_rows, markers, nearest, parameter_rows
from dashboard.store import Project
from dashboard.views import verdict
from dashboard.views.component import Message
from dashboard.views.crumb import Crumb
from dashboard.views.fit_panel import FitPanel
from dashboard.views.images import ImageList
from dashboard.views.keyboard import Keyboard, help_dialog
from dashboard.views.parameters import ParameterTable
from dashboard.views.scene import SceneList
from dashboard.views.upload import Upload
from dashboard.views.viewer import ImageViewer
from engine import models

WIDE = {"sizing_mode": "stretch_width", "margin": 0}
FLUSH_SECONDS = 0.1
COLORS = ui.COMPONENT_COLORS


class WorkbenchPage:
    """One person's view of one project."""

    def __init__(self, services: Services, project: Project) -> None:
        self.services = services
        self.project = project
        self.document = pn.state.curdoc
        self.session = Session(services, project.id, self._step)
        self.state = self.session.state
        self.form = FitForm()
        self._steps: list[Event] = []
        self._waiting: list[Callable[[], Any]] = []
        self._last_step = -1
        self._image: engine.Image | None = None
        self._drawing: asyncio.Task[None] | None = None

        self.crumb = Crumb(self._on_title, title=project.title, **WIDE, styles=ui.CENTERED)
        self.images = ImageList(self._on_images, **WIDE)
        self.upload = Upload(
            self._on_upload,
            target=f"/api/projects/{project.id}/files",
            label="Drop FITS files",
            compact=True,
            **WIDE,
        )
        self.scene = SceneList(
            self._on_scene,
            models=[
                {"key": m.key, "title": m.title, "summary": m.summary} for m in models.registry().values()
            ],
            **WIDE,
        )
        self.viewer = ImageViewer(self._on_click)
        self.table = ParameterTable(self._on_table, sizing_mode="stretch_both", margin=0)
        self.table_card = pn.Column(
            self.table,
            sizing_mode="stretch_both",
            margin=0,
            visible=False,
            css_classes=["card", "below"],
            stylesheets=[ui.stylesheet()],
        )
        self.fits = FitPanel(self.form, on_fit=self.fit, on_cancel=self.cancel, on_run=self._on_runs)
        self.help = help_dialog()
        self.keyboard = Keyboard(self._on_key, width=0, height=0, margin=0)
        self._watch()

    # --- layout

    def view(self) -> Any:
        """The page."""
        column = {"margin": 0, "sizing_mode": "stretch_height"}
        card = {"css_classes": ["card", "side"], "stylesheets": [ui.stylesheet()]}
        left = pn.Column(
            self.images,
            self.upload,
            ui.rule(),
            self.scene,
            **column,
            **card,
            width=252,
            styles={"gap": "10px"},
            scroll="y-auto",
        )
        middle = pn.Column(
            self.viewer,
            self.table_card,
            sizing_mode="stretch_both",
            margin=0,
            min_width=0,
            styles={"gap": "10px"},
            css_classes=["middle"],
            stylesheets=[ui.stylesheet()],
        )
        right = pn.Column(self.fits, **column, **card, width=284, scroll="y-auto")
        body = pn.Row(
            left,
            middle,
            right,
            sizing_mode="stretch_both",
            margin=0,
            css_classes=["bench"],
            stylesheets=[ui.stylesheet()],
            styles={"gap": "10px", "padding": "10px"},
        )
        help_button = ui.icon_button("Keyboard help", "keyboard", self._show_help)
        return ui.page(
            self.project.title,
            header=[self.crumb, help_button],
            main=[pn.Column(body, self.help, self.keyboard, sizing_mode="stretch_both", margin=0)],
        )

    # --- from state to views

    def _watch(self) -> None:
        def show(method: Callable[[], None], names: list[str]) -> None:
            self.state.param.watch(lambda *_: self._later(method), names)

        show(self._show_scene, ["description", "opened", "history", "selected", "placing", "run", "result"])
        show(self._show_files, ["description", "opened", "error"])
        show(self._show_run, ["run", "result", "opened"])
        show(self._show_refusal, ["refused"])
        self.state.param.watch(lambda *_: self._redraw(), ["opened"])

    async def start(self) -> None:
        """Fill the page: called when the browser has the empty one."""
        await self.session.open()
        latest = await asyncio.to_thread(self.session.store.runs, self.project.id, limit=1)
        if latest:
            self.form.use(latest[0].fitter, latest[0].options)
        elif self.state.opened.problem is not None and self.state.opened.problem.fitters:
            self.form.use(*self.state.opened.problem.fitters[0])
        for show in (self._show_files, self._show_scene, self._show_run):
            self._later(show)
        if self.state.opened.image is None:
            self._later(lambda: self.viewer.show_empty("refused" if self.state.error else "no image"))

    def _show_scene(self) -> None:
        state, problem = self.state, self.state.opened.problem
        self.scene.param.update(
            components=component_rows(problem, state.selected, COLORS),
            ready=state.opened.image is not None,
            can_undo=bool(state.history.past),
            can_redo=bool(state.history.future),
            placing=models.model(state.placing).title if state.placing else "",
        )
        self.table.rows = parameter_rows(
            problem,
            selected=state.selected,
            colors=COLORS,
            uncertainties=state.uncertainties,
            at_bounds=state.result["at_bounds"] if state.result and state.result_is_current else (),
        )
        columns = marker_columns(markers(problem, state.selected, COLORS))
        self._set(self.viewer.panels.ellipses, columns)
        self.table_card.visible = problem is not None
        waiting = bool(state.placing) or (state.opened.image is not None and not state.names)
        self.viewer.bar.param.update(placing=waiting, hint=self._hint())

    def _hint(self) -> str:
        state = self.state
        if state.opened.image is None:
            return "Drop a FITS file to begin."
        if state.placing:
            return "Click the center of the galaxy or star. Esc stops."
        if state.opened.problem is None:
            return "Click a galaxy: a Sersic model and a sky start from the data. Or choose a component at the left."
        return "Drag to pan, wheel to zoom. Press ? for keys."

    def _show_files(self) -> None:
        files = self.services.store.files(self.project.id)
        self.images.param.update(
            files=file_rows(files, self.state.description, self.session.contents),
            settings=setting_rows(self.state.description),
            notices=list(self.state.opened.notices),
            error=self.state.error,
        )

    def _show_refusal(self) -> None:
        refused = self.state.refused
        seen = self.table_card.visible
        self.table.error = refused if seen else ""
        if refused and not seen:
            self.fits.show_verdict(verdict.note("bad", refused), None)
        if refused:
            ui.say(self.fits.live, refused)

    def _redraw(self) -> None:
        """Start drawing what is open now; a drawing that is under way for older values is dropped."""
        if self._drawing is not None:
            self._drawing.cancel()
        self._drawing = asyncio.ensure_future(self._draw())

    async def _draw(self) -> None:
        opened = self.state.opened
        if opened.image is None:
            self._image = None
            self._later(lambda: self.viewer.show_empty("refused" if self.state.error else "no image"))
            return
        if self._image is None or not _same_pixels(self._image, opened.image):
            pictures = await asyncio.to_thread(image_pictures, opened.image)
            self._image = opened.image
            self._later(lambda: self._put_image(pictures))
        if opened.problem is None:
            self._later(lambda: setattr(self.viewer.bar, "has_model", False))
            return
        drawn = await asyncio.to_thread(model_pictures, opened.problem)
        self._later(lambda: self._put_model(drawn))

    def _put_image(self, pictures: ImagePictures) -> None:
        panels = self.viewer.panels
        self._set(panels.data.source, pictures.columns)
        self._set(panels.compass, pictures.compass)
        self.viewer.bar.param.update(limits=pictures.limits, extent=pictures.extent, sky=pictures.sky)
        self.viewer.set_title("data", pictures.note)
        self._describe(data=pictures.words)
        self.viewer.show_empty("")

    def _put_model(self, drawn: ModelPictures) -> None:
        panels = self.viewer.panels
        self._set(panels.model.source, drawn.model)
        self._set(panels.residual.source, drawn.residual)
        self.viewer.bar.has_model = True
        fitted = self.state.result_is_current
        self.viewer.set_title("model", "fitted" if fitted else "at the values below")
        self.viewer.set_title("residual", f"χ²/dof {drawn.chi2_dof:.4g}")
        self._describe(
            model=f"Model of {len(self.state.names)} components, {'fitted' if fitted else 'not fitted'}",
            residual=f"Data minus model in sigma, chi2/dof {drawn.chi2_dof:.4g}",
        )

    def _describe(self, **words: str) -> None:
        self.viewer.bar.descriptions = {**self.viewer.bar.descriptions, **words}

    @staticmethod
    def _set(source: Any, columns: dict[str, Any]) -> None:
        source.data = columns

    def _later(self, change: Callable[[], Any]) -> None:
        """Change what is on screen once the document is free, in the order asked for; the same change once only.

        Changes come from clicks, from threads that finished and from workers. Done at once, some would be sent
        directly and others queued, and an older one could overtake a newer one on its way to the browser.
        """
        if self.document is None or change in self._waiting:
            return
        self._waiting.append(change)

        def act() -> None:
            self._waiting.remove(change)
            change()

        self.document.add_next_tick_callback(act)

    # --- runs

    def _step(self, event: Event) -> None:
        if not self._steps:
            asyncio.get_running_loop().call_later(FLUSH_SECONDS, lambda: self._later(self._flush))
        self._steps.append(event)

    def _flush(self) -> None:
        events, self._steps = self._steps, []
        events = [event for event in events if event["number"] > self._last_step]
        if not events or not self.state.running:  # an ended run's curve comes whole, from its history
            return
        self._last_step = events[-1]["number"]
        self.fits.curve.add(
            {
                "step": [event["number"] for event in events],
                "chi2_dof": [event["chi2_dof"] for event in events],
                "seconds": [event["seconds"] for event in events],
            }
        )
        self.fits.curve_box.visible = True
        self.fits.controls.step = {name: events[-1][name] for name in ("number", "chi2_dof", "seconds")}

    def _show_run(self) -> None:
        state, fits = self.state, self.fits
        runs = self.services.store.runs(self.project.id)
        shown = state.run["id"] if state.run else None
        titles = {key: title for title, key in self.form.titles().items()}
        fits.runs.runs = run_rows(runs, shown, titles)
        fits.controls.running = state.running
        if state.running and state.run is not None:
            fits.show_verdict(
                verdict.note("info", state.run["message"] or "Waiting for a free worker."), None
            )
            return
        if state.run is None:
            fits.show_verdict("", None)
            return
        result = state.result or {}
        if result:
            self._show_curve(result.get("history") or {})
        html = verdict.verdict(**outcome(state.run, result, state.result_is_current))
        fits.show_verdict(html, shown if result else None)
        ui.say(fits.live, state.run["message"])

    def _show_curve(self, history: dict[str, Any]) -> None:
        columns = {name: list(history.get(name) or []) for name in ("step", "chi2_dof", "seconds")}
        if len({len(column) for column in columns.values()}) == 1 and columns["step"]:
            self.fits.curve.show(columns)
            self.fits.curve_box.visible = True

    # --- from views to the session

    async def fit(self) -> None:
        """Start a fit with the form's fitter and options."""
        self._steps.clear()
        self._last_step = -1
        self._later(self._clear_progress)
        await self.session.fit(self.form.fitter, self.form.options())

    def _clear_progress(self) -> None:
        self.fits.curve.clear()
        self.fits.controls.step = {}

    async def cancel(self) -> None:
        """Stop the fit."""
        await self.session.cancel()

    async def _on_click(self, x: float, y: float) -> None:
        state = self.state
        if state.placing or not state.names:
            await self.session.place(x, y)
            return
        state.selected = nearest(markers(state.opened.problem, "", COLORS), x, y, self._reach())

    def _reach(self) -> float:
        """How near to a center a click counts as on it: 2 % of what is shown."""
        shown = self.viewer.panels.data.figure.x_range
        return 0.02 * abs(float(shown.end) - float(shown.start))

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
            case {"type": "remove", "id": file, "role": role}:
                await self.session.remove_file(file, role)
            case {"type": "setting", "key": key, "value": value}:
                await self.session.set_number(key, value)

    async def _on_upload(self, message: Message) -> None:
        if message["type"] == "done":
            await self.session.files_arrived([taken["answer"] for taken in message["taken"]])

    async def _on_title(self, message: Message) -> None:
        project = await asyncio.to_thread(
            self.services.store.update_project, self.project.id, title=str(message["title"])
        )
        self._later(lambda: setattr(self.crumb, "title", project.title))

    async def _on_runs(self, message: Message) -> None:
        if message["type"] == "show":
            await self.session.show_run(message["id"])
        elif message["type"] == "restart":
            await self.session.restart_from(message["id"])

    async def _on_key(self, message: Message) -> None:
        match message["key"]:
            case "fit":
                await self.fit()
            case "escape" if self.state.placing:
                self.state.placing = ""
            case "escape":
                await self.cancel()
            case "undo":
                await self.session.undo()
            case "redo":
                await self.session.redo()
            case "help":
                self._show_help()

    def _show_help(self) -> None:
        self._later(lambda: setattr(self.help, "open", True))


def _same_pixels(one: engine.Image, other: engine.Image) -> bool:
    """Whether two images show the same: the same files by their hashes, the same part of them, the same mask."""
    return one is other or (
        one.shape == other.shape
        and one.origin == other.origin
        and one.hashes == other.hashes
        and one.sources == other.sources
    )
