"""The queue in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dashboard.jobs.jobs import Standing
from dashboard.state.queue import headline, progress, queue_rows, trouble
from dashboard.store import RunStatus
from dashboard.store.queue import Entry

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def entry(name: str, **more: Any) -> Entry:
    facts: dict[str, Any] = {
        "id": name,
        "project_id": "p",
        "project": "NGC 4565",
        "account_id": "a",
        "status": RunStatus.QUEUED,
        "fitter": "lm",
        "created": NOON,
        "started": None,
        "attempts": 0,
        "expected_seconds": None,
        "device": "auto",
        "message": "Waiting for a free worker.",
    }
    return Entry(**{**facts, **more})


def standing(**more: Any) -> Standing:
    facts: dict[str, Any] = {
        "positions": {},
        "waiting": 0,
        "running": 0,
        "steps": {},
        "memory": {},
        "workers": 1,
        "trouble": "",
        "has_gpu": False,
    }
    return Standing(**{**facts, **more})


def test_what_runs_stands_first_and_then_whose_turn_it_is():
    running = entry("r", status=RunStatus.RUNNING, started=NOON + timedelta(seconds=5), attempts=1)
    rows = queue_rows(
        [entry("b"), entry("a", expected_seconds=20.0), running],
        standing(positions={"b": 2, "a": 1}, waiting=2, memory={"r": 429_000_000}),
        {"a": "Ada"},
        ["b"],
    )
    assert [row["id"] for row in rows] == ["r", "a", "b"]
    assert [row["place"] for row in rows] == [0, 1, 2]
    assert rows[0]["since"] == NOON.timestamp() + 5
    assert (rows[0]["memory"], rows[0]["progress"], rows[0]["who"]) == ("429 MB", "starting", "Ada")
    assert rows[1]["expected"] == "about 20 s"
    assert [row["stopping"] for row in rows] == [False, False, True]


@pytest.mark.parametrize(
    ("attempts", "step", "words"),
    [
        (1, {"number": 8, "chi2_dof": 1.01234, "info": {}}, "step 8 · χ²/dof 1.012"),
        (
            2,
            {"number": 300, "chi2_dof": 1.1, "info": {"phase": "draws", "draw": 120}},
            "draw 120 · χ²/dof 1.1 · attempt 2",
        ),
        (
            1,
            {"number": 3, "chi2_dof": 2.0, "info": {"phase": "warm-up", "draw": 20}},
            "warm-up, draw 20 · χ²/dof 2",
        ),
        (
            1,
            {"number": 3, "chi2_dof": 2.0, "info": {"phase": "compiling", "compiling_seconds": 4.2}},
            "compiling, 4 s · χ²/dof 2",
        ),
        (3, None, "starting · attempt 3"),
    ],
)
def test_progress_is_told_in_the_terms_of_the_method(attempts, step, words):
    assert progress(entry("r", status=RunStatus.RUNNING, started=NOON, attempts=attempts), step) == words


def test_a_run_that_went_back_into_the_queue_says_why():
    assert progress(entry("r"), None) == ""
    again = entry("r", attempts=1, message="The worker process ended in the middle of this fit.")
    assert progress(again, None).startswith("The worker process ended")


def test_what_keeps_the_queue_from_going_on_is_told():
    assert (
        headline(standing(running=2, waiting=10, workers=2)) == "In all: 2 running · 10 waiting · 2 workers"
    )
    assert trouble(standing()) == ""
    assert "There are no workers, so fits wait." in trouble(standing(workers=0))
    assert (
        trouble(standing(workers=0, trouble="The scheduler does not answer."))
        == "The scheduler does not answer."
    )


def test_a_fit_that_waits_for_a_gpu_that_is_not_there_says_so():
    waiting = entry("a", device="cuda", message="Waiting for a free worker with a GPU.")
    assert progress(waiting, None) == "Waiting for a free worker with a GPU."
    assert trouble(standing(), [entry("b"), waiting]).startswith("No worker with a GPU is connected.")
    assert trouble(standing(has_gpu=True), [waiting]) == ""
    assert trouble(standing(), [entry("b"), entry("a", device="cuda", status=RunStatus.RUNNING)]) == ""
