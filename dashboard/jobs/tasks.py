"""Work for the worker processes that is no fit of a project: a cell of a lesson, an export.

Nothing of it is recorded: a task lives as long as the page that asked for it, and a restart of the server ends it.
Fits go first: a task waits while fits wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import tempfile
from collections.abc import Callable
from concurrent.futures import CancelledError
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distributed import Future, get_worker
from distributed.scheduler import KilledWorker

from dashboard.jobs.events import Event, EventHub
from dashboard.jobs.workers import Workers

TOPIC = "residua-tasks"
MOST = 12
BUSY = "Too much is waiting here already. Try again in a minute."
KILLED = "The worker process ended in the middle of this, most likely for want of memory."

logger = logging.getLogger("residua.jobs")

Send = Callable[[Event], None]
Work = Callable[[dict[str, Any], Send, Callable[[], bool]], Any]


class TaskError(RuntimeError):
    """A task was refused, stopped or failed; the text is for a person."""


@dataclass
class _Task:
    future: Future[Any]
    flag: Path


class Tasks:
    """Tasks on these workers."""

    def __init__(self, workers: Workers) -> None:
        self._workers = workers
        self._hub = EventHub()
        self._tasks: dict[str, _Task] = {}
        self._folder = tempfile.TemporaryDirectory(prefix="residua-tasks-")
        workers.listen(TOPIC, self._received)

    def start(self, work: Work, argument: dict[str, Any]) -> str:
        """Have ``work(argument, send, should_stop)`` run in a worker; returns the task's id.

        ``work`` must be importable there. What it sends reaches :meth:`subscribe`; its end is the event
        {"type": "state", "status": "finished"}. TaskError when too many are waiting.
        """
        if len(self._tasks) >= MOST:
            raise TaskError(BUSY)
        task_id = secrets.token_hex(8)
        flag = Path(self._folder.name) / task_id
        self._hub.publish(task_id, {"type": "state", "status": "queued"})
        future = self._workers.client.submit(
            carry_out,
            task_id,
            work,
            argument,
            str(flag),
            key=f"task-{task_id}",
            pure=False,
            retries=0,
            priority=-10,
        )
        self._tasks[task_id] = _Task(future, flag)
        future.add_done_callback(
            lambda _: self._hub.publish(task_id, {"type": "state", "status": "finished"})
        )
        return task_id

    def subscribe(self, task_id: str, callback: Callable[[Event], None]) -> Callable[[], None]:
        """Call back with each event of a task, on the event loop this is called from; returns what ends that."""
        return self._hub.subscribe(task_id, callback)

    def cancel(self, task_id: str) -> None:
        """Ask a task to stop: at once while it waits, when it next looks while it runs."""
        task = self._tasks.get(task_id)
        if task is None:
            return
        task.flag.touch()
        if not any(task.future.key in keys for keys in self._workers.processing().values()):
            task.future.cancel()

    async def outcome(self, task_id: str) -> Any:
        """What the work returned, once it is over, without holding a thread meanwhile; as :meth:`result`."""
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        self._tasks[task_id].future.add_done_callback(lambda _: loop.call_soon_threadsafe(ended.set))
        await ended.wait()
        return await asyncio.to_thread(self.result, task_id)

    def result(self, task_id: str, timeout: float | None = None) -> Any:
        """What the work returned, once it is over; the task is forgotten then. Blocks: call it on a thread.

        TaskError when it was stopped before it began, or failed.
        """
        task = self._tasks[task_id]
        try:
            return task.future.result(timeout)
        except CancelledError:
            raise TaskError("Stopped before it began.") from None
        except KilledWorker:
            raise TaskError(KILLED) from None
        except Exception as error:
            code = secrets.token_hex(4)
            logger.error("[%s] A task failed", code, exc_info=error)
            raise TaskError(
                f"This stopped on an internal error. The server's log has it as {code}."
            ) from error
        finally:
            self._tasks.pop(task_id, None)
            task.flag.unlink(missing_ok=True)

    def close(self) -> None:
        """Ask all tasks to stop."""
        for task in self._tasks.values():
            with contextlib.suppress(OSError):
                task.flag.touch()
        self._folder.cleanup()

    def _received(self, event: tuple[float, Any]) -> None:
        _, message = event
        if isinstance(message, dict) and self._hub.knows(message["run"]):
            self._hub.publish(message["run"], message)


def carry_out(task_id: str, work: Work, argument: dict[str, Any], flag: str) -> Any:
    """Run a task inside a worker process."""
    worker = get_worker()
    path = Path(flag)
    return work(
        argument, lambda event: worker.log_event(TOPIC, {"run": task_id, **event}), lambda: path.exists()
    )
