"""Whose turn it is: properties of the order of the queue."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.jobs.jobs import guessed_seconds
from dashboard.jobs.order import (
    SHORT_SECONDS,
    Choice,
    Going,
    Rules,
    Slots,
    Usage,
    Waiting,
    in_order,
    next_run,
    response_ratio,
)

USERS = st.sampled_from(["ann", "bob", "eve"])
SECONDS = st.floats(0.1, 5000)


@st.composite
def queues(draw: st.DrawFn) -> tuple[list[Waiting], list[Going], dict[str, float], Slots, Rules]:
    waiting = [
        Waiting(
            f"w{i}",
            draw(USERS),
            draw(st.floats(0, 900)),
            draw(SECONDS),
            draw(st.sampled_from(["auto", "cpu", "cuda"])),
        )
        for i in range(draw(st.integers(0, 8)))
    ]
    going = [
        Going(f"g{i}", draw(USERS), draw(st.floats(0, 900)), draw(SECONDS), draw(st.booleans()))
        for i in range(draw(st.integers(0, 5)))
    ]
    used = draw(st.dictionaries(USERS, st.floats(0, 1e5)))
    slots = Slots(draw(st.integers(0, 4)), draw(st.integers(0, 2)))
    return waiting, going, used, slots, Rules(draw(st.integers(0, 3)), draw(st.integers(0, 2)))


@settings(max_examples=200, deadline=None)
@given(queues())
def test_a_choice_keeps_every_rule(case):
    waiting, going, used, slots, rules = case
    choice = next_run(waiting, going, used, 1000.0, slots, rules)
    if choice is None:
        return
    assert choice.run in waiting
    free = slots.free(going)
    assert (free.gpu if choice.gpu else free.cpu) > 0
    assert choice.gpu or choice.run.device != "cuda"
    if rules.running_per_user:
        assert sum(one.user == choice.run.user for one in going) < rules.running_per_user
    assert next_run(list(reversed(waiting)), going, used, 1000.0, slots, rules) == choice, (
        "no accident of order"
    )


@settings(max_examples=200, deadline=None)
@given(queues())
def test_no_place_is_left_free_while_something_could_have_it(case):
    waiting, going, used, slots, _ = case
    choice = next_run(waiting, going, used, 1000.0, slots)
    free = slots.free(going)
    startable = [
        one
        for one in waiting
        if (free.cpu and one.device != "cuda") or (free.gpu and (one.device != "cpu" or slots.cpu == 0))
    ]
    assert (choice is None) == (not startable)


@settings(max_examples=100, deadline=None)
@given(queues())
def test_positions_name_each_waiting_run_once(case):
    waiting, going, used, _, _ = case
    found = in_order(waiting, going, used, 1000.0)
    assert sorted(found) == sorted(one.run for one in waiting)
    anywhere = [Waiting(one.run, one.user, one.since, one.seconds, "cpu") for one in waiting]
    first = next_run(anywhere, going, used, 1000.0, Slots(len(going) + 1))
    assert found[:1] == ([] if first is None else [first.run.run])


@settings(max_examples=100, deadline=None)
@given(st.lists(SECONDS, min_size=1, max_size=5), st.floats(0.1, 5000))
def test_nobody_waits_for_ever_behind_shorter_fits_of_their_own(others, seconds):
    """A run is passed only until its ratio is the highest, however many short ones keep coming."""
    now = 1e6
    old = Waiting("old", "ann", 0.0, seconds)
    fresh = [Waiting(f"new{i}", "ann", now, one) for i, one in enumerate(others)]
    assert response_ratio(old, now) > 1
    choice = next_run([*fresh, old], [], {}, now, Slots(1))
    assert choice == Choice(old, gpu=False)


@pytest.mark.parametrize("places", [1, 2, 5])
def test_shares_are_equal_whatever_the_lengths(places):
    """Twenty people, each with fits of another length: seconds within a long fit of each other at any time."""
    random.seed(5)
    lengths = {f"user{i}": random.choice([1.0, 5.0, 20.0]) for i in range(20)}
    waiting = [
        Waiting(f"{user}-{i}", user, 0.0, seconds) for user, seconds in lengths.items() for i in range(160)
    ]
    usage, had = Usage(1e9), Counter[str]()
    now, running = 0.0, list[tuple[float, Going]]()
    while now < 400:
        while len(running) < places:
            choice = next_run(waiting, [going for _, going in running], usage.all(now), now, Slots(places))
            assert choice is not None
            waiting.remove(choice.run)
            seconds = choice.run.seconds * random.uniform(0.7, 1.4)  # a forecast is not the truth
            running.append((now + seconds, Going(choice.run.run, choice.run.user, now, choice.run.seconds)))
        running.sort(key=lambda one: one[0])
        now, done = running.pop(0)
        usage.add(done.user, done.since, now)
        had[done.user] += now - done.since
    mean = sum(had.values()) / 20
    assert max(abs(seconds - mean) for seconds in had.values()) < max(0.2 * mean, 28)


def test_who_had_most_long_ago_is_forgiven():
    usage = Usage(3600)
    usage.add("ann", 0, 1000)
    usage.add("bob", 20_000, 20_400)
    assert usage.of("ann", 1000) == pytest.approx(1000)
    assert usage.of("ann", 1000 + 3600) == pytest.approx(500)
    waiting = [Waiting("a", "ann", 20_000), Waiting("b", "bob", 20_000)]
    choice = next_run(waiting, [], usage.all(20_400), 20_400, Slots(1))
    assert choice is not None
    assert choice.run.run == "a"


def test_a_clock_that_was_set_back_makes_nobody_owe_more():
    usage = Usage(60)
    usage.add("ann", 1_000_000, 1_000_100)
    assert usage.of("ann", 0) == 100


def test_a_short_fit_goes_first():
    waiting = [Waiting("long", "ann", 0, 600), Waiting("short", "ann", 5, 1)]
    choice = next_run(waiting, [], {}, 10, Slots(1))
    assert choice is not None
    assert choice.run.run == "short"


def test_a_place_can_be_kept_for_short_fits():
    going = [Going("g", "bob", 0, 600)]
    long, short = Waiting("long", "ann", 0, SHORT_SECONDS + 1), Waiting("short", "ann", 0, 5)
    assert next_run([long], going, {}, 1, Slots(2), Rules(0, 1)) is None
    assert next_run([long, short], going, {}, 1, Slots(2), Rules(0, 1)) == Choice(short, gpu=False)
    assert next_run([long], [], {}, 1, Slots(1), Rules(0, 1)) == Choice(long, gpu=False), "not the only one"


def test_a_gpu_is_for_who_asks_and_for_whoever_comes():
    cuda, cpu, auto = (Waiting(device, "ann", 0, 10, device) for device in ("cuda", "cpu", "auto"))
    assert next_run([cuda], [], {}, 1, Slots(2, 0)) is None
    assert next_run([cuda], [], {}, 1, Slots(2, 1)) == Choice(cuda, gpu=True)
    assert next_run([auto], [], {}, 1, Slots(2, 1)) == Choice(auto, gpu=True)
    assert next_run([cpu], [], {}, 1, Slots(2, 1)) == Choice(cpu, gpu=False)
    busy = [Going("g", "bob", 0, gpu=True)]
    assert next_run([auto], busy, {}, 1, Slots(2, 1)) == Choice(auto, gpu=False)
    assert next_run([cpu], [], {}, 1, Slots(0, 1)) == Choice(cpu, gpu=True), "there is nothing else"


@pytest.mark.parametrize(
    ("fitter", "seconds"), [("lm", 3), ("gradient+lm", 3), ("nuts", 60), ("lm+nuts", 60), ("?", 3)]
)
def test_what_is_not_known_is_guessed_from_the_method(fitter, seconds):
    assert guessed_seconds(fitter) == seconds
