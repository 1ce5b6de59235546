"""`make tutorials`: run every lesson from top to bottom and store what its cells show.

Lessons may be named as arguments: ``python -m dashboard.learn.build nuts hmc``.
"""

from __future__ import annotations

import sys
import time

import torch

from dashboard.learn.execute import Notebook, elsewhere
from dashboard.learn.lesson import keys, lesson
from dashboard.learn.stored import write
from engine.outputs import versions


def build(key: str) -> None:
    """Run one lesson and store its outputs, with the versions it ran with.

    RuntimeError when a cell fails.
    """
    notebook = Notebook()
    cells, seconds = {}, {}
    with elsewhere():
        for cell in lesson(key).cells.values():
            began = time.perf_counter()
            cells[cell.name] = notebook.run(cell.source)
            seconds[cell.name] = round(time.perf_counter() - began, 2)
            for output in cells[cell.name]:
                if output["kind"] == "error":
                    raise RuntimeError(f"{key}, cell {cell.name}: {output['text']}")
    record = {
        "fingerprint": lesson(key).fingerprint,
        "versions": versions(),
        "seconds": seconds,
        "cells": cells,
        "numbers": notebook.numbers(),
    }
    write(key, record)
    print(f"{key}: {sum(seconds.values()):.1f} s", flush=True)  # noqa: T201 (its output is what a command is for)


def main(chosen: list[str]) -> None:
    """Build the lessons named, or all."""
    torch.set_num_threads(1)
    for key in chosen or keys():
        build(key)


if __name__ == "__main__":
    main(sys.argv[1:])
