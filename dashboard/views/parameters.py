"""The parameter table."""

from __future__ import annotations

import param

from dashboard.views.component import Component, script, styles


class ParameterTable(Component):
    """One component instead of a hundred fields: 22 parameters cost one model, and numbers stay aligned.

    Messages: edit (``key``, ``column`` value, lower, upper or free, ``value``).
    """

    changing = "input"

    rows = param.List([], doc="One dict a parameter, as made by dashboard.state.table.rows.")
    error = param.String("", doc="Why the last edit was refused; the cell goes back.")

    _esm = script("parameters.js")
    _stylesheets = styles("table.css")
