"""A lesson on a page."""

from __future__ import annotations

import param

from dashboard.views.component import Component, script, styles


class LessonView(Component):
    """Messages: set (``variable``, ``value``), run (``cell``), stop, reset, open. All HTML comes escaped."""

    title = param.String("", doc="Of the page.")
    summary = param.String("", doc="What it teaches.")
    cost = param.String("", doc="What its cells cost, in words.")
    made = param.String("", doc="What the stored outputs were made with.")
    download = param.String("", doc="Address of the notebook.")
    pages = param.List([], doc="Every page: title, href, current.")
    before = param.Dict(None, allow_None=True, doc="The page before this one: title, href.")
    after = param.Dict(None, allow_None=True, doc="The page after this one.")
    parts = param.List([], doc="Passages (html) and cells (name, source, widgets, outputs, about), by kind.")
    sources = param.Dict({}, doc="Cell name to its source with the reader's values, as HTML.")
    values = param.Dict({}, doc="Widget variable to the reader's value.")
    refused = param.Dict({}, doc="Widget variable to the reason why its value was refused.")
    outputs = param.Dict({}, doc="Cell name to what the reader's own run showed: html, seconds.")
    running = param.String("", doc="Name of the running cell.")
    progress = param.Dict({}, doc="Of the running cell: words, curve.")
    error = param.String("", doc="Why the last run gave nothing.")
    error_cell = param.String("", doc="Which cell that was.")
    go = param.String("", doc="Address to go to.")

    _esm = script("lesson.js")
    _stylesheets = styles("notebook.css")
