"""The queue as a table."""

from __future__ import annotations

import param

from dashboard.views.component import Component, script, styles


class QueueTable(Component):
    """Messages: cancel (``ids``)."""

    rows = param.List([], doc="One dict a run; see dashboard.state.queue.queue_rows.")
    headline = param.String("", doc="The queue in a sentence.")
    trouble = param.String("", doc="What keeps it from going on.")
    error = param.String("", doc="Why the last thing was refused.")
    everybody = param.Boolean(False, doc="Whether rows are of several people, and say whose they are.")

    _esm = script("queue.js")
    _stylesheets = styles("table.css", "run.css", "compare.css", "queue.css")
