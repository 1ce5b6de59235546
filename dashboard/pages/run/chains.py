"""Sections Traces and Diagnostics: have the chains converged, seen and in figures."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from html import escape
from typing import Any

import numpy as np
import panel as pn

from dashboard import ui
from dashboard.figures.chains import (
    Traces,
    autocorrelation_figure,
    energy_figure,
    trace_figures,
    trace_words,
)
from dashboard.figures.corner import mark_columns
from dashboard.pages.run.section import WIDE, Section, bokeh, title
from dashboard.state.run_page import parameter_groups
from dashboard.state.run_tables import DIAGNOSTIC_COLUMNS, diagnostics_table, diagnostics_words, sampler_rows
from dashboard.views.run import Picker, SortedTable
from engine.samplers.diagnostics import autocorrelation

MOST_LAGS = 60
MOST_MARKED = 250


class TracesSection(Section):
    key = "traces"
    follows = ("chosen", "brushed")

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.picker = Picker(self._on_picker, pairs=False, **WIDE)
        self.controls = pn.Column(self.picker, **WIDE)
        self.row = pn.Row(**WIDE, styles={"gap": "10px"})
        self.view = pn.Column(self.words, self.row, **WIDE, styles={"gap": "6px"})
        self._drawn: tuple[str, ...] = ()
        self._traces: Traces | None = None

    async def show(self) -> None:
        """Draw the chosen parameters, and mark the selected draws."""
        chosen = tuple(self.state.chosen)
        draws = (await asyncio.to_thread(lambda: self.opened.draws))[..., self.columns]
        if chosen != self._drawn:
            self._drawn = chosen
            diverging = self.opened.result.sample_stats.get("diverging")
            labels = self.labels
            traces = await asyncio.to_thread(trace_figures, draws, labels, diverging)
            _mark(traces, draws, self.state.brushed)
            self.later(lambda: self._put(traces, trace_words(draws, labels)))
        else:
            self.later(lambda: self._mark_again(draws))

    def _put(self, traces: Traces, words: str) -> None:
        self._traces = traces
        groups = parameter_groups(self.opened.problem, self.state.names, self.state.chosen)
        self.picker.groups = groups
        self.say(words, "Right: ranks of each chain's draws among all, even (dashed) when the chains agree.")
        self.row[:] = [bokeh(traces.traces), pn.pane.Bokeh(traces.ranks, margin=0, width=260)]

    def _mark_again(self, draws: np.ndarray) -> None:
        if self._traces is not None:
            _mark(self._traces, draws, self.state.brushed)

    def _on_picker(self, message: Mapping[str, Any]) -> None:
        if message["type"] == "choose":
            self.state.choose([str(name) for name in message["names"]], bool(message["on"]))


def _mark(traces: Traces, draws: np.ndarray, numbers: np.ndarray | None) -> None:
    """Mark the selected draws on traces of just these parameters."""
    if draws.shape[-1] == len(traces.low):
        # A trace covered by marks shows neither.
        chosen = (
            np.empty(0, dtype=int) if numbers is None else numbers[:: -(-max(len(numbers), 1) // MOST_MARKED)]
        )
        points = traces.marks(draws, chosen)
        traces.traces.select_one({"name": "brushed-traces-source"}).data = mark_columns(points)


class DiagnosticsSection(Section):
    key = "diagnostics"

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        result, labels = self.opened.result, self.opened.labels
        self.say(diagnostics_words(result, labels))
        table = SortedTable(
            label="Diagnostics of each parameter",
            columns=DIAGNOSTIC_COLUMNS,
            rows=diagnostics_table(result, labels),
            **WIDE,
        )
        self.plots = pn.Column(**WIDE, styles={"gap": "4px"})
        right = pn.Column(
            title("The sampler, chain by chain"),
            ui.html(_figures(sampler_rows(result)), **WIDE),
            self.plots,
            margin=0,
            width=330,
            styles={"gap": "6px"},
        )
        self.view = pn.Column(
            self.words,
            pn.Row(table, right, **WIDE, styles={"gap": "24px"}),
            **WIDE,
            styles={"gap": "8px"},
        )

    async def show(self) -> None:
        """Draw autocorrelation and energies, once."""
        if len(self.plots):
            return
        lags = await asyncio.to_thread(self._lags)
        energy = self.opened.result.sample_stats.get("energy")
        labels = [self.opened.labels.get(name, name) for name in self.opened.result.names]

        def put() -> None:
            plots = [title("Autocorrelation"), bokeh(autocorrelation_figure(lags, labels))]
            if energy is not None and energy.shape[1] > 2:
                plots += [title("Energies"), bokeh(energy_figure(energy))]
            self.plots[:] = plots

        self.later(put)

    def _lags(self) -> np.ndarray:
        draws = self.opened.draws
        most = min(MOST_LAGS, draws.shape[1])
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.array(
                [autocorrelation(draws[..., i]).mean(axis=0)[:most] for i in range(draws.shape[-1])]
            )


def _figures(rows: list[tuple[str, str, str]]) -> str:
    lines = "".join(
        f"<tr><td>{escape(name)}</td><td class='num'>{escape(values)}</td><td class='muted'>{escape(words)}</td></tr>"
        for name, values, words in rows
    )
    if not lines:
        return '<p class="muted">This sampler tells nothing of its chains.</p>'
    return f'<table class="derived" aria-label="Figures of the sampler"><tbody>{lines}</tbody></table>'
