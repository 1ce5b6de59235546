"""Tasks on a worker process: progress, results, stopping, failing."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tornado.ioloop import PeriodicCallback

from dashboard.jobs.tasks import MOST, TaskError, Tasks
from dashboard.jobs.workers import Workers
from tests.dashboard.waiting import wait_for


def count(argument: dict[str, Any], send: Callable[[Any], None], should_stop: Callable[[], bool]) -> Any:
    for number in range(argument["to"]):
        send({"type": "step", "number": number})
        if should_stop():
            return {"stopped": number}
        time.sleep(0.02)
    if argument.get("fail"):
        raise RuntimeError("it broke")
    return {"counted": argument["to"]}


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    workers = Workers(n_workers=1)
    yield workers
    workers.close()


@pytest.fixture
def tasks(workers: Workers) -> Iterator[Tasks]:
    tasks = Tasks(workers)
    yield tasks
    tasks.close()


def test_the_workers_stay_known_while_the_client_asks_for_itself(workers: Workers) -> None:
    asking = workers.client._periodic_callbacks["scheduler-info"]
    often = PeriodicCallback(asking.callback, 1)
    workers.client.loop.add_callback(often.start)
    try:
        assert all(workers.count == 1 for _ in range(500))
    finally:
        workers.client.loop.add_callback(often.stop)


def test_a_task_reports_and_returns(tasks: Tasks) -> None:
    async def journey() -> tuple[list[dict[str, Any]], Any]:
        events: list[dict[str, Any]] = []
        task = tasks.start(count, {"to": 5})
        tasks.subscribe(task, events.append)
        answer = await tasks.outcome(task)
        await asyncio.sleep(0.1)
        return events, answer

    events, answer = asyncio.run(journey())
    assert answer == {"counted": 5}
    assert [event["number"] for event in events if event["type"] == "step"] == [0, 1, 2, 3, 4]


def test_a_running_task_stops_and_a_waiting_one_never_begins(tasks: Tasks) -> None:
    running, waiting = tasks.start(count, {"to": 1000}), tasks.start(count, {"to": 1000})
    wait_for(lambda: any(e["type"] == "step" and e["number"] > 0 for e in tasks._hub.events(running)))
    tasks.cancel(waiting)
    tasks.cancel(running)
    assert tasks.result(running, timeout=10)["stopped"] > 0
    with contextlib.suppress(
        TaskError
    ):  # it never began; or it was with the worker already, and did nothing there
        assert tasks.result(waiting, timeout=10)["stopped"] == 0


def test_a_failure_is_a_sentence(tasks: Tasks, caplog: pytest.LogCaptureFixture) -> None:
    task = tasks.start(count, {"to": 1, "fail": True})
    with pytest.raises(TaskError, match="stopped on an internal error"):
        tasks.result(task, timeout=10)
    assert "it broke" in caplog.text


def test_too_many_are_refused(tasks: Tasks) -> None:
    started = [tasks.start(count, {"to": 1000}) for _ in range(MOST)]
    with pytest.raises(TaskError, match="Too much is waiting"):
        tasks.start(count, {"to": 1})
    for task in started:
        tasks.cancel(task)
