"""A server that a benchmark starts in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@contextmanager
def serving(*command: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Python with these arguments, which serves until the block ends: its address, and the process."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, *command],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if "Residua is at " in line:
                # Read on, so that the pipe never fills.
                threading.Thread(target=process.stdout.read, daemon=True).start()
                yield line.split("Residua is at ")[1].strip().rstrip("/"), process
                break
        else:
            raise SystemExit("The server did not start.")
    finally:
        process.terminate()
        process.wait(60)
