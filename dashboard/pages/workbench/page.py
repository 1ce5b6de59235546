"""The workbench page put together from its parts: layout, header, keys."""

from __future__ import annotations

import asyncio
from typing import Any

import panel as pn

from dashboard import ui
from dashboard.pages import links
from dashboard.pages.later import Later
from dashboard.pages.share import SharePart
from dashboard.pages.workbench.dragging import DraggingPart
from dashboard.pages.workbench.exchange import ExchangePart
from dashboard.pages.workbench.fitting import FittingPart
from dashboard.pages.workbench.mask import MaskPart
from dashboard.pages.workbench.pictures import PicturesPart
from dashboard.pages.workbench.profiles import ProfilesPart
from dashboard.pages.workbench.scene import ScenePart
from dashboard.services import Services
from dashboard.state.session import Session
from dashboard.store import Project
from dashboard.views import verdict
from dashboard.views.component import Message
from dashboard.views.crumb import Crumb
from dashboard.views.keyboard import Keyboard, help_dialog

WIDE: dict[str, Any] = {"sizing_mode": "stretch_width", "margin": 0}


class WorkbenchPage:
    """One person's view of one project."""

    def __init__(self, services: Services, project: Project) -> None:
        self.services = services
        self.project = project
        self.later = Later(pn.state.curdoc)
        self.session = Session(services, project.id)
        self.state = self.session.state
        # Laid out for what it will most likely hold: a page that is laid out again is slow to open.
        stored = project.description or {}
        has_image = bool(stored.get("images"))
        has_model = has_image and bool(stored.get("components"))
        self.pictures = PicturesPart(self.session, self.later, has_image=has_image, has_model=has_model)
        self.mask = MaskPart(self.session, self.later, self.pictures)
        self.scene = ScenePart(services, self.session, self.later, self.mask.files_arrived)
        self.scene.table_card.visible = has_model
        self.dragging = DraggingPart(self.session, self.pictures, self.later)
        self.scene.on_snap = self.dragging.snap
        self.profiles = ProfilesPart(
            self.session, self.later, self.pictures.viewer.bar, self.scene.table_card
        )
        bar = self.pictures.viewer.bar
        bar.param.watch(lambda *_: self.scene.leave_room(bar.crowded), "crowded")
        self.fits = FittingPart(services, self.session, self.later)
        self.exchange = ExchangePart(self.session, self.later)
        self.share = SharePart(services, self.later) if services.may_share(project.id) else None
        self.crumb = Crumb(self._on_title, title=project.title, **WIDE, styles=ui.CENTERED)
        self.help = help_dialog()
        self.keyboard = Keyboard(self._on_key, width=0, height=0, margin=0)
        self.state.param.watch(lambda *_: self.later(self._show_refusal), ["refused"])

    def view(self) -> Any:
        """The page."""
        column = {"margin": 0, "sizing_mode": "stretch_height"}
        card = {"css_classes": ["card", "side"], "stylesheets": [ui.stylesheet()]}
        left = pn.Column(
            self.scene.switcher,
            self.scene.images,
            self.scene.upload,
            self.mask.bar,
            ui.rule(),
            self.scene.scene,
            **column,
            **card,
            width=252,
            styles={"gap": "10px"},
            scroll="y-auto",
        )
        middle = pn.Column(
            self.pictures.viewer,
            self.scene.table_card,
            self.profiles.drawer,
            sizing_mode="stretch_both",
            margin=0,
            min_width=0,
            styles={"gap": "10px"},
            css_classes=["middle"],
            stylesheets=[ui.stylesheet()],
        )
        right = pn.Column(self.fits.panel, **column, **card, width=284, scroll="y-auto")
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
        share = [] if self.share is None else [ui.icon_button("Share", "share", self._open_share)]
        text_button = ui.icon_button("Fit description as text", "data_object", self.exchange.open)
        help_button = ui.icon_button("Keyboard help", "keyboard", self._show_help)
        around = ui.html(
            links.navigation(self.project.id, "Workbench", self.services.store.who), styles=ui.CENTERED
        )
        return ui.page(
            self.project.title,
            header=[self.crumb, around, *share, text_button, help_button],
            main=[
                pn.Column(
                    body,
                    self.help,
                    self.mask.dialog,
                    self.exchange.dialog,
                    *([] if self.share is None else [self.share.dialog]),
                    self.keyboard,
                    self.dragging.tool,
                    sizing_mode="stretch_both",
                    margin=0,
                )
            ],
        )

    async def start(self) -> None:
        """Fill the page: called when the browser has the empty one."""
        await self.session.open()
        await self.fits.open()
        self.scene.open()
        if self.state.opened.image is None:
            self.pictures.show_nothing()

    def close(self) -> None:
        """The browser went away."""
        self.fits.fitting.close()

    def _show_refusal(self) -> None:
        refused, panel = self.state.refused, self.fits.panel
        seen = self.scene.table_card.visible
        self.scene.table.error = refused if seen else ""
        if refused and not seen:
            panel.show_verdict(verdict.note("bad", refused), None)
        if refused:
            ui.say(panel.live, refused)

    async def _on_title(self, message: Message) -> None:
        project = await asyncio.to_thread(
            self.services.store.update_project, self.project.id, title=str(message["title"])
        )
        self.later(lambda: setattr(self.crumb, "title", project.title))

    async def _on_key(self, message: Message) -> None:
        match message["key"]:
            case "fit":
                await self.fits.fit()
            case "escape" if self.state.placing:
                self.state.placing = ""
            case "escape":
                await self.fits.fitting.stop_all()
            case "undo":
                await self.session.undo()
            case "redo":
                await self.session.redo()
            case "nudge":
                await self.dragging.nudge(float(message["dx"]), float(message["dy"]))
            case "snap":
                await self.dragging.snap()
            case "help":
                self._show_help()

    async def _open_share(self) -> None:
        if self.share is not None:
            await self.share.open(self.project.id)

    def _show_help(self) -> None:
        self.later(lambda: setattr(self.help, "open", True))
