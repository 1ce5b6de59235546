from __future__ import annotations

import asyncio
import threading

from dashboard.jobs.events import KEPT_ENDED, KEPT_RUNS, KEPT_STEPS, EventHub
from dashboard.jobs.worker import StepReporter, with_names
from engine import Step


def step(number: int) -> dict[str, object]:
    return {"type": "step", "number": number}


def state(status: str) -> dict[str, object]:
    return {"type": "state", "status": status}


def test_a_listener_hears_its_run_only():
    hub = EventHub()
    heard, all_heard = [], []
    stop = hub.subscribe("a", heard.append)
    hub.subscribe(None, all_heard.append)
    hub.publish("a", step(0))
    hub.publish("b", step(0))
    stop()
    stop()
    hub.publish("a", step(1))
    assert heard == [{"run": "a", "type": "step", "number": 0}]
    assert [event["run"] for event in all_heard] == ["a", "b", "a"]


def test_nothing_comes_after_the_end():
    hub = EventHub()
    for event in (step(0), state("finished"), step(1), state("failed")):
        hub.publish("a", event)
    assert [event["type"] for event in hub.events("a")] == ["step", "state"]
    assert hub.last_step("a") == 0
    assert hub.last_step("b") == -1


def test_memory_stays_bounded():
    hub = EventHub()
    for number in range(3 * KEPT_STEPS):
        hub.publish("long", step(number))
    numbers = [event["number"] for event in hub.events("long")]
    assert len(numbers) <= KEPT_STEPS
    assert numbers == sorted(numbers)
    assert numbers[0] == 0
    assert numbers[-1] == 3 * KEPT_STEPS - 1
    for run in range(2 * KEPT_RUNS):
        hub.publish(f"run {run}", state("finished"))
    assert hub.events("long") == []
    assert not hub.knows("run 0")
    assert hub.knows(f"run {2 * KEPT_RUNS - 1}")


def test_steps_of_runs_that_ended_a_while_ago_are_let_go_of():
    hub = EventHub()
    for run in range(KEPT_ENDED + 1):
        hub.publish(f"run {run}", {"type": "step", "number": 1})
        hub.publish(f"run {run}", {"type": "state", "status": "finished"})
    assert [event["type"] for event in hub.events("run 0")] == ["state"]
    assert [event["type"] for event in hub.events("run 1")] == ["step", "state"]
    hub.publish("run 0", {"type": "step", "number": 2})
    assert [event["type"] for event in hub.events("run 0")] == ["state"]


def test_a_listener_is_called_on_its_own_event_loop():
    hub = EventHub()

    async def listen() -> tuple[int, dict[str, object]]:
        loop = asyncio.get_running_loop()
        heard: asyncio.Future[tuple[int, dict[str, object]]] = loop.create_future()
        hub.subscribe("a", lambda event: heard.set_result((threading.get_ident(), event)))
        await asyncio.to_thread(hub.publish, "a", step(7))
        return await asyncio.wait_for(heard, 5)

    thread, event = asyncio.run(listen())
    assert thread == threading.get_ident()
    assert event["number"] == 7
    hub.publish("a", step(8))  # the loop is closed by now: nobody to tell, nothing to break


def test_a_failing_listener_harms_nobody(caplog):
    hub = EventHub()
    heard = []

    def fail(event: dict[str, object]) -> None:
        raise RuntimeError("page bug")

    hub.subscribe("a", fail)
    hub.subscribe("a", heard.append)
    hub.publish("a", step(0))
    assert len(heard) == 1
    assert "page bug" in caplog.text


def make_step(number: int) -> Step:
    return Step(
        number=number,
        chi2=2.0,
        chi2_dof=1.0,
        values=[1.5],
        seconds=0.1,
        evaluations=3,
        jacobians=1,
        info={"damping": 0.1},
    )


def test_steps_are_thinned_but_the_first_and_last_are_sent():
    sent = []
    times = iter([value for number in range(200) for value in [number * 0.001] * 2])
    reporter = StepReporter(sent.append, now=lambda: next(times))
    for number in range(100):
        reporter(make_step(number))
    reporter.finish()
    reporter.finish()
    numbers = [event["number"] for event in sent]
    assert numbers[0] == 0
    assert numbers[-1] == 99
    assert len(numbers) < 8
    assert sent[0] == {
        "type": "step",
        "number": 0,
        "chi2": 2.0,
        "chi2_dof": 1.0,
        "seconds": 0.1,
        "evaluations": 3,
        "jacobians": 1,
        "values": [1.5],
        "info": {"damping": 0.1},
    }


def test_sentences_name_files_as_people_do():
    names = {"/data/files/ab/abcd": "galaxy.fits"}
    assert with_names("data: /data/files/ab/abcd[1] is empty.", names) == "data: galaxy.fits[1] is empty."
    assert with_names("abcd is empty.", names) == "galaxy.fits is empty."
