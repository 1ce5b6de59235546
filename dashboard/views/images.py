"""The files of the project and what the engine noted about them."""

from __future__ import annotations

import param

from dashboard.views.component import Component, script, styles


class ImageList(Component):
    """Messages: role (``id``, ``was``, ``role``), extension (``id``, ``role``, ``extension``), remove (``id``,
    ``role``), setting (``key``, ``value``).
    """

    files = param.List([], doc="One dict a file: id, name, role, extensions [[key, title]], extension, note.")
    settings = param.List([], doc="Numbers of the image: key, label, value, help, placeholder.")
    notices = param.List([], doc="What the engine noted, sentences.")
    error = param.String("", doc="Why the image cannot be used, a sentence.")

    _esm = script("images.js")
    _stylesheets = styles("panels.css")
