"""Runs in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import takewhile
from typing import Any

from dashboard.figures.palettes import fitter_color
from dashboard.store import Run, RunStatus
from dashboard.words import measured

WAITING = {RunStatus.QUEUED: "waiting", RunStatus.RUNNING: "running"}
_USUAL = ("Waiting for a free worker.", "Fitting.")


def kind_of(status: str, converged: bool | None) -> str:
    """Which icon goes with a run: good, warn, bad or info. Words always stand beside it."""
    if status == RunStatus.FAILED:
        return "bad"
    if status == RunStatus.FINISHED:
        return "good" if converged else "warn"
    return "warn" if status == RunStatus.CANCELLED else "info"


def last_started(runs: Sequence[Run]) -> list[Run]:
    """The latest run and those before it from the same start, the newest first as ``runs`` are."""
    return list(takewhile(lambda run: run.description == runs[0].description, runs))


def status_word(run: Run) -> str:
    """How a run stands, in a word or two."""
    if run.status is RunStatus.FINISHED:
        return "converged" if run.converged else "not converged"
    return WAITING.get(run.status, str(run.status))


def run_rows(
    runs: Iterable[Run],
    *,
    shown: str | None,
    active: Mapping[str, Mapping[str, Any]],
    title_of: Callable[[str], str],
    several_images: bool = False,
    page: str = "",
) -> list[dict[str, Any]]:
    """One dict a run: those under way first, then the newest first.

    Args:
        runs: Of one project.
        shown: Id of the run on screen.
        active: Facts and last step of the runs that this page follows, by id.
        title_of: Screen title of a fitter's key.
        several_images: Whether a row says which image its run was about.
        page: Start of the address of a run's own page; empty where there is none.
    """
    rows = []
    for run in sorted(runs, key=lambda run: run.created, reverse=True):
        under_way = active.get(run.id)
        word = status_word(run)
        rows.append(
            {
                "id": run.id,
                "number": run.number,
                "number_text": f"run {run.number}",
                "title": title_of(run.fitter),
                "color": fitter_color(run.fitter),
                "word": word if under_way is None else WAITING.get(RunStatus(under_way["status"]), "ending"),
                "kind": kind_of(run.status, run.converged),
                "message": run.message,
                "said": "" if under_way is None else _unusual(under_way["message"]),
                "chi2_dof": "" if run.chi2_dof is None else f"{run.chi2_dof:.4f}",
                "when": clock(run.created),
                "image": _image(run) if several_images else "",
                "ended": run.status.ended and under_way is None,
                "step": dict(under_way["step"]) if under_way is not None else {},
                "stopping": bool(under_way and under_way.get("stopping")),
                "shown": run.id == shown,
                "page": f"{page}{run.id}" if page else "",
            }
        )
    return sorted(rows, key=lambda row: bool(row["ended"]))


def _unusual(message: str) -> str:
    """What is worth a line of its own: that it waits for a GPU, or that a worker went away, and how the fit goes on."""
    return "" if message in _USUAL else message


def _image(run: Run) -> str:
    entries = run.description.get("images") or [{}]
    return str(entries[0].get("name", "image"))


def outcome(run: Mapping[str, Any], result: Mapping[str, Any], current: bool) -> dict[str, Any]:
    """How an ended run went, for the verdict. ``result`` is its result.json, empty where it left none.

    ``current`` tells whether the values on screen are still the ones it arrived at.
    """
    figures = []
    if result.get("chi2_dof") is not None:
        # A fitter may write rows into its history that are no steps.
        steps = [step for step in (result.get("history") or {}).get("step") or [] if step is not None]
        figures = [
            ("χ² / dof", f"{result['chi2_dof']:.4f}"),
            ("seconds", f"{result['seconds']:.2f}"),
            ("steps", f"{max(steps, default=0):.0f}"),
        ]
    return {
        "kind": kind_of(run["status"], run["converged"]),
        "message": run["message"],
        "figures": figures,
        "warnings": [f"{key} is at its bound." for key in result.get("at_bounds") or []],
        "notes": list(result.get("notes") or []),
        "derived": [_derived_row(quantity) for quantity in result.get("derived") or []],
        "stale": bool(result) and not current,
    }


def _derived_row(quantity: Mapping[str, Any]) -> dict[str, str]:
    """A derived quantity as text: what it is of, its name, value, uncertainty and unit, and what it means."""
    value, uncertainty = measured(quantity["value"], quantity.get("uncertainty"))
    return {
        "component": quantity["component"],
        "name": quantity["name"].replace("_", " "),
        "value": f"{value} ± {uncertainty}" if uncertainty else value,
        "unit": quantity["unit"],
        "help": quantity["help"],
    }


def clock(moment: datetime) -> str:
    """Time of day here; the date too when it is not today's."""
    local = moment.astimezone()
    same_day = local.date() == datetime.now().astimezone().date()
    return f"{local:%H:%M}" if same_day else f"{local:%d %b %H:%M}"
