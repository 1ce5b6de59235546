"""Section Result: every value with its uncertainty, derived quantities, the history, the options, the notes."""

from __future__ import annotations

from html import escape
from typing import Any

import panel as pn

from dashboard import ui
from dashboard.figures.history import history_figure
from dashboard.pages.run.section import WIDE, Section, bokeh, title
from dashboard.state.run_tables import column, history_columns, number_cell, option_rows, value_table
from dashboard.views import verdict
from dashboard.views.run import HistoryBar, SortedTable
from dashboard.words import measured

_DERIVED_COLUMNS = [
    column("name", "Quantity", number=False),
    column("value", "Value"),
]


class ResultSection(Section):
    key = "result"

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        result = self.opened.result
        columns, rows = value_table(self.opened.problem, result, self.opened.truths)
        self.table = SortedTable(label="Values", columns=columns, rows=rows, **WIDE)
        self.derived = SortedTable(
            label="Derived quantities",
            columns=_DERIVED_COLUMNS,
            rows=_derived_rows(self.opened.record),
            **WIDE,
        )
        names = history_columns(result.history)
        self.curve = bokeh(None, height=190)
        self.bar = HistoryBar(
            self._on_column,
            names=names,
            shown="chi2_dof" if "chi2_dof" in names else (names or [""])[0],
            **WIDE,
        )
        history = [title("History"), self.bar, self.curve] if names else []
        left = pn.Column(title("Values"), self.table, **WIDE, styles={"gap": "4px"})
        right = pn.Column(
            *history,
            *([title("Derived quantities"), self.derived] if self.derived.rows else []),
            title("Options"),
            ui.html(_options(option_rows(result)), **WIDE),
            margin=0,
            width=364,
            styles={"gap": "4px"},
        )
        self.view = pn.Column(
            ui.html(_notes(result), **WIDE),
            pn.Row(left, right, **WIDE, max_width=1100, styles={"gap": "24px"}),
            **WIDE,
            styles={"gap": "10px"},
        )

    async def show(self) -> None:
        self.later(self._draw)

    def _on_column(self, message: dict[str, Any]) -> None:
        self.bar.shown = str(message["name"])
        self._draw()

    def _draw(self) -> None:
        history = self.opened.result.history
        if self.bar.shown in history and "step" in history:
            self.curve.object = history_figure(
                history["step"], history[self.bar.shown], self.bar.shown, ui.CURVE
            )


def _derived_rows(record: dict[str, Any]) -> list[dict[str, Any]]:
    rows = []
    for quantity in record.get("derived") or []:
        value, sigma = quantity["value"], quantity.get("uncertainty")
        text, uncertainty = measured(value, sigma)
        name = quantity["name"].replace("_", " ")
        rows.append(
            {
                "name": {"text": f"{quantity['component']} {name}", "title": quantity["help"]},
                "value": number_cell(
                    value,
                    f"{text} ± {uncertainty} {quantity['unit']}"
                    if uncertainty
                    else f"{text} {quantity['unit']}",
                ),
            }
        )
    return rows


def _options(rows: list[tuple[str, str, str, bool]]) -> str:
    lines = "".join(
        f'<tr title="{escape(help)}"><td>{escape(name)}</td><td class="num">'
        f"{'<b>' if changed else ''}{escape(value)}{'</b>' if changed else ''}</td></tr>"
        for name, value, help, changed in rows
    )
    note = '<p class="muted small">Bold: not the default.</p>' if any(row[3] for row in rows) else ""
    return (
        f'<table class="derived options-used" aria-label="Options used"><tbody>{lines}</tbody></table>{note}'
    )


def _notes(result: Any) -> str:
    return f'<div class="stack">{"".join(verdict.note("info", note) for note in result.notes)}</div>'
