"""The runs of a project as a table."""

from __future__ import annotations

import param

from dashboard.views.component import Component, script, styles


class RunList(Component):
    """Messages: annotate (``id``, and ``starred``, ``note`` or ``tags``), delete (``ids``), restore (``ids``)."""

    changing = ".star, .edit, .drop"

    rows = param.List([], doc="One dict a run; see dashboard.state.run_list.list_rows.")
    deleted = param.List([], doc="Ids of the runs deleted last, which can be brought back.")
    error = param.String("", doc="Why the last thing was refused.")
    project = param.String("", doc="Id of the project, for the name of the CSV file.")

    _esm = script("run_list.js")
    _stylesheets = styles("table.css", "run.css", "compare.css")
