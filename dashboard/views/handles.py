"""Pulling components about in the images."""

from __future__ import annotations

import param

from dashboard.views.component import Component, script


class HandleTool(Component):
    """Messages: select (``name``), drag and drop (``name``, ``shape`` with some of x, y, radius, axis_ratio,
    position_angle), abandon.

    The outline follows the hand in the browser; drag messages come ten times a second at most.
    """

    components = param.List([], doc="Markers of the components, one dict each.")
    selected = param.String("", doc="Name of the one that shows its handles.")
    enabled = param.Boolean(
        True, doc="Whether a press takes hold of components; not while one is to be placed."
    )
    said = param.String("", doc="Shown beside the hand: how chi2 changes.")

    _esm = script("handles.js")
