"""The files of the project and what the engine noted about them."""

from __future__ import annotations

import param

from dashboard.views.component import Component, script, styles


class ImageList(Component):
    """Messages: role (``id``, ``was``, ``role``), extension (``id``, ``role``, ``extension``), remove (``id``,
    ``role``), setting (``key``, ``value``), image (``id``, ``was``), sure (``id``).
    """

    changing = ".file button, select, input"

    guessed = param.List(
        [], doc="Ids of the files that were taken for something else than an image, by their names."
    )
    files = param.List(
        [], doc="One dict a file: id, name, role, sent_as, extensions [[key, title]], extension, note."
    )
    settings = param.List([], doc="Numbers of the image: key, label, value, help, placeholder.")
    notices = param.List([], doc="What the engine noted, sentences.")
    error = param.String("", doc="Why the image cannot be used, a sentence.")

    _esm = script("images.js")
    _stylesheets = styles("panels.css")
