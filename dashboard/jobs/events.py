"""What happens in runs, kept for pages opened later and handed to whoever listens."""

from __future__ import annotations

import asyncio
import itertools
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

Event = dict[str, Any]
Callback = Callable[[Event], None]

KEPT_RUNS = 64
KEPT_STEPS = 2000
# Of runs that have ended before these, the steps are told from their results: dashboard.jobs.jobs.
KEPT_ENDED = 8

logger = logging.getLogger("residua.jobs")


def is_end(event: Event) -> bool:
    """Whether a run is over with this."""
    return event["type"] == "state" and event["status"] in ("finished", "failed", "cancelled")


class EventHub:
    """Fans events out. Each listener is called on the event loop it subscribed from.

    One that subscribed outside any event loop (a script, a test) is called on the publishing thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._events: OrderedDict[str, list[Event]] = OrderedDict()
        self._ended: dict[str, None] = {}
        self._listeners: dict[int, tuple[str | None, asyncio.AbstractEventLoop | None, Callback]] = {}
        self._numbers = itertools.count()

    def publish(self, run_id: str, event: Event) -> None:
        """Keep an event and hand it out; steps that arrive after a run's end are dropped."""
        event = {"run": run_id, **event}
        with self._lock:
            if run_id in self._ended:
                return
            self._keep(run_id, event)
            listeners = [entry for entry in self._listeners.values() if entry[0] in (None, run_id)]
        for _, loop, callback in listeners:
            if loop is None:
                _call(callback, event)
            else:
                try:
                    loop.call_soon_threadsafe(_call, callback, event)
                except RuntimeError:  # that loop is closed: its listener is gone
                    continue

    def subscribe(self, run_id: str | None, callback: Callback) -> Callable[[], None]:
        """Call back for each event of a run (None: of every run) until the returned function is called."""
        try:
            loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:
            loop = None
        number = next(self._numbers)
        with self._lock:
            self._listeners[number] = (run_id, loop, callback)

        def unsubscribe() -> None:
            with self._lock:
                self._listeners.pop(number, None)

        return unsubscribe

    def events(self, run_id: str) -> list[Event]:
        """The events so far, oldest first; empty for a run of long ago."""
        with self._lock:
            return list(self._events.get(run_id, ()))

    def knows(self, run_id: str) -> bool:
        """Whether anything was published about this run lately."""
        with self._lock:
            return run_id in self._events

    def last_step(self, run_id: str) -> int:
        """The number of the last step published, -1 when there was none."""
        with self._lock:
            steps = [event["number"] for event in self._events.get(run_id, ()) if event["type"] == "step"]
        return steps[-1] if steps else -1

    def last(self, run_id: str) -> Event | None:
        """The last step published; None when there was none."""
        with self._lock:
            events = self._events.get(run_id, ())
            return next((event for event in reversed(events) if event["type"] == "step"), None)

    def _keep(self, run_id: str, event: Event) -> None:
        events = self._events.setdefault(run_id, [])
        self._events.move_to_end(run_id)
        events.append(event)
        if len(events) > KEPT_STEPS:
            # A curve of 2000 points needs no more: keep every other step of the older half.
            events[: KEPT_STEPS // 2] = events[: KEPT_STEPS // 2 : 2]
        if is_end(event):
            self._ended[run_id] = None
            for older in list(self._ended)[:-KEPT_ENDED]:
                self._events[older] = [one for one in self._events.get(older, ()) if one["type"] == "state"]
        while len(self._events) > KEPT_RUNS:
            oldest, _ = self._events.popitem(last=False)
            self._ended.pop(oldest, None)


def _call(callback: Callback, event: Event) -> None:
    try:
        callback(event)
    except Exception:  # one page's mistake must not keep the others from their news
        logger.exception("A listener failed on %s", event.get("type"))
