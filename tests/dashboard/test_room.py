"""When people are told that workers have no room for a fit."""

from __future__ import annotations

from dashboard.jobs.room import Room


def test_a_worker_that_is_ended_once_says_nothing_about_its_limit() -> None:
    seconds = 0.0
    room = Room(lambda: seconds)
    assert room.sentence() == ""
    room.ended(330_000_000)
    assert room.sentence() == ""
    seconds = 70.0
    room.ended(330_000_000)
    assert room.sentence() == "", "the two lie far apart"
    seconds = 80.0
    room.ended(330_000_000)
    assert room.sentence().startswith(
        "Worker processes have no room for fits: with nothing to do, one was ended for taking 330 MB"
    )
    seconds = 140.0
    assert room.sentence() == "", "it has stayed since"


def test_a_full_worker_is_told_with_what_it_has() -> None:
    told = Room().sentence((370_000_000, 400_000_000))
    assert told.startswith(
        "Worker processes have no room for fits: with nothing to do, one takes 370 MB of the 400 MB of memory"
    )
