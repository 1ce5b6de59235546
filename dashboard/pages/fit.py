"""`/fit/{project}`: the workbench."""

from __future__ import annotations

from typing import Any

import panel as pn

from dashboard import ui
from dashboard.pages.workbench import WorkbenchPage
from dashboard.services import Services
from dashboard.store import NotFound


def fit(services: Services, project_id: str) -> Any:
    """The workbench of a project, or a page that says there is none."""
    ui.setup()
    try:
        project = services.store.project(project_id)
    except NotFound as error:
        return ui.message_page("No such project", str(error))
    page = WorkbenchPage(services, project)
    page.session.read_ahead()
    pn.state.onload(page.start)
    pn.state.on_session_destroyed(lambda _: page.close())
    return page.view()
