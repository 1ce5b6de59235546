"""The choice of a fitter and the form of its options."""

from __future__ import annotations

import param

from dashboard.views.component import Component, script, styles


class OptionForm(Component):
    """Messages: fitter (``fitter``), option (``name``, ``value``)."""

    fitters = param.List([], doc="[key, title] of each fitter.")
    fitter = param.String("", doc="Key of the chosen one.")
    summary = param.String("", doc="One sentence on it.")
    rows = param.List([], doc="One dict an option, as made by FitForm.rows.")
    error = param.String("", doc="Why the last change was refused.")

    _esm = script("options.js")
    _stylesheets = styles("panels.css")
