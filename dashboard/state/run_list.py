"""The runs of a project as a table, and what a person may do to them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dashboard.figures.palettes import fitter_color
from dashboard.state.compare import label
from dashboard.state.runs import clock, kind_of, status_word
from dashboard.store import NotFound, Run, Store


def list_rows(runs: Iterable[Run]) -> list[dict[str, Any]]:
    """One dict a run, the newest first; numbers for sorting beside the texts."""
    return [
        {
            "id": run.id,
            "number": run.number,
            "fitter": label(run.fitter),
            "key": run.fitter,
            "color": fitter_color(run.fitter),
            "status": status_word(run),
            "kind": kind_of(run.status, run.converged),
            "message": run.message,
            "chi2_dof": run.chi2_dof,
            "seconds": run.seconds,
            "created": run.created.timestamp(),
            "when": clock(run.created),
            "tags": list(run.tags),
            "note": run.note,
            "starred": run.starred,
            "options": ", ".join(f"{name}={value}" for name, value in run.options.items()),
            "ended": run.status.ended,
        }
        for run in runs
    ]


def annotate(store: Store, project_id: str, run_id: str, said: dict[str, Any]) -> None:
    """Set star, note or tags as a page sent them. NotFound for a run that is not of this project."""
    _of(store, project_id, run_id)
    tags = said.get("tags")
    store.annotate_run(
        run_id,
        tags=[str(tag) for tag in tags] if isinstance(tags, list) else None,
        note=str(said["note"]) if "note" in said else None,
        starred=bool(said["starred"]) if "starred" in said else None,
    )


def delete(store: Store, project_id: str, run_ids: Iterable[str]) -> list[str]:
    """Take runs out of sight; the ids of those that were. StoreError for one that goes on."""
    gone = []
    for run_id in run_ids:
        _of(store, project_id, run_id)
        store.delete_run(run_id)
        gone.append(run_id)
    return gone


def restore(store: Store, project_id: str, run_ids: Iterable[str]) -> None:
    """Bring deleted runs back."""
    for run_id in run_ids:
        _of(store, project_id, run_id)
        store.restore_run(run_id)


def _of(store: Store, project_id: str, run_id: str) -> Run:
    run = store.run(run_id)
    if run.project_id != project_id:
        raise NotFound.of("run")
    return run
