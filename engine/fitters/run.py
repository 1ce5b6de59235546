"""The one loop: it counts, times, reports, honors cancellation, catches what is not finite, keeps history."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from engine.errors import ParameterError
from engine.fitters.assess import assess
from engine.fitters.base import Fitter, Move, Moves, Outcome, Stop, Work
from engine.memory import PeakMemory
from engine.problem import Problem
from engine.results import FitResult, Posterior, Status, Step


@dataclass(frozen=True)
class _Watch:
    on_step: Callable[[Step], None]
    should_stop: Callable[[], bool]


_WATCH: ContextVar[_Watch | None] = ContextVar("_WATCH", default=None)


@contextmanager
def watched(
    on_step: Callable[[Step], None], should_stop: Callable[[], bool] = lambda: False
) -> Iterator[None]:
    """Follow every fit made inside the block, such as those of a notebook's cell that somebody else wrote.

    Args:
        on_step: Called with each :class:`Step` of each fit.
        should_stop: Asked after each step; True ends that fit with the best values so far.
    """
    before = _WATCH.set(_Watch(on_step, should_stop))
    try:
        yield
    finally:
        _WATCH.reset(before)


def steps(
    problem: Problem,
    fitter: str | Fitter = "lm",
    *,
    should_stop: Callable[[], bool] | None = None,
    seed: int | None = None,
    resume: Step | FitResult | None = None,
    **options: Any,
) -> Generator[Step, None, FitResult]:
    """Run a fitter one step at a time.

    Args:
        problem: What to fit; it is not changed.
        fitter: Name, several joined by + to run one after the other, or a configured fitter.
        should_stop: Asked after each step; True ends the fit with the best values so far.
        seed: Of the fitter's random numbers; the problem's own seed where None.
        resume: A step to go on from, its values and the method's own state; or a result, its values and, of a
            sampler, its chains, to whose draws this run's are appended.
        options: Of the fitter, by name.

    Yields:
        A :class:`Step` for the start and for each step.

    Returns:
        The :class:`FitResult`.

    Raises:
        FitterError: for an unknown fitter or a problem with nothing to fit.
        OptionError: for an unknown option or a value out of range.
        ParameterError: for a step of a problem with other free parameters.
    """
    from engine.fitters import configured

    method = configured(fitter, options) if isinstance(fitter, str) else fitter
    problem.require_degrees_of_freedom()
    seed = problem.seed if seed is None else seed
    if seed is None:
        # Chosen here and recorded, so that the run can be repeated.
        seed = int(np.random.SeedSequence().generate_state(1)[0])
    rng = np.random.default_rng(seed)
    previous = resume if isinstance(resume, FitResult) else None
    if previous is not None and previous.draws is not None:
        if previous.names != problem.names:
            raise ParameterError(
                f"The draws to go on from are of {', '.join(previous.names)}, but this problem has "
                f"{', '.join(problem.names)} free. Take the problem that was sampled."
            )
        # The same seed must not repeat the same random numbers.
        rng = np.random.default_rng((seed, previous.draws.shape[1]))
    start = None if resume is None else problem.space.vector(resume.values)
    resumed = resume.info if isinstance(resume, Step) else None
    notes: tuple[str, ...] = ()
    if method.only_float64 and problem.computer.precision != "float64":
        problem = problem.in_float64()
        notes = (f"Computed in float64: float32 is too coarse for {method.key}.",)
    work = Work(problem, rng, start, resumed=resumed, previous=previous)
    return _loop(problem, method, work, should_stop or (lambda: False), seed, notes)


def _loop(
    problem: Problem,
    method: Fitter,
    work: Work,
    should_stop: Callable[[], bool],
    seed: int | None,
    notes: tuple[str, ...],
) -> Generator[Step, None, FitResult]:
    began = time.perf_counter()
    memory = PeakMemory(problem.device)
    history: list[Step] = []
    moves = method.moves(work)
    best = Move(work.start, math.inf)
    while True:
        try:
            move = next(moves)
        except StopIteration as stop:
            outcome: Outcome = stop.value
            break
        if not np.isfinite(move.x).all() or math.isnan(move.chi2):
            outcome = Outcome(Status.NOT_FINITE, best.x)
            break
        best = move
        step = Step(
            number=len(history),
            chi2=move.chi2,
            chi2_dof=move.chi2 / problem.dof,
            values=move.x.copy(),
            seconds=time.perf_counter() - began,
            evaluations=work.count.evaluations,
            jacobians=work.count.jacobians,
            info=move.info,
            drawn=move.drawn,
        )
        history.append(step)
        watch = _WATCH.get()
        if watch is not None:
            watch.on_step(step)
        yield step
        if should_stop() or (watch is not None and watch.should_stop()):
            outcome = _stopped(moves, best)
            break
    judged = assess(problem, outcome)
    return FitResult(
        status=judged.status,
        message=judged.message,
        chi2=judged.chi2,
        dof=problem.dof,
        names=problem.names,
        values=judged.x,
        uncertainties=judged.uncertainties,
        covariance=judged.covariance,
        robust_uncertainties=judged.robust_uncertainties,
        at_bounds=judged.at_bounds,
        all_values=problem.all_values(judged.x),
        seconds=time.perf_counter() - began,
        evaluations=work.count.evaluations,
        jacobians=work.count.jacobians,
        history=columns(history),
        fitter=method.key,
        options=method.options(),
        seed=seed,
        notes=(*judged.notes, *notes),
        peak_memory=memory.bytes(),
        computer=problem.computer,
        **_of_posterior(outcome.posterior),
    )


def _stopped(moves: Moves, best: Move) -> Outcome:
    """End a method early; samplers hand over the draws that they have."""
    try:
        moves.throw(Stop())
    except StopIteration as stop:
        outcome: Outcome = stop.value
        return replace(outcome, status=Status.CANCELLED)
    except Stop:
        pass
    moves.close()
    return Outcome(Status.CANCELLED, best.x)


def _of_posterior(posterior: Posterior | None) -> dict[str, Any]:
    if posterior is None:
        return {}
    names = ("draws", "rhat", "ess_bulk", "ess_tail", "mcse", "sample_stats")
    return {name: getattr(posterior, name) for name in names}


def columns(history: list[Step]) -> dict[str, list[float | str | bool | None]]:
    """Return the steps as columns of equal length, as a result's history has them."""
    found: dict[str, list[float | str | bool | None]] = {
        name: [getattr(step, "number" if name == "step" else name) for step in history]
        for name in ("step", "seconds", "evaluations", "jacobians", "chi2_dof")
    }
    own = {name: None for step in history for name in step.info}
    for name in own:
        found[name] = [step.info.get(name) for step in history]
    return found


def fit(
    problem: Problem,
    fitter: str | Fitter = "lm",
    *,
    on_step: Callable[[Step], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    seed: int | None = None,
    resume: Step | FitResult | None = None,
    **options: Any,
) -> FitResult:
    """Run a fitter to its end; arguments as for :func:`steps`, with ``on_step`` called after each step."""
    running = steps(problem, fitter, should_stop=should_stop, seed=seed, resume=resume, **options)
    while True:
        try:
            step = next(running)
        except StopIteration as stop:
            result: FitResult = stop.value
            return result
        if on_step is not None:
            on_step(step)
