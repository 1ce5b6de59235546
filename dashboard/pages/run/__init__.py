"""`/run/{run}`: one run, its result and its posterior."""

from __future__ import annotations

from typing import Any

import panel as pn

from dashboard import ui
from dashboard.pages.later import patient
from dashboard.pages.run.page import RunPage
from dashboard.services import Services
from dashboard.store import NotFound


def run(services: Services, run_id: str) -> Any:
    """The page of a run, or a page that says there is none."""
    ui.setup()
    try:
        found = services.run(run_id)
        project = services.project(found.project_id)
    except NotFound as error:
        return ui.message_page("No such run", str(error))
    page = RunPage(services, found, project)
    pn.state.onload(patient(page.start))
    pn.state.on_session_destroyed(lambda _: page.close())
    return page.view()
