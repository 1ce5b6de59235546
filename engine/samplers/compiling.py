"""Samplers that follow gradients, and compiled code for these: when it pays, while it is made, and why it is not."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

import param

from engine.fitters.base import Move
from engine.models.base import Compilable
from engine.profiles.by_autograd import missing_compiler
from engine.samplers.base import ChainSampler, Prepared
from engine.samplers.density import Density

# Seconds that compiling takes to get under way, and for each part; what a gradient saves for each sample, and what it
# costs to call compiled code, for however many chains at once. benchmarks/compiling.py measures all four.
_START, _EACH, _SAVED, _CALL = 18.0, 3.0, 1e-8, 5e-4
# How often progress is told while it compiles, in seconds.
_TELL = 0.5


class GradientSampler(ChainSampler):
    """A chain sampler that asks for gradients; a subclass says how many."""

    compile: Any = param.Selector(
        default="auto",
        objects=["auto", "on", "off"],
        doc="Compile, with torch.compile, derivatives that come from autograd; those in closed form, as of sersic, "
        "are as fast without. auto: where the draws asked for save more time than compiling takes, by their count.",
    )

    # Whether chains in the same coordinates are evaluated together.
    together = False

    def gradients_a_draw(self) -> float:
        """Return about how many gradients a draw of a chain takes."""
        raise NotImplementedError

    def prepare(
        self, densities: Sequence[Density], draws: int, start: Move
    ) -> Generator[Move, None, Prepared]:
        """Compile what chains will ask for, and tell of it."""
        chains = Counter(densities)
        parts = [
            _Part(one, count if self.together else 1, count)
            for density, count in chains.items()
            for one in density.frozen.compilable
        ]
        words = ", ".join(dict.fromkeys(part.what.name for part in parts))
        choice = str(self.compile)
        if not parts:
            return _not(
                "no derivatives come from autograd, and closed forms are as fast" if choice == "on" else ""
            )
        if choice == "off":
            return _not("")
        gradients = draws * self.gradients_a_draw()
        saved = gradients * sum(part.saved for part in parts)
        cost = _START + _EACH * len(parts)
        if choice == "auto" and saved < cost:
            more = (
                f"it would take {cost / saved:.2g} times as many" if saved > 0 else "so few samples never do"
            )
            return _not(
                f"about {gradients * len(densities):.0f} gradients are too few to pay for it ({words}); {more}"
            )
        lacking = missing_compiler() if densities[0].work.problem.device == "cpu" else ""
        if lacking:
            return _not(f"{lacking} ({words})")
        began = time.perf_counter()
        job = _Job(parts)
        while not job.ended.wait(_TELL):
            yield _compiling(start, time.perf_counter() - began, ended=False)
        if job.error:
            return _not(f"{job.error} ({words})")
        seconds = time.perf_counter() - began
        yield _compiling(start, seconds, ended=True)
        return Prepared({"compiled": True}, f"Derivatives were compiled in {seconds:.1f} s ({words}).")


def _compiling(start: Move, seconds: float, *, ended: bool) -> Move:
    """A step while compiling, which stays where it is."""
    return Move(start.x, start.chi2, {"phase": "compiling", "compiled": ended, "compiling_seconds": seconds})


def _not(why: str) -> Prepared:
    """Nothing compiled, and the reason where a reader should see one."""
    return Prepared({"compiled": False}, f"Derivatives were not compiled: {why}." if why else "")


@dataclass(frozen=True)
class _Part:
    """What to compile, for how many sets of parameters at once, and how many chains use it."""

    what: Compilable
    at_once: int
    chains: int

    @property
    def saved(self) -> float:
        """Seconds that a gradient of every chain takes less, once compiled; negative where it takes more."""
        return self.chains * (_SAVED * self.what.samples - _CALL / self.at_once)


class _Job:
    """Compiles on a thread, so that a fit can tell of it, and be stopped."""

    def __init__(self, parts: Sequence[_Part]) -> None:
        self.ended = threading.Event()
        self.error = ""
        threading.Thread(target=self._run, args=(parts,), daemon=True).start()

    def _run(self, parts: Sequence[_Part]) -> None:
        try:
            for part in parts:
                part.what.compile(part.at_once)
        except Exception as error:  # whatever torch and the compiler come up with
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            self.error = (
                f"{type(error).__name__}: {lines[0][:200].rstrip('.')}" if lines else type(error).__name__
            )
        finally:
            self.ended.set()
