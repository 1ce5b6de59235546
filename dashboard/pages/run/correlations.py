"""Section Correlations: the matrix of an optimizer, its strongest pairs, the weakest direction in words."""

from __future__ import annotations

from typing import Any

import panel as pn

from dashboard.figures.correlations import correlation_figure
from dashboard.pages.run.section import WIDE, Section, bokeh, title
from dashboard.state.run_tables import PAIR_COLUMNS, strongest_pairs, weakest_direction
from dashboard.views.run import SortedTable


class CorrelationsSection(Section):
    key = "correlations"

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        result, labels = self.opened.result, self.opened.labels
        at_bounds = ", ".join(labels.get(name, name) for name in result.at_bounds)
        self.say(
            weakest_direction(result, labels)
            or "There are no correlations: fewer than two parameters were measured.",
            f"At their bounds, and so not measured: {at_bounds}." if at_bounds else "",
        )
        table = SortedTable(
            label="Strongest correlations",
            columns=PAIR_COLUMNS,
            rows=strongest_pairs(result, labels),
            width=410,
            margin=0,
        )
        shown = [labels.get(name, name) for name in result.names]
        self.view = pn.Column(
            self.words,
            pn.Row(
                bokeh(correlation_figure(result.correlation, shown)),
                pn.Column(title("Strongest"), table, width=420, margin=0),
                **WIDE,
                styles={"gap": "20px"},
            ),
            **WIDE,
            styles={"gap": "6px"},
        )
