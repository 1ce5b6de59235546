"""What is wrong with the server, over every page while it lasts."""

from __future__ import annotations

import param

from dashboard.views.component import Component, script, styles


class OutageStrip(Component):
    """Shows sentences; when the connection itself is lost, it says so by itself and when the server is back."""

    sentences = param.List([], doc="What is wrong, a sentence each; empty when all is well.")

    _esm = script("outage.js")
    _stylesheets = styles("outage.css")
