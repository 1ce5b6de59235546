"""Dropping and choosing FITS files."""

from __future__ import annotations

import param

from dashboard.views.component import Component, script, styles


class Upload(Component):
    """Sends files to the upload route.

    Messages: start (``name``; answer by setting ``target``), done (``taken``).
    """

    changing = "button, input"

    target = param.String("", doc="URL that takes the files; empty until there is a project.")
    label = param.String(
        "Drop FITS files here", doc="Words on the drop zone and accessible name of the field."
    )
    help = param.String("", doc="A second, quieter line.")
    compact = param.Boolean(False, doc="One line high.")
    go = param.String("", doc="Address to open when set.")
    error = param.String("", doc="Sentence to show when set.")

    _esm = script("upload.js")
    _stylesheets = styles("panels.css")
