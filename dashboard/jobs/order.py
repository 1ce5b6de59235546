"""Whose turn it is: pure functions from what waits, what runs and who has had how much to the next run."""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# What is forecast of a fit that nobody has a forecast for.
UNKNOWN_SECONDS = 20.0
# Optimizers end within seconds on ordinary scenes, samplers do not.
QUICK_SECONDS, SAMPLER_SECONDS = 3.0, 60.0
# The least that a fit counts: starting one has its cost too.
LEAST_SECONDS = 0.5
# A fit that takes no longer is a short one: somebody sits before it.
SHORT_SECONDS = 30.0


@dataclass(frozen=True)
class Waiting:
    """A run in the queue: whose, since when, and the seconds and device that it takes ("auto", "cpu" or "cuda")."""

    run: str
    user: str
    since: float
    seconds: float = UNKNOWN_SECONDS
    device: str = "auto"


@dataclass(frozen=True)
class Going:
    """A run on a worker: whose, since when, what it was expected to take, and whether it has a GPU."""

    run: str
    user: str
    since: float
    seconds: float = UNKNOWN_SECONDS
    gpu: bool = False


@dataclass(frozen=True)
class Slots:
    """Places for runs: on plain workers, and on those that have a GPU."""

    cpu: int
    gpu: int = 0

    def free(self, running: Sequence[Going]) -> Slots:
        """What is left of them."""
        on_gpu = sum(one.gpu for one in running)
        return Slots(max(0, self.cpu - (len(running) - on_gpu)), max(0, self.gpu - on_gpu))


@dataclass(frozen=True)
class Choice:
    """The run that is next, and whether it goes to a worker with a GPU."""

    run: Waiting
    gpu: bool


@dataclass(frozen=True)
class Rules:
    """At most so many runs of one person at once (0: no limit), and places that only short fits may take."""

    running_per_user: int = 0
    kept_for_short: int = 0


def next_run(
    queued: Sequence[Waiting],
    running: Sequence[Going],
    used: Mapping[str, float],
    now: float,
    slots: Slots,
    rules: Rules = Rules(),
) -> Choice | None:
    """The run to start now, None when no one can be.

    It is of the person who has had least: seconds used lately (``used``, decayed), and those that their running fits
    have taken or are expected to. Among one person's the one that has waited longest for its length goes first (the
    highest response ratio), so that short fits pass long ones, and none waits for ever.
    """
    free = slots.free(running)
    counts = Counter(one.user for one in running)
    best: tuple[tuple[float, float, float, str], Choice] | None = None
    charges = charged(running, used, now)
    for one in queued:
        if rules.running_per_user and counts[one.user] >= rules.running_per_user:
            continue
        gpu = place_of(one, free, slots, rules.kept_for_short)
        if gpu is None:
            continue
        rank = (charges.get(one.user, 0.0), -response_ratio(one, now), one.since, one.run)
        if best is None or rank < best[0]:
            best = rank, Choice(one, gpu)
    return None if best is None else best[1]


def charged(running: Sequence[Going], used: Mapping[str, float], now: float) -> dict[str, float]:
    """Seconds that count against each person: used lately, and committed by what runs."""
    charges = dict(used)
    for one in running:
        charges[one.user] = charges.get(one.user, 0.0) + max(one.seconds, now - one.since, LEAST_SECONDS)
    return charges


def response_ratio(one: Waiting, now: float) -> float:
    """How many times its own length a run will have taken from submission to end, started now (Hansen 1973)."""
    seconds = max(one.seconds, LEAST_SECONDS)
    return (max(0.0, now - one.since) + seconds) / seconds


def place_of(one: Waiting, free: Slots, slots: Slots, kept_for_short: int) -> bool | None:
    """Where a run can go: True on a GPU, False on a plain worker, None nowhere now."""
    if one.device == "cuda":
        return True if free.gpu else None
    if one.device == "auto" and free.gpu:
        return True
    # Where all workers have a GPU, they take the rest too.
    if not slots.cpu:
        return True if free.gpu else None
    kept = min(kept_for_short, slots.cpu - 1) if one.seconds > SHORT_SECONDS else 0
    return False if free.cpu > kept else None


def in_order(
    queued: Sequence[Waiting], running: Sequence[Going], used: Mapping[str, float], now: float
) -> list[str]:
    """The ids of the waiting runs as they would start, were each to take what is forecast and nobody to come.

    As :func:`next_run` decides, one after another, as if any worker would do for all of them.
    """
    charges = charged(running, used, now)
    lines: dict[str, list[Waiting]] = {}
    # The last of each person's line is the next: taking it off a list costs nothing.
    for one in sorted(queued, key=lambda one: (-response_ratio(one, now), one.since, one.run), reverse=True):
        lines.setdefault(one.user, []).append(one)

    def turn(user: str) -> tuple[float, float, float, str, str]:
        head = lines[user][-1]
        return charges.get(user, 0.0), -response_ratio(head, now), head.since, head.run, user

    turns = [turn(user) for user in lines]
    heapq.heapify(turns)
    found = []
    while turns:
        user = heapq.heappop(turns)[-1]
        head = lines[user].pop()
        found.append(head.run)
        charges[user] = charges.get(user, 0.0) + max(head.seconds, LEAST_SECONDS)
        if lines[user]:
            heapq.heappush(turns, turn(user))
    return found


class Usage:
    """Seconds of worker time that each person has had; what is ``half_life`` seconds ago counts half."""

    def __init__(self, half_life: float) -> None:
        self.half_life = half_life
        self._seconds: dict[str, tuple[float, float]] = {}

    def add(self, user: str, began: float, ended: float) -> None:
        """Count a fit that has ended."""
        seconds = max(LEAST_SECONDS, ended - began)
        self._seconds[user] = self.of(user, ended) + seconds, ended

    def of(self, user: str, now: float) -> float:
        """What counts of a person's seconds now."""
        seconds, then = self._seconds.get(user, (0.0, now))
        # A clock that was set back must not make what counts more.
        return seconds * math.exp2(min(0.0, then - now) / self.half_life)

    def all(self, now: float) -> dict[str, float]:
        """What counts of everyone's."""
        return {user: self.of(user, now) for user in self._seconds}
