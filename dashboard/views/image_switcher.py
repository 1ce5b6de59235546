"""The choice among the images of a project."""

from __future__ import annotations

import param

from dashboard.views.component import Component, script, styles


class ImageSwitcher(Component):
    """Messages: switch (``name``), copy (``name``: the image whose scene is wanted), remove."""

    changing = "button, [aria-label^=Copy]"

    names = param.List([], doc="Names of all images.")
    shown = param.String("", doc="Name of the one that is worked on.")

    _esm = script("image_switcher.js")
    _stylesheets = styles("panels.css", "mask.css")
