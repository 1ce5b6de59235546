"""Beside a fit in its worker: a thread that says that it lives, and sees when it has to stop."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import Any, ClassVar

CANCEL_FLAG = "cancel"
# Written by a server that is about to stop: keep what there is, and go.
LEAVE_FLAG = "leave"
CLAIM = ".attempt-"
LOOK_SECONDS = 0.1
BEAT_SECONDS = 2.0

Send = Callable[[dict[str, Any]], None]


class Reason(Enum):
    """Why a fit has to stop."""

    CANCELLED = "cancelled"
    LEAVE = "leave"
    REPLACED = "replaced"
    TIME = "time"
    MEMORY = "memory"


class Watch:
    """Use it in a `with` block around a fit, which asks :meth:`should_stop` at every step.

    `seconds` and `memory` (bytes of this process) are what the fit may take, 0 for no limit. The first reason to stop
    stands.
    """

    _going: ClassVar[set[Watch]] = set()
    _leaving: ClassVar[bool] = False

    @classmethod
    def leave(cls) -> None:
        """Have every fit of this process stop to go on elsewhere, those too that come from now on."""
        cls._leaving = True
        for one in list(cls._going):
            one._stop(Reason.LEAVE)

    def __init__(
        self,
        folder: Path,
        attempt: int,
        send: Send,
        *,
        seconds: float = 0.0,
        memory: int = 0,
        resident: Callable[[], int] | None = None,
    ) -> None:
        self._cancel, self._leave = folder / CANCEL_FLAG, folder / LEAVE_FLAG
        self._folder, self._attempt = folder, attempt
        self._send = send
        self._deadline = time.monotonic() + seconds if seconds else None
        self._memory = memory
        self._resident = resident or resident_bytes
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, name="residua-watch", daemon=True)
        self._noticed = False
        self.reason: Reason | None = None

    def __enter__(self) -> Watch:
        self._going.add(self)
        if self._leaving:
            self._stop(Reason.LEAVE)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._going.discard(self)
        self._ended.set()
        self._thread.join(BEAT_SECONDS)

    def should_stop(self) -> bool:
        """Whether the fit has to stop at this step; the first time that it has, it says that it does."""
        if self.reason is None and os.path.exists(self._cancel):
            self._stop(Reason.CANCELLED)
        if self.reason is not None and not self._noticed:
            self._noticed = True
            # What there is takes its time to be judged and written: nobody need end this process meanwhile.
            self._send({"type": "stopping"})
        return self.reason is not None

    def look(self) -> None:
        """Look once at everything that can end a fit from outside."""
        if os.path.exists(self._cancel):
            self._stop(Reason.CANCELLED)
        elif os.path.exists(self._leave):
            self._stop(Reason.LEAVE)
        elif not is_claimed(self._folder, self._attempt):
            self._stop(Reason.REPLACED)
        elif self._deadline is not None and time.monotonic() > self._deadline:
            self._stop(Reason.TIME)
        elif self._memory and self._resident() > self._memory:
            self._stop(Reason.MEMORY)

    def _look(self) -> None:
        due = 0.0
        while not self._ended.wait(LOOK_SECONDS):
            if self.reason is None:
                self.look()
            if time.monotonic() >= due:
                due = time.monotonic() + BEAT_SECONDS
                # The scheduler may be gone: the fit goes on, and its server will see it return or give it up.
                with suppress(Exception):
                    self._send({"type": "beat", "memory": self._resident()})

    def _stop(self, reason: Reason) -> None:
        if self.reason is None:
            self.reason = reason


def claim(folder: Path, attempt: int) -> bool:
    """Take an attempt at a run for this process; False when another process has taken it.

    A cluster may hand a task to a second worker when the first is lost: that is for our own count of attempts to do.
    """
    folder.mkdir(parents=True, exist_ok=True)
    others = {path: int(path.name.removeprefix(CLAIM)) for path in folder.glob(f"{CLAIM}*")}
    if any(number >= attempt for number in others.values()):
        return False
    try:
        os.close(os.open(_claim(folder, attempt), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        return False
    for path in others:
        with suppress(OSError):
            path.unlink(missing_ok=True)
    return True


def unclaim(folder: Path, attempt: int) -> None:
    """Let another process take an attempt that the one before has left."""
    with suppress(OSError):
        _claim(folder, attempt).unlink(missing_ok=True)


def is_claimed(folder: Path, attempt: int) -> bool:
    """Whether a process has taken this attempt; no longer when a later one has begun, or the run was deleted."""
    return os.path.exists(_claim(folder, attempt))


def resident_bytes() -> int:
    """Memory of this process that is in use."""
    with suppress(OSError, ValueError, IndexError):
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")
    return 0


def _claim(folder: Path, attempt: int) -> Path:
    return folder / f"{CLAIM}{attempt}"
