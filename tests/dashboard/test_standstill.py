"""A queue whose thread stands still is noticed and explained."""

from __future__ import annotations

import logging

import pytest

from dashboard.jobs.standstill import STANDS_STILL, STILL_SECONDS, Standstill


def test_a_standstill_is_told_once_and_its_end_too(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "residua.jobs")
    now = 0.0
    standstill = Standstill(now=lambda: now)
    assert standstill.ask()
    now = STILL_SECONDS - 1
    assert not standstill.ask()
    assert standstill.sentence == ""
    now = STILL_SECONDS + 1
    assert [standstill.ask(), standstill.ask()] == [False, False]
    assert standstill.sentence == STANDS_STILL
    (told,) = caplog.messages
    assert "stood still for 60 s" in told
    assert "test_a_standstill_is_told_once" in told, "where this thread is"
    standstill.answer()
    assert standstill.sentence == ""
    assert caplog.messages[-1] == "The queue moves again"
    assert standstill.ask()
