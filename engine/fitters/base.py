"""What a fitter supplies, and what it is given."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import param

from engine.errors import OptionError, did_you_mean
from engine.normal_equations import NormalEquations
from engine.problem import Problem
from engine.results import Drawn, FitResult, Posterior, Status


@dataclass(frozen=True)
class Move:
    """Where a fitter stands: the best x so far, its chi2, and the method's own figures.

    ``drawn`` gives, of a sampler that keeps draws by now, those so far.
    """

    x: np.ndarray
    chi2: float
    info: dict[str, float | str | bool] = field(default_factory=dict)
    drawn: Callable[[], Drawn] | None = None


@dataclass(frozen=True)
class Outcome:
    """How a fitter ended: the status and, where it has more to say than the status, a sentence.

    ``normal`` are the normal equations at ``x``, where the method has them at hand; ``posterior`` is what a
    sampler found, whose mean then stands for ``x``.
    """

    status: Status
    x: np.ndarray
    remark: str = ""
    normal: NormalEquations | None = None
    posterior: Posterior | None = None


class Stop(Exception):  # not an error
    """Thrown into :meth:`Fitter.moves` when the fit was stopped; a method may catch it and return what it has."""


Moves = Generator[Move, None, Outcome]


@dataclass
class Count:
    """Evaluations so far, shared by a fit and the fits inside it."""

    evaluations: int = 0
    jacobians: int = 0


class Work:
    """A problem as one fit uses it: from a start, counting evaluations, with its own random numbers.

    Attributes:
        problem: The problem.
        space: Its parameter space: names, bounds, periods.
        start: Where to begin, (free,).
        rng: Random numbers of this fit.
        count: Evaluations.
        resumed: The method's own figures at the step that the fit goes on from; empty for a new fit.
        previous: The result that the fit goes on from; None for a new fit, or one that goes on from a step.
    """

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        start: np.ndarray | None = None,
        *,
        count: Count | None = None,
        resumed: Mapping[str, Any] | None = None,
        previous: FitResult | None = None,
    ) -> None:
        self.problem = problem
        self.space = problem.space
        self.start = np.clip(problem.values if start is None else start, self.space.lower, self.space.upper)
        self.rng = rng
        self.count = count or Count()
        self.resumed: Mapping[str, Any] = resumed or {}
        self.previous = previous

    def at(self, start: np.ndarray) -> Work:
        """Return the same work from another start, counted together with this one."""
        return Work(self.problem, self.rng, start, count=self.count)

    def restricted(self, keep: Sequence[int], x: np.ndarray) -> Work:
        """Return the work on the free parameters numbered ``keep`` (ascending), the others held at ``x``."""
        return Work(self.problem.restricted(keep, x), self.rng, x[list(keep)], count=self.count)

    def normal_equations(self, x: np.ndarray) -> NormalEquations:
        """Return cost, gradient and Hessian at ``x``; counted as one Jacobian."""
        self.count.jacobians += 1
        return self.problem.normal_equations(x)

    def cost_gradient(self, x: np.ndarray) -> NormalEquations:
        """Return cost and gradient at ``x``, the Hessian zero; counted as one Jacobian."""
        self.count.jacobians += 1
        return self.problem.cost_gradient(x)

    def counted(self, times: int, *, gradient: bool) -> None:
        """Count evaluations made by other means: with gradients, as Jacobians."""
        if gradient:
            self.count.jacobians += times
        else:
            self.count.evaluations += times

    def cost(self, x: np.ndarray) -> tuple[float, float]:
        """Return cost and chi2 at ``x``; counted as one evaluation."""
        self.count.evaluations += 1
        return self.problem.cost(x)


def run_through(moves: Moves, start: Move) -> tuple[Move, Outcome]:
    """Return where a fitter ends without telling of its moves: the last of them (``start`` where none), the outcome."""
    move = start
    while True:
        try:
            move = next(moves)
        except StopIteration as stop:
            return move, stop.value


class Fitter(param.Parameterized):
    """A method; its options are declared as params, with default, bounds and doc.

    A subclass sets ``key``, ``title`` and ``summary`` and writes :meth:`moves`. It need not count, time,
    watch for cancellation or keep history: :mod:`engine.fitters.run` does.
    """

    key: ClassVar[str]
    title: ClassVar[str]
    summary: ClassVar[str]
    # Of a method that ends early, or in the wrong place, where the cost is rough in its seventh digit.
    only_float64: ClassVar[bool] = False

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)  # type: ignore[no-untyped-call]  # param is untyped

    def moves(self, work: Work) -> Moves:
        """Yield a :class:`Move` at the start and after each step; return the :class:`Outcome`."""
        raise NotImplementedError

    @classmethod
    def option_names(cls) -> list[str]:
        """Names of the options, in order of declaration."""
        return [name for name in cls.param if name != "name" and cls.param[name].precedence != -1]

    @classmethod
    def configured(cls, options: dict[str, Any]) -> Fitter:
        """Return the fitter with ``options``.

        Raises :class:`OptionError` for an unknown option or a value out of range.
        """
        known = cls.option_names()
        for name, value in options.items():
            if name not in known:
                raise OptionError(f"{cls.key} has no option '{name}'. {did_you_mean(name, known)}")
            try:
                cls(**{name: value})
            except (ValueError, TypeError) as error:
                declared = cls.param[name]
                raise OptionError(
                    f"Option {name} of {cls.key} is {value!r}, but must be {_allowed(declared)}. "
                    f"What it means: {declared.doc}"
                ) from error
        return cls(**options)

    def options(self) -> dict[str, Any]:
        """Return every option with its value."""
        return {name: getattr(self, name) for name in self.option_names()}


def _allowed(declared: Any) -> str:
    """What an option may be, in words that follow "must be"."""
    choices = getattr(declared, "objects", None)
    if choices:
        return f"one of {', '.join(map(str, choices))}"
    kinds = (
        (param.Boolean, "true or false"),
        (param.Integer, "a whole number"),
        (param.Number, "a number"),
        (param.List, "a list, such as [[a, b], [c]]"),
        (param.Dict, "a mapping of names to values"),
        (param.String, "a text"),
    )
    words = next((words for kind, words in kinds if isinstance(declared, kind)), "of another kind")
    bounds = getattr(declared, "bounds", None)
    if bounds is None or not isinstance(declared, param.Number):
        return words
    limits = []
    for bound, inclusive, inside, outside in zip(
        bounds, declared.inclusive_bounds, ("at least", "at most"), ("above", "below"), strict=True
    ):
        if bound is not None:
            limits.append(f"{inside if inclusive else outside} {bound:g}")
    return f"{words} {' and '.join(limits)}".rstrip()
