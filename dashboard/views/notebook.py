"""The notebook of a project on a page."""

from __future__ import annotations

import param

from dashboard.views.component import Component, script, styles


class NotebookView(Component):
    """Messages: move (``id``, ``by``), hide (``id``, ``hidden``), annotate (``id``, ``text``), undo, redo,
    note (``after``, ``text``), export (``kind``). All HTML comes escaped.
    """

    changing = ".cell-tools button, .between, [aria-label=Undo], [aria-label=Redo]"

    title = param.String("", doc="Of the project.")
    project = param.String("", doc="Address of its workbench.")
    cells = param.List(
        [], doc="One dict an entry: id, kind, title, moved, source, outputs, note, note_html, hidden, when."
    )
    working = param.String("", doc="What is being done, in words.")
    error = param.String("", doc="Why the last thing was not done.")
    can_undo = param.Boolean(False, doc="Whether there is something to take back.")
    can_redo = param.Boolean(False, doc="Whether something was taken back.")
    download = param.String("", doc="Address of the latest export: the browser fetches it once.")

    _esm = script("notebook.js")
    _stylesheets = styles("notebook.css")
