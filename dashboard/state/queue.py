"""The queue in words: what waits, what goes on, and how far it is. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from dashboard.figures.palettes import fitter_color
from dashboard.jobs.jobs import Standing
from dashboard.jobs.limits import megabytes
from dashboard.state.compare import label
from dashboard.state.forecast import in_words
from dashboard.store import Run, RunStatus
from dashboard.store.queue import Entry

NO_GPU = (
    "No worker with a GPU is connected. Fits that ask for one start when there is (residua worker --gpu); or cancel "
    "them, and choose the CPU."
)


def queue_rows(
    entries: Iterable[Entry], standing: Standing, names: Mapping[str, str], stopping: Iterable[str]
) -> list[dict[str, Any]]:
    """One dict a run: those that go on first, the longest of them first, then those that wait, the next one first.

    Args:
        entries: What the person may see.
        standing: Of these.
        names: Of accounts by id; a name that is not there is not told.
        stopping: Ids of those that were asked to stop.
    """
    asked = set(stopping)
    rows = [
        {
            "id": entry.id,
            "running": entry.status is RunStatus.RUNNING,
            "place": _place(entry, standing),
            "fitter": label(entry.fitter),
            "color": fitter_color(entry.fitter),
            "project": entry.project,
            "project_id": entry.project_id,
            "who": names.get(entry.account_id, ""),
            "since": _since(entry).timestamp(),
            "expected": "" if entry.expected_seconds is None else in_words(entry.expected_seconds),
            "progress": progress(entry, standing.steps.get(entry.id)),
            "memory": megabytes(size) if (size := standing.memory.get(entry.id, 0)) else "",
            "stopping": entry.id in asked,
        }
        for entry in entries
    ]
    return sorted(rows, key=lambda row: (not row["running"], row["place"], row["since"], row["id"]))


def headline(standing: Standing) -> str:
    """The whole queue, everybody's fits together, in a few words."""
    workers = f"{standing.workers} worker{'' if standing.workers == 1 else 's'}"
    return f"In all: {standing.running} running · {standing.waiting} waiting · {workers}"


def trouble(standing: Standing, entries: Iterable[Entry] = ()) -> str:
    """What keeps the queue, or one of these entries, from going on, and the way out; "" where nothing does."""
    if standing.trouble:
        return standing.trouble
    if not standing.workers:
        return "There are no workers, so fits wait. They go on by themselves when a worker is there (residua worker)."
    return next(filter(None, (without_gpu(entry, standing.has_gpu) for entry in entries)), "")


def without_gpu(run: Entry | Run, has_gpu: bool) -> str:
    """What is said of a run that waits for a GPU that no worker has, and the way out; "" where it does not."""
    waits = run.status is RunStatus.QUEUED and run.device == "cuda" and not has_gpu
    return NO_GPU if waits else ""


def progress(entry: Entry, step: Mapping[str, Any] | None) -> str:
    """How far a run is, in a few words."""
    again = f" · attempt {entry.attempts}" if entry.attempts > 1 else ""
    if entry.status is not RunStatus.RUNNING:
        return entry.message if entry.attempts or entry.device == "cuda" else ""
    if step is None:
        return f"starting{again}"
    info = step["info"]
    if info.get("phase") in ("warm-up", "draws"):
        words = f"{'warm-up, ' if info['phase'] == 'warm-up' else ''}draw {info['draw']:.0f}"
    elif info.get("phase") == "compiling":
        words = f"compiling, {info['compiling_seconds']:.0f} s"
    else:
        words = f"step {step['number']}"
    return f"{words} · χ²/dof {step['chi2_dof']:.4g}{again}"


def _place(entry: Entry, standing: Standing) -> int:
    return 0 if entry.status is RunStatus.RUNNING else standing.positions.get(entry.id, standing.waiting + 1)


def _since(entry: Entry) -> datetime:
    running = entry.status is RunStatus.RUNNING and entry.started is not None
    return entry.started if running and entry.started else entry.created
