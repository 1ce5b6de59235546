"""What the page of a run is put together from: sections, the picker of the corner plot, tables that sort."""

from __future__ import annotations

import param

from dashboard.views.component import Component, script, styles


class Sections(Component):
    """Messages: section (``section``), escape, help."""

    sections = param.List([], doc="(key, title) of each section.")
    shown = param.String("", doc="Key of the one that is shown.")
    query = param.String(None, allow_None=True, doc="What the address is to say, from its question mark on.")

    _esm = script("sections.js")
    _stylesheets = styles("run.css")


class Picker(Component):
    """Messages: overlay (``id``, ``on``), choose (``names``, ``on``), pair (``pair``)."""

    runs = param.List(
        [], doc="One dict a run that may be laid over: id, title, when, color, message, chosen."
    )
    groups = param.List([], doc="One dict a component: name, parameters (name, label, help, chosen).")
    pair = param.List([], doc="The two parameters shown alone, or none.")
    pairs = param.Boolean(True, doc="Whether a pair can be chosen.")

    _esm = script("picker.js")
    _stylesheets = styles("run.css")


class SortedTable(Component):
    """A table of texts that the browser sorts."""

    label = param.String("", doc="Name of the table for screen readers.")
    columns = param.List([], doc="One dict a column: key, title, help, side, number, largest_first.")
    rows = param.List([], doc="One dict a row: column key to a dict of text, sort, kind, title.")

    _esm = script("sorted_table.js")
    _stylesheets = styles("table.css", "run.css")


class HistoryBar(Component):
    """Messages: column (``name``)."""

    names = param.List([], doc="Columns of the history that can be drawn.")
    shown = param.String("", doc="The one that is.")

    _esm = script("history_bar.js")
    _stylesheets = styles("run.css")


class Brush(Component):
    """Messages: range (``name``, ``low``, ``high``), clear."""

    names = param.List([], doc="(name, label) of each parameter.")
    count = param.Integer(0, doc="How many draws are selected.")
    total = param.Integer(0, doc="Of how many.")

    _esm = script("brush.js")
    _stylesheets = styles("run.css")


class Player(Component):
    """Messages: frame (``frame``), order (``order``)."""

    frames = param.Integer(1, doc="How many there are.")
    frame = param.Integer(0, doc="The one asked for last.")
    arrived = param.Integer(-1, doc="The one on screen; the next is asked for when it has arrived.")
    words = param.String("", doc="What is on screen.")
    order = param.String("drawn", doc="drawn or weakest.")

    _esm = script("player.js")
    _stylesheets = styles("run.css")
