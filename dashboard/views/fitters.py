"""The list of fitters: which are ticked, and the options of the open one."""

from __future__ import annotations

import param

from dashboard.views.component import Component, script, styles


class FitterList(Component):
    """Messages: tick (``key``, ``on``), open (``key``), option (``name``, ``value``), member (``place``, ``key``)."""

    changing = "input, select"

    fitters = param.List([], doc="One dict a fitter: key, title, color, ticked, compared, forecast.")
    opened = param.String("", doc="Key of the one whose explanation and options are shown.")
    summary = param.String("", doc="One sentence on it.")
    rows = param.List([], doc="One dict an option of it, as made by FitForm.rows.")
    members = param.List([], doc="Keys of the members, where the open one is the chain.")
    error = param.String("", doc="Why the last change was refused.")

    _esm = script("fitters.js")
    _stylesheets = styles("panels.css")
