"""`/compare?runs=a,b,c`: any runs on the same image side by side."""

from __future__ import annotations

from typing import Any

import panel as pn

from dashboard import ui
from dashboard.pages.compare.page import ComparePage
from dashboard.pages.later import patient
from dashboard.services import Services


def compare(services: Services) -> Any:
    """The page that compares runs."""
    ui.setup()
    page = ComparePage(services)
    pn.state.onload(patient(page.start))
    pn.state.on_session_destroyed(lambda _: page.close())
    return page.view()
