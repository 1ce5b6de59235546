"""The cards on the first page."""

from __future__ import annotations

import param

from dashboard.views.component import Component, script, styles


class ProjectCards(Component):
    """Messages: delete (``id``), share (``id``)."""

    projects = param.List(
        [], doc="One dict a project: id, title, picture, files, outcome, when, owner, deletable, shareable."
    )
    known = param.Boolean(False, doc="Whether the projects were looked up by now.")
    error = param.String("", doc="Why something could not be done.")

    _esm = script("projects.js")
    _stylesheets = styles("panels.css", "home.css")


class Examples(Component):
    """Buttons that open a bundled example. Messages: open (``name``)."""

    examples = param.List([], doc="[name, one-line text] of each.")
    busy = param.Boolean(False, doc="While one is being made.")
    go = param.String("", doc="Address to open when set.")

    _esm = script("examples.js")
    _stylesheets = styles("home.css")
