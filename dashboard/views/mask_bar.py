"""Tools that draw the mask on the images."""

from __future__ import annotations

import param

from dashboard.views.component import Component, script, styles


class MaskBar(Component):
    """Draws in the browser on any figure called viewer-*, into the source called mask-draft.

    Messages: shape (``kind``, ``numbers`` as of engine.images.regions.Shape, ``ignored``), invert, clear, regions.
    """

    changing = ".btn.icon"

    ready = param.Boolean(False, doc="Whether there is an image to draw on.")
    words = param.String("", doc="How much is ignored.")
    drawn = param.Integer(0, doc="How many shapes are drawn.")
    answered = param.Integer(0, doc="Counted up when a shape was dealt with: its outline can go.")

    _esm = script("mask_bar.js")
    _stylesheets = styles("panels.css", "mask.css")
