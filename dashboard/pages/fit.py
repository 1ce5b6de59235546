"""`/fit/{project}`: the workbench."""

from __future__ import annotations

from typing import Any

import panel as pn

from dashboard import ui
from dashboard.pages.later import patient
from dashboard.pages.workbench import WorkbenchPage
from dashboard.services import Services
from dashboard.store import NotFound


def argument(name: str) -> list[str]:
    """What the address says under this name, in parts."""
    values = (pn.state.session_args or {}).get(name) or [b""]
    return [part for part in values[0].decode("utf-8", "replace").split(",") if part]


def fit(services: Services, project_id: str) -> Any:
    """The workbench of a project, or a page that says there is none."""
    ui.setup()
    try:
        project = services.project(project_id)
    except NotFound as error:
        return ui.message_page("No such project", str(error))
    page = WorkbenchPage(services, project)
    page.scene.guessed(argument("guessed"))
    page.session.read_ahead()
    pn.state.onload(patient(page.start))
    pn.state.on_session_destroyed(lambda _: page.close())
    return page.view()
