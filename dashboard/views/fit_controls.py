"""The buttons that start fits."""

from __future__ import annotations

import param

from dashboard.views.component import Component, script, styles


class FitControls(Component):
    """Messages: fit, all, compute (device, precision).

    Not a widget of panel-material-ui: its React widgets write a value back that they were just told to leave when
    two changes come close together, and a fit of a tenth of a second does just that.
    """

    changing = "button"

    busy = param.Boolean(False, doc="Whether fits are being handed in: a second click waits.")
    asked = param.Integer(0, doc="Counts the times that fits were handed in, so that the buttons come back.")
    forecast = param.String("", doc="What the ticked fitters will take.")
    devices = param.List([], doc="Devices to choose from, each with value and label.")
    device = param.String("auto", doc="The chosen one.")
    precision = param.String("float64", doc="float64 or float32.")
    go = param.String("", doc="Address to go to, once it is set.")

    _esm = script("fit.js")
    _stylesheets = styles("panels.css")
