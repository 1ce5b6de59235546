"""What the page of a run shows, as its address says it, and which runs may be laid over its posterior."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import param

import engine
from dashboard.figures.palettes import fitter_color
from dashboard.state.posterior import SYMBOLS, fitter_title
from dashboard.state.runs import clock
from dashboard.store import Run

RESULT = "result"
# Key, title, and whether it needs draws (True), needs that there are none (False), or neither (None).
SECTIONS: tuple[tuple[str, str, bool | None], ...] = (
    (RESULT, "Result", None),
    ("corner", "Corner plot", None),
    ("correlations", "Correlations", False),
    ("traces", "Traces", True),
    ("diagnostics", "Diagnostics", True),
    ("film", "Film strip", True),
    ("images", "Posterior images", True),
    ("residual", "Residual", None),
)
MOST_OVERLAYS = 6


class RunState(param.Parameterized):
    """The choices of a person on the page of a run; each stands in the address unless it is the default."""

    section = param.String(RESULT, doc="Key of the section that is shown.")
    overlays = param.List([], doc="Ids of the runs laid over.")
    chosen = param.List([], doc="Names of the parameters in plots, in order; all of them at first.")
    pair = param.List([], doc="Names of the pair that is shown alone: across and up; or none.")
    frame = param.Integer(0, bounds=(0, None), doc="Which draw of the film strip.")
    order = param.String("drawn", doc="How the film strip is ordered: as drawn, or weakest direction.")
    brushed = param.Array(
        None, allow_None=True, doc="Numbers of the draws that are selected, all chains in a row."
    )

    def __init__(self, names: Sequence[str], has_draws: bool) -> None:
        self.names = list(names)
        self.sections = [(key, title) for key, title, needs in SECTIONS if needs in (None, has_draws)]
        super().__init__(chosen=list(names))

    def read(self, arguments: Mapping[str, Sequence[bytes]], others: Iterable[str]) -> None:
        """Take over what an address says; what does not fit this run is passed over."""
        said = {key: values[0].decode("utf-8", "replace") for key, values in arguments.items() if values}
        if said.get("section") in dict(self.sections):
            self.section = said["section"]
        known = set(others)
        self.overlays = [one for one in said.get("with", "").split(",") if one in known][:MOST_OVERLAYS]
        wanted = said.get("parameters", "").split(",")
        self.chosen = [name for name in self.names if name in wanted] or list(self.names)
        pair = [name for name in said.get("pair", "").split(",") if name in self.names]
        self.pair = pair if len(set(pair)) == 2 == len(pair) else []
        if said.get("order") in ("drawn", "weakest"):
            self.order = said["order"]
        self.frame = int(said["draw"]) if said.get("draw", "").isdecimal() else 0

    def query(self) -> str:
        """The address from its question mark on; empty when everything is at its default."""
        said = {
            "section": "" if self.section == RESULT else self.section,
            "with": ",".join(self.overlays),
            "parameters": "" if self.chosen == self.names else ",".join(self.chosen),
            "pair": ",".join(self.pair),
            "order": "" if self.order == "drawn" else self.order,
            "draw": str(self.frame) if self.frame else "",
        }
        kept = {key: value for key, value in said.items() if value}
        return f"?{urlencode(kept, safe=',')}" if kept else ""

    def choose(self, names: Iterable[str], on: bool) -> None:
        """Show parameters, or leave them out; the last ones stay."""
        changed = set(self.chosen) | set(names) if on else set(self.chosen) - set(names)
        if changed:
            self.chosen = [name for name in self.names if name in changed]
        else:
            self.param.trigger("chosen")

    def overlay(self, run_id: str, on: bool) -> None:
        """Lay a run over, or take it away."""
        others = [one for one in self.overlays if one != run_id]
        self.overlays = [*others, run_id][-MOST_OVERLAYS:] if on else others


def comparable(run: Run, runs: Iterable[Run]) -> list[Run]:
    """Ended runs of the same project that left values and were about the same images, newest first."""
    images = run.description.get("images")
    return [
        other
        for other in runs
        if other.id != run.id and other.chi2_dof is not None and other.description.get("images") == images
    ]


def overlay_rows(others: Sequence[Run], chosen: Sequence[str]) -> list[dict[str, Any]]:
    """One dict a run that may be laid over, for the picker."""
    return [
        {
            "id": run.id,
            "title": fitter_title(run.fitter),
            "when": clock(run.created),
            "color": fitter_color(run.fitter),
            "message": run.message,
            "chosen": run.id in chosen,
        }
        for run in others
    ]


def parameter_groups(
    problem: engine.Problem, names: Sequence[str], chosen: Sequence[str]
) -> list[dict[str, Any]]:
    """Free parameters by component, for the picker."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for parameter in problem.parameters:
        if parameter.key in names:
            groups.setdefault(parameter.component, []).append(
                {
                    "name": parameter.key,
                    "label": SYMBOLS.get(parameter.name, parameter.label),
                    "help": f"{parameter.label}: {parameter.help}",
                    "chosen": parameter.key in chosen,
                }
            )
    return [{"name": name, "parameters": rows} for name, rows in groups.items()]
