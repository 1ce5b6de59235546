"""The list of runs of a project."""

from __future__ import annotations

import param

from dashboard.views.component import Component, script, styles


class RunList(Component):
    """Messages: show (``id``), restart (``id``)."""

    runs = param.List([], doc="One dict a run, as made by dashboard.state.runs.run_rows.")

    _esm = script("runs.js")
    _stylesheets = styles("panels.css")
