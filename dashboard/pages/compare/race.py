"""The race on the page that compares runs: of ended runs from their results, of others as they go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import panel as pn

from dashboard import ui
from dashboard.figures.race import race_figure
from dashboard.jobs.events import Event
from dashboard.pages.later import Later
from dashboard.state.compare import AXES, Compared, CompareState
from dashboard.views import compare_words as words
from dashboard.views.compare import AxisChoice
from dashboard.views.component import Message
from engine.compare import finishes, track

WIDE: dict[str, Any] = {"sizing_mode": "stretch_width", "margin": 0}


class RaceSection:
    """Figure, sentence and medals."""

    def __init__(self, state: CompareState, later: Later) -> None:
        self.state = state
        self.later = later
        self.figure = race_figure()
        self.words = ui.html("", **WIDE)
        self.axis = AxisChoice(self._on_axis, axes=[[key, key] for key in AXES], margin=0)
        self.going: dict[str, list[Event]] = {}
        self._shown: tuple[Compared | None, dict[str, str], dict[str, str]] | None = None

    def view(self) -> Any:
        """What is seen of it."""
        return pn.Column(
            self.axis,
            pn.Row(
                pn.pane.Bokeh(self.figure.figure, height=300, **WIDE, min_width=320),
                pn.Column(self.words, margin=0, width=450),
                **WIDE,
                styles={"gap": "18px", "flex-wrap": "wrap"},
            ),
            **WIDE,
            styles={"gap": "8px"},
        )

    def follow(self, event: Event) -> None:
        """Take in a step of a run that goes on."""
        self.going.setdefault(event["run"], []).append(event)

    def show(self, compared: Compared | None, colors: Mapping[str, str], names: Mapping[str, str]) -> None:
        """Draw these runs, and those that go on.

        Args:
            compared: The ended ones, or None as long as there are none.
            colors: By label, and by id of the others.
            names: What the others are called, by id.
        """
        self._shown = (compared, dict(colors), dict(names))
        self.draw()

    def draw(self) -> None:
        """Draw what is known now."""
        if self._shown is None:
            return
        compared, colors, names = self._shown
        results = compared.results if compared else {}
        tracks = {label: track(result.history, result.dof) for label, result in results.items()}
        dof = next((result.dof for result in results.values()), 0)
        for run_id, events in self.going.items():
            steps = [event for event in events if event["type"] == "step"]
            if steps and run_id in names:
                dof = dof or round(steps[-1]["chi2"] / steps[-1]["chi2_dof"])
                name = f"{names[run_id]} (running)"
                columns = {key: [event[key] for event in steps] for key in steps[0] if key in _COLUMNS}
                tracks[name] = track({**columns, "step": [event["number"] for event in steps]}, dof)
                colors[name] = colors.get(run_id, "#8a949e")
        if tracks and dof:
            self.figure.show(tracks, colors, self.state.axis, dof, AXES[self.state.axis])
        ends = {label: result.chi2 for label, result in results.items()}
        self.words.object = words.race_words(finishes(tracks, ends=ends))
        self.axis.shown = self.state.axis

    def _on_axis(self, message: Message) -> None:
        if message["axis"] in AXES:
            self.state.axis = message["axis"]
            self.later(self.draw)


_COLUMNS = ("seconds", "evaluations", "jacobians", "chi2_dof")
