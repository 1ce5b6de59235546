"""The form of a fitter's options."""

from __future__ import annotations

import param

from dashboard.views.component import Component, script, styles


class OptionForm(Component):
    """Messages: ``name`` and ``value`` of the option that was changed."""

    rows = param.List([], doc="One dict an option, as made by FitForm.rows.")
    error = param.String("", doc="Why the last change was refused.")

    _esm = script("options.js")
    _stylesheets = styles("panels.css")
