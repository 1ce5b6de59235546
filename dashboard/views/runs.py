"""The list of runs of a project."""

from __future__ import annotations

import param

from dashboard.views.component import Component, script, styles


class RunList(Component):
    """Messages: show, restart, stop, discard, delete, restore (each with ``id``)."""

    changing = "[aria-label^=Delete], [aria-label^=Go], .active button, .link"

    runs = param.List([], doc="One dict a run, as made by dashboard.state.runs.run_rows.")
    under_way = param.Boolean(False, doc="Whether these are the runs under way, with their progress.")
    compare = param.String(
        "", doc="Address that compares these runs; empty where there is nothing to compare."
    )
    deleted = param.String("", doc="Id of the run deleted last, which can be brought back.")

    _esm = script("runs.js")
    _stylesheets = styles("panels.css")
