"""With whom a project is shared: a form in a dialog."""

from __future__ import annotations

import param

from dashboard.views.component import Component, script, styles


class ShareForm(Component):
    """Messages: share (``name``, ``write``), unshare (``id``), link, revoke (``id``)."""

    owner = param.String("", doc="Whose the project is; empty for nobody's.")
    people = param.List([], doc="One dict each: id, name, write.")
    links = param.List([], doc="One dict each: id, words.")
    made = param.String("", doc="Path of the link that was made last.")
    error = param.String("", doc="Why the last thing was not done.")
    shared = param.Integer(0, doc="Counted up when somebody was added, so that the field is emptied.")

    _esm = script("share.js")
    _stylesheets = styles("share.css")
