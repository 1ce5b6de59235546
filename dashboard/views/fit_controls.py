"""The buttons that start and stop a fit."""

from __future__ import annotations

import param

from dashboard.views.component import Component, script, styles


class FitControls(Component):
    """Messages: fit, cancel.

    Not a widget of panel-material-ui: its React widgets write a value back that they were just told to leave when
    two changes come close together, and a fit of a tenth of a second does just that.
    """

    running = param.Boolean(False, doc="Whether a fit is waiting or under way.")
    step = param.Dict({}, doc="The last step: number, chi2_dof, seconds; empty before the first.")

    _esm = script("fit.js")
    _stylesheets = styles("panels.css")
