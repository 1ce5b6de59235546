"""Runs in words: what a run's row and its verdict say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dashboard.state.runs import clock, kind_of, last_started, outcome, run_rows
from dashboard.store import Project, RunStatus, Store

RUN = {
    "id": "x",
    "status": "finished",
    "message": "Converged.",
    "converged": True,
    "chi2_dof": 1.0,
    "fitter": "lm",
}


@pytest.mark.parametrize(
    ("status", "converged", "kind"),
    [
        (RunStatus.FINISHED, True, "good"),
        (RunStatus.FINISHED, False, "warn"),
        (RunStatus.FAILED, None, "bad"),
        (RunStatus.CANCELLED, False, "warn"),
        (RunStatus.RUNNING, None, "info"),
    ],
)
def test_each_end_has_its_icon(status: RunStatus, converged: bool | None, kind: str) -> None:
    assert kind_of(status, converged) == kind


def test_the_verdict_has_numbers_and_warnings() -> None:
    result = {"chi2_dof": 1.01234, "seconds": 0.5, "history": {"step": [0, 1, None]}, "at_bounds": ["disk.n"]}
    said = outcome(RUN, result, current=True)
    assert said["figures"] == [("χ² / dof", "1.0123"), ("seconds", "0.50"), ("steps", "1")]
    assert said["warnings"] == ["disk.n is at its bound."]
    assert said["stale"] is False
    assert outcome(RUN, result, current=False)["stale"] is True


def test_a_run_without_result_has_its_message_only() -> None:
    said = outcome({**RUN, "status": "failed", "message": "No memory."}, {}, current=False)
    assert (said["kind"], said["message"], said["figures"], said["stale"]) == ("bad", "No memory.", [], False)


def test_rows_are_newest_first_and_numbered(store: Store, project: Project) -> None:
    runs = [store.create_run(project.id, {}, fitter, {}) for fitter in ("lm", "gradient")]
    titles = {"lm": "Levenberg-Marquardt"}
    rows = run_rows(reversed(runs), shown=runs[0].id, active={}, title_of=lambda key: titles.get(key, key))
    assert [row["number"] for row in rows] == [2, 1]
    assert [row["title"] for row in rows] == ["gradient", "Levenberg-Marquardt"]
    assert [row["shown"] for row in rows] == [False, True]
    assert {row["word"] for row in rows} == {"waiting"}
    assert not any(row["ended"] for row in rows)


def test_a_run_under_way_comes_first_with_its_last_step(store: Store, project: Project) -> None:
    old, ended = (store.create_run(project.id, {"images": [{"name": "r"}]}, "lm", {}) for _ in range(2))
    store.advance_run(ended.id, RunStatus.CANCELLED, message="Stopped.")
    step = {"number": 3, "chi2_dof": 1.5, "seconds": 0.1}
    active = {old.id: {"status": "running", "message": "Fitting.", "step": step}}
    rows = run_rows(
        store.runs(project.id), shown=None, active=active, title_of=str, several_images=True, page="/run/"
    )
    assert [row["id"] for row in rows] == [old.id, ended.id]
    assert rows[0]["step"] == step
    assert (rows[0]["word"], rows[0]["said"]) == ("running", "")
    assert rows[1]["image"] == "r"
    assert rows[1]["page"] == f"/run/{ended.id}"
    waits = {old.id: {"status": "queued", "message": "Waiting for a free worker with a GPU.", "step": {}}}
    (row, _) = run_rows(store.runs(project.id), shown=None, active=waits, title_of=str)
    assert (row["word"], row["said"]) == ("waiting", "Waiting for a free worker with a GPU.")


def test_today_needs_no_date() -> None:
    now = datetime.now(UTC)
    assert len(clock(now)) == 5
    assert len(clock(now - timedelta(days=3))) > 5


def test_notes_and_derived_quantities_are_part_of_what_is_said():
    derived = [
        {
            "component": "disk",
            "name": "total_flux",
            "value": 43149.7,
            "uncertainty": 1239.3,
            "unit": "flux",
            "help": "Sum.",
        },
        {
            "component": "disk",
            "name": "flux_fraction",
            "value": 0.5746,
            "uncertainty": None,
            "unit": "",
            "help": "Share.",
        },
    ]
    said = outcome(RUN, {"notes": ["Least constrained: n."], "derived": derived}, current=True)
    assert said["notes"] == ["Least constrained: n."]
    assert [(row["name"], row["value"]) for row in said["derived"]] == [
        ("total flux", "43150 ± 1239"),
        ("flux fraction", "0.5746"),
    ]


def test_a_run_keeps_its_number_when_others_go(store: Store, project: Project) -> None:
    runs = [store.create_run(project.id, {}, fitter, {}) for fitter in ("lm", "gradient", "nuts")]
    store.advance_run(runs[0].id, RunStatus.CANCELLED)
    store.delete_run(runs[0].id)
    rows = run_rows(store.runs(project.id), shown=None, active={}, title_of=str)
    assert [row["number"] for row in rows] == [3, 2]
    store.purge_runs(before=datetime.now(UTC) + timedelta(days=1))
    assert store.create_run(project.id, {}, "lm", {}).number == 4


def test_the_runs_of_one_start_belong_together(store: Store, project: Project) -> None:
    store.create_run(project.id, {"seed": 1}, "svi", {})
    for fitter in ("lm", "gradient"):
        store.create_run(project.id, {"seed": 2}, fitter, {})
    assert [run.fitter for run in last_started(store.runs(project.id))] == ["gradient", "lm"]
    assert last_started([]) == []
