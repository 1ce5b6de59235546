"""Making a step-by-step fitter of a library routine that runs to its end in one call."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator

from engine.fitters.base import Move

Report = Callable[[Move], None]


class Stopped(Exception):
    """Raised inside the routine when the fit was stopped."""


def stepwise(routine: Callable[[Report], None]) -> Generator[Move, None, None]:
    """Run ``routine`` in a thread that waits at each of its reports until the move has been taken.

    Only one of the two threads works at a time. Closing the generator makes the next report raise
    :class:`Stopped`, which ends the routine.
    """
    moves: queue.Queue[Move | BaseException | None] = queue.Queue()
    turn = threading.Semaphore(0)
    stop = threading.Event()

    def report(move: Move) -> None:
        moves.put(move)
        turn.acquire()
        if stop.is_set():
            raise Stopped

    def run() -> None:
        try:
            routine(report)
            moves.put(None)
        except Stopped:
            moves.put(None)
        except BaseException as error:  # handed to the caller's thread
            moves.put(error)

    thread = threading.Thread(target=run, daemon=True, name="residua-routine")
    thread.start()
    try:
        while True:
            item = moves.get()
            if item is None:
                return
            if isinstance(item, BaseException):
                raise item
            yield item
            turn.release()
    finally:
        stop.set()
        turn.release()
        thread.join()
