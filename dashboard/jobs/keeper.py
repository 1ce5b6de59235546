"""Keeps a running fit's checkpoints, and the way back to the last one."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import engine
from dashboard.jobs.watch import is_claimed
from engine.checkpoint import Checkpoint, appended, read_checkpoint, write_checkpoint
from engine.fitters import registry
from engine.fitters.run import columns

CHECKPOINT = ".checkpoint.npz"
# Writing may take this part of the time: many draws are written less often.
SHARE = 0.05

logger = logging.getLogger("residua.worker")


class Keeper:
    """Takes each step of a fit, and writes where it stands every so many seconds.

    `before` is the checkpoint that the fit goes on from, None for a new one. Nothing is written of an attempt that is
    another process's by now.
    """

    def __init__(self, folder: Path, problem: engine.Problem, every: float, attempt: int) -> None:
        self._path = folder / CHECKPOINT
        self._folder, self._attempt = folder, attempt
        self._names = problem.names
        self._steps: list[engine.Step] = []
        self._every = every
        self._due = time.monotonic() + every
        found = read_checkpoint(self._path)
        self.before = found if found is not None and found.names == problem.names else None

    def resumed(self, problem: engine.Problem, fitter: str, options: dict[str, Any]) -> dict[str, Any]:
        """Keywords for engine.fit: the options, and where to go on from."""
        if self.before is None:
            return options
        kind = registry().get(fitter.split("+")[-1])
        draws = kind.param["draws"].default if kind is not None and "draws" in kind.option_names() else 0
        return {
            **self.before.remaining(fitter, options, int(draws)),
            "resume": self.before.resume(problem),
        }

    def __call__(self, step: engine.Step) -> None:
        """Take a step, and write a checkpoint when one is due."""
        self._steps.append(step)
        if time.monotonic() >= self._due:
            self.write()

    def write(self) -> None:
        """Write where the fit stands. A full disk costs the way back, not the fit."""
        # A process that slept for long asks at its first step, before anything has told it that it was given up.
        if not self._steps or not is_claimed(self._folder, self._attempt):
            return
        began = time.monotonic()
        try:
            write_checkpoint(self._path, self._checkpoint())
        except OSError as error:
            logger.warning("A checkpoint was not written: %s", error)
        taken = time.monotonic() - began
        self._due = time.monotonic() + max(self._every, taken / SHARE)

    def forget(self) -> None:
        """Remove the checkpoint of a fit that is over."""
        self._path.unlink(missing_ok=True)

    @property
    def earlier_seconds(self) -> float:
        """What the attempts before this one took up to the checkpoint."""
        return 0.0 if self.before is None else self.before.step.seconds

    def _checkpoint(self) -> Checkpoint:
        last = self._steps[-1]
        drawn = None if last.drawn is None else last.drawn()
        if self.before is None:
            return Checkpoint(self._names, last, columns(self._steps), drawn)
        return Checkpoint(
            self._names,
            counted_through(self.before, last),
            appended(self.before, columns(self._steps)),
            # Until the sampler keeps draws again, those from before are what there is.
            drawn if drawn is not None else self.before.drawn,
        )


def counted_through(before: Checkpoint | None, step: engine.Step) -> engine.Step:
    """A step of a fit that went on from a checkpoint, counted from the fit's very start."""
    if before is None:
        return step
    return replace(
        step,
        number=before.step.number + step.number,
        seconds=before.step.seconds + step.seconds,
        evaluations=before.step.evaluations + step.evaluations,
        jacobians=before.step.jacobians + step.jacobians,
    )
