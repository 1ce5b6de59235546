"""What a fit will take, before it is started: the measured cost of one model of this problem times a method's count.

The counts are what the methods needed on ordinary scenes; a hard problem needs more: so the words say "about".
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import engine
from engine import fitters

# Ordinary numbers of steps until a method says that it has arrived.
LM_STEPS = 12
# From the best fit to that of a resampled image, the image's own preparation counted in.
REFIT_STEPS = 6
SWEEPS = 60
DESCENT_STEPS = 400
SCIPY_STEPS = 350
GENERATIONS = 300
# Gradients of a draw in whitened coordinates, and draws whatever the number of chains.
NUTS_GRADIENTS = 8
# All chains are evaluated together, which makes one gradient about this part of a gradient on its own.
TOGETHER = 0.5
BYTES_A_PIXEL = 8
# A busy machine's answer must not stay.
KEPT_SECONDS = 600.0

Count = Callable[[Mapping[str, Any], int], "Counts"]
Kind = tuple[Any, ...]


@dataclass(frozen=True)
class Cost:
    """What one of each takes on this problem, here: seconds of a model, a gradient, a Jacobian; used pixels."""

    model: float
    gradient: float
    jacobian: float
    free: int
    pixels: int


@dataclass(frozen=True)
class Counts:
    """How many models, gradients and Jacobians a method asks for, and the numbers of draws that it keeps."""

    models: float = 0
    gradients: float = 0
    jacobians: float = 0
    draws: float = 0


@dataclass(frozen=True)
class Forecast:
    """Expected seconds, and bytes of memory beyond the image."""

    seconds: float
    memory: float

    def __add__(self, other: Forecast) -> Forecast:
        """One after the other: times add up, memory does not."""
        return Forecast(self.seconds + other.seconds, max(self.memory, other.memory))


_kept: dict[Kind, tuple[float, Cost]] = {}


def kind_of(problem: engine.Problem) -> Kind:
    """What the cost of a problem depends on: two problems of one kind differ in their pixels and start values."""
    models = tuple(one.model.key for one in problem.components)
    psf = None if problem.image.psf is None else (problem.image.psf.shape, problem.image.psf_oversampling)
    how = psf, problem.likelihood, problem.accuracy, problem.computer
    return problem.image.shape, tuple(problem.names), models, how


def cost_of(problem: engine.Problem) -> Cost:
    """What :func:`measure` finds, or found of late for a problem of this kind: every page that is opened asks."""
    now = time.monotonic()
    for kind, (when, _) in list(_kept.items()):
        if now - when > KEPT_SECONDS:
            _kept.pop(kind, None)
    kind = kind_of(problem)
    found = _kept.get(kind) or (now, measure(problem))
    _kept[kind] = found
    return found[1]


def measure(problem: engine.Problem) -> Cost:
    """Time one of each at the start values. Takes as long as some ten models: call it on a thread."""
    x = problem.values
    problem.cost(x)  # what is rendered once for all is not part of a step
    return Cost(
        _seconds(problem.cost, x),
        _seconds(problem.cost_gradient, x),
        _seconds(problem.normal_equations, x),
        len(problem.names),
        problem.image.data.size,
    )


def forecast(fitter: str, options: Mapping[str, Any], cost: Cost) -> Forecast | None:
    """What a fitter, or a chain such as gradient+lm, will take; None for one whose count is not known."""
    if "+" in fitter:
        parts = [forecast(part, options.get(part, {}), cost) for part in fitter.split("+")]
        known = [part for part in parts if part is not None]
        return sum(known[1:], known[0]) if len(known) == len(parts) else None
    count = COUNTS.get(fitter)
    kind = fitters.registry().get(fitter)
    if count is None or kind is None:
        return None
    full = {name: kind.param[name].default for name in kind.option_names()} | dict(options)
    counts = count(full, cost.free)
    seconds = counts.models * cost.model + counts.gradients * cost.gradient + counts.jacobians * cost.jacobian
    # Of the Jacobian only one tile is held at a time, and a tile is no larger than a few columns of the whole image.
    memory = BYTES_A_PIXEL * (8 * cost.pixels + counts.draws * cost.free)
    return Forecast(seconds, memory)


def together(forecasts: Sequence[Forecast | None]) -> str:
    """What the ticked fitters take in words; "" where nothing is known."""
    known = [one for one in forecasts if one is not None]
    if not known:
        return ""
    whole = sum(known[1:], known[0])
    number = f"{len(forecasts)} fitters, " if len(forecasts) > 1 else ""
    more = " or more" if len(known) < len(forecasts) else ""
    return f"{number}{in_words(whole.seconds)}{more} · {_size(whole.memory)} beside the image"


def in_words(seconds: float) -> str:
    """A time that is not known better than it is said: "about 20 s"."""
    if seconds < 1:
        return "under 1 s"
    if seconds < 60:
        return f"about {_rounded(seconds)} s"
    if seconds < 5400:
        return f"about {_rounded(seconds / 60)} min"
    return f"about {_rounded(seconds / 3600)} h"


def _rounded(value: float) -> int:
    """One digit of a number, or two where it starts with 1."""
    step = 10 ** max(0, len(str(int(value))) - (2 if str(int(value))[0] == "1" else 1))
    return max(1, round(value / step) * step)


def _size(memory: float) -> str:
    megabytes = memory / 1e6
    if megabytes < 10:
        return "under 10 MB"
    return f"about {_rounded(megabytes)} MB" if megabytes < 1000 else f"about {megabytes / 1000:.1f} GB"


def _seconds(function: Callable[..., Any], x: Any) -> float:
    """The quicker of two calls: another program may have had the processor meanwhile."""
    times = []
    for _ in range(2):
        began = time.perf_counter()
        function(x)
        times.append(time.perf_counter() - began)
    return min(times)


def _samples(options: Mapping[str, Any]) -> tuple[float, float]:
    """(all draws, kept draws) of all chains."""
    chains = float(options.get("chains") or 4)
    kept, warmup = float(options.get("draws") or 0), float(options.get("warmup") or 0)
    return chains * (kept * float(options.get("thin") or 1) + warmup), chains * kept


def _nuts(options: Mapping[str, Any], free: int) -> Counts:
    every, kept = _samples(options)
    return Counts(gradients=TOGETHER * NUTS_GRADIENTS * every, jacobians=LM_STEPS, draws=kept)


def _hmc(options: Mapping[str, Any], free: int) -> Counts:
    every, kept = _samples(options)
    return Counts(
        gradients=TOGETHER * float(options.get("leapfrog_steps") or 5) * every, jacobians=LM_STEPS, draws=kept
    )


def _random_walk(options: Mapping[str, Any], free: int) -> Counts:
    every, kept = _samples(options)
    return Counts(models=every, jacobians=LM_STEPS, draws=kept)


def _capped(name: str, usual: float, **what: float) -> Count:
    """Counts that end at an option or at the usual number of steps, whichever comes first."""

    def count(options: Mapping[str, Any], free: int) -> Counts:
        steps = min(float(options.get(name) or usual), usual)
        return Counts(**{kind: each * steps for kind, each in what.items()})

    return count


COUNTS: dict[str, Count] = {
    "lm": _capped("max_steps", LM_STEPS, jacobians=1),
    "iterative": _capped("max_steps", SWEEPS, jacobians=2),
    "iterative-parameters": _capped("max_steps", SWEEPS, jacobians=4),
    "gradient": _capped("max_steps", DESCENT_STEPS, gradients=1),
    "scipy": _capped("max_steps", SCIPY_STEPS, gradients=1),
    "multistart": lambda options, free: Counts(jacobians=4 * LM_STEPS * float(options.get("starts") or 1)),
    "differential-evolution": lambda options, free: Counts(
        models=free * float(options["population"]) * min(float(options["max_steps"]), GENERATIONS)
    ),
    "nuts": _nuts,
    "hmc": _hmc,
    "metropolis": _random_walk,
    "elliptical": _random_walk,
    "laplace": lambda options, free: Counts(jacobians=LM_STEPS, draws=_samples(options)[1]),
    "bootstrap": lambda options, free: Counts(
        jacobians=LM_STEPS + REFIT_STEPS * float(options["draws"]), draws=float(options["draws"])
    ),
    "svi": lambda options, free: Counts(
        gradients=float(options["steps"]) * float(options["particles"]),
        jacobians=LM_STEPS,
        draws=_samples(options)[1],
    ),
}
