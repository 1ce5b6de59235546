"""`/runs/{project}`: the runs of a project, to be found again, tagged, compared and deleted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import panel as pn

from dashboard import ui
from dashboard.jobs.events import Event
from dashboard.pages import links
from dashboard.pages.later import Later, patient
from dashboard.services import Services
from dashboard.state import run_list
from dashboard.store import NotFound, Project, StoreError
from dashboard.views.component import Message, soon
from dashboard.views.run_list import RunList

WIDE: dict[str, Any] = {"sizing_mode": "stretch_width", "margin": 0}
FULL: dict[str, Any] = {"sizing_mode": "stretch_both", "margin": 0}


def runs(services: Services, project_id: str) -> Any:
    """The page of a project's runs, or a page that says there is no such project."""
    ui.setup()
    try:
        project = services.project(project_id)
    except NotFound as error:
        return ui.message_page("No such project", str(error))
    page = RunsPage(services, project)
    pn.state.onload(patient(page.start))
    pn.state.on_session_destroyed(lambda _: page.close())
    return page.view()


class RunsPage:
    """One person's list of the runs of one project."""

    def __init__(self, services: Services, project: Project) -> None:
        self.services = services
        self.store = services.store
        self.project = project
        self.later = Later(pn.state.curdoc)
        self.list = RunList(self._on_list, project=project.id, **WIDE)
        self._unsubscribe: Callable[[], None] | None = None
        self._show_again = patient(self._show)

    def view(self) -> Any:
        """The page."""
        project = self.project
        crumb = ui.html(links.crumb(project.id, project.title, "Runs"), **WIDE, styles=ui.CENTERED)
        around = ui.html(links.navigation(project.id, "Runs", self.store.who), margin=0, styles=ui.CENTERED)
        card = pn.Column(
            self.list,
            **FULL,
            css_classes=["card", "side"],
            stylesheets=[ui.stylesheet()],
            scroll="y-auto",
        )
        body = pn.Column(card, **FULL, styles={"padding": "10px"})
        return ui.page(f"Runs · {self.project.title}", header=[crumb, around], main=[body])

    def close(self) -> None:
        """Stop listening."""
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None

    async def start(self) -> None:
        """Fill the page: called when the browser has the empty one."""
        self.close()
        self._unsubscribe = self.services.jobs.subscribe(None, self._on_event)
        await self._show()

    async def _show(self, **more: Any) -> None:
        found = await asyncio.to_thread(self.store.runs, self.project.id)
        rows = run_list.list_rows(found)
        self.later(lambda: self.list.param.update(rows=rows, **more))

    def _on_event(self, event: Event) -> None:
        if event["type"] == "state":
            soon(self._show_again())

    async def _on_list(self, message: Message) -> None:
        changes: dict[str, Any] = {"error": ""}
        try:
            match message:
                case {"type": "annotate", "id": str(run_id)}:
                    await asyncio.to_thread(run_list.annotate, self.store, self.project.id, run_id, message)
                case {"type": "delete", "ids": list(ids)}:
                    changes["deleted"] = await asyncio.to_thread(
                        run_list.delete, self.store, self.project.id, map(str, ids)
                    )
                case {"type": "restore", "ids": list(ids)}:
                    await asyncio.to_thread(run_list.restore, self.store, self.project.id, map(str, ids))
                    changes["deleted"] = []
        except StoreError as error:
            changes["error"] = str(error)
        await self._show(**changes)
