"""Runs in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from dashboard.store import Run, RunStatus
from dashboard.words import measured

WAITING = {RunStatus.QUEUED: "waiting", RunStatus.RUNNING: "running"}


def kind_of(status: str, converged: bool | None) -> str:
    """Which icon goes with a run: good, warn, bad or info. Words always stand beside it."""
    if status == RunStatus.FAILED:
        return "bad"
    if status == RunStatus.FINISHED:
        return "good" if converged else "warn"
    return "warn" if status == RunStatus.CANCELLED else "info"


def run_rows(runs: Iterable[Run], shown: str | None, titles: Mapping[str, str]) -> list[dict[str, Any]]:
    """One dict a run, newest first. ``titles`` maps a fitter's key to its screen title."""
    rows = []
    ordered = sorted(runs, key=lambda run: run.created, reverse=True)
    for place, run in enumerate(ordered):
        ended = run.status.ended
        word = WAITING.get(run.status) or (
            ("converged" if run.converged else "not converged")
            if run.status is RunStatus.FINISHED
            else str(run.status)
        )
        rows.append(
            {
                "id": run.id,
                "number": len(ordered) - place,
                "title": titles.get(run.fitter, run.fitter),
                "word": word,
                "kind": kind_of(run.status, run.converged),
                "message": run.message,
                "chi2_dof": "" if run.chi2_dof is None else f"{run.chi2_dof:.4f}",
                "when": clock(run.created),
                "ended": ended,
                "shown": run.id == shown,
            }
        )
    return rows


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
