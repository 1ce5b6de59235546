"""The list of components of the scene."""

from __future__ import annotations

import param

from dashboard.views.component import Component, script, styles


class SceneList(Component):
    """Messages: select, rename, remove, snap (with ``name``), add (with ``model``), stop, undo, redo."""

    changing = ".add, .tools button, [aria-label=Undo], [aria-label=Redo]"

    components = param.List([], doc="One dict a component: name, title of its model, color, selected.")
    models = param.List([], doc="Kinds that can be added: key, title, summary.")
    ready = param.Boolean(False, doc="Whether there is an image to add components to.")
    can_undo = param.Boolean(False, doc="Whether there is a step to take back.")
    can_redo = param.Boolean(False, doc="Whether there is a step to make again.")
    placing = param.String("", doc="Title of the model that waits for a click in the image.")

    _esm = script("scene.js")
    _stylesheets = styles("panels.css")
