"""A dialog with a text to copy, to change, and to take over: fit descriptions and DS9 regions."""

from __future__ import annotations

import param

from dashboard.views.component import Component, script, styles


class TextExchange(Component):
    """Messages: apply (``text``). What is typed stays until ``shown`` counts up."""

    changing = ".take"

    label = param.String("Text", doc="Accessible name of the text field.")
    help = param.String("", doc="One or two sentences above it.")
    text = param.String("", doc="What the field shows when `shown` counts up.")
    shown = param.Integer(0, doc="Counted up to show `text` in place of what was typed.")
    error = param.String("", doc="Why the text was not taken.")
    notice = param.String("", doc="What happened to it otherwise.")
    file_name = param.String("text.txt", doc="Name that a download gets.")
    accept = param.String("", doc="Endings of files that may be opened, such as .yaml,.yml.")

    _esm = script("text_dialog.js")
    _stylesheets = styles("panels.css", "text.css")
