"""What a worker does for a reader who pressed Run: our own stored source, with the values of widgets in it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import torch

from dashboard.jobs.worker import StepReporter
from dashboard.learn.execute import Notebook, elsewhere, followed
from dashboard.learn.lesson import lesson

SECONDS = 900.0
TOO_LONG = "This took longer than a cell may here, so it was ended; the values are the best so far."


def run_cell(argument: dict[str, Any], send: Callable[[Any], None], should_stop: Callable[[], bool]) -> Any:
    """Run a cell of a lesson after those above it that it builds on.

    Args:
        argument: ``lesson``, ``cell`` and ``values``, of widgets by variable. They only choose among what the
            lesson declares: no text of the reader's is ever run.
        send: Takes ``{"type": "cell", "cell", "place", "of"}`` and the steps of fits.
        should_stop: Ends the running fit and what follows.

    Returns:
        ``outputs`` (of the cell), ``seconds`` and ``stopped``.

    Raises:
        LessonError: for a lesson, cell, variable or value that is not declared.
    """
    page = lesson(argument["lesson"])
    cells = page.needed(argument["cell"])
    sources = [page.source(cell, argument["values"]) for cell in cells]
    deadline = time.monotonic() + SECONDS

    def stop() -> bool:
        return should_stop() or time.monotonic() > deadline

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    notebook, outputs, seconds = Notebook(), [], 0.0
    with elsewhere():
        for place, (cell, source) in enumerate(zip(cells, sources, strict=True), start=1):
            send({"type": "cell", "cell": cell.name, "place": place, "of": len(cells)})
            reporter = StepReporter(send)
            began = time.perf_counter()
            with followed(reporter, stop):
                outputs = notebook.run(source)
            reporter.finish()
            seconds = time.perf_counter() - began
            if stop() or any(output["kind"] == "error" for output in outputs):
                break
    if time.monotonic() > deadline:
        outputs = [*outputs, {"kind": "error", "text": TOO_LONG}]
    return {"outputs": outputs, "seconds": seconds, "stopped": should_stop()}
