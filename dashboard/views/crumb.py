"""The project's name in the header."""

from __future__ import annotations

import param

from dashboard.views.component import Component, script, styles


class Crumb(Component):
    """Messages: title (``title``)."""

    changing = "button"

    title = param.String("", doc="Name of the project.")

    _esm = script("crumb.js")
    _stylesheets = styles()
