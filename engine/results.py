"""What a fit returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

import numpy as np

from engine.device import Computer


class Status(Enum):
    """How a fit ended; the value is the sentence that a person reads."""

    CONVERGED = "Converged: the remaining distance to the minimum is far below the uncertainties."
    ONE_MODE = "Converged in one of several modes that differ only in the names of identical components."
    AT_BOUND = "Converged onto a bound: a parameter at its limit is not measured. Widen the bound, or fix it."
    DEGENERATE = (
        "Degenerate: some combination of parameters hardly changes the model. Fix or link one of them."
    )
    STALLED = (
        "Stalled: no step lowers chi2, though this is not a minimum. Check the mask, the noise and the start."
    )
    OUT_OF_STEPS = "Out of steps before converging. Raise max_steps, or start closer."
    NOT_FINITE = "The model or chi2 became infinite or not a number. Tighten the bounds, or start elsewhere."
    NOT_MIXED = "Not converged: the chains have not mixed. Draw more, or reparametrize."
    CANCELLED = "Stopped on request; the best values so far are kept."

    @property
    def word(self) -> str:
        """Short name for files and tables."""
        return self.name.lower().replace("_", " ")

    @property
    def converged(self) -> bool:
        """True only for a minimum, or a mode, inside the bounds with every parameter measured."""
        return self in (Status.CONVERGED, Status.ONE_MODE)


@dataclass(frozen=True)
class Drawn:
    """The draws of a sampler so far.

    Attributes:
        draws: (chain, draw, parameter), physical units.
        sample_stats: The sampler's own figures by name, each (chain, draw).
    """

    draws: np.ndarray
    sample_stats: dict[str, np.ndarray]


@dataclass(frozen=True)
class Step:
    """One step of a fit, as it happens.

    Attributes:
        number: 0 is the start.
        chi2: At ``values``.
        chi2_dof: chi2 over degrees of freedom.
        values: Best free parameters so far, physical units.
        seconds: Since the start.
        evaluations: Model evaluations so far, those inside Jacobians not counted.
        jacobians: Jacobian evaluations so far (each includes the model).
        info: The method's own figures.
        drawn: Gives a copy of the draws so far, of a sampler that keeps draws by now; None otherwise.
    """

    number: int
    chi2: float
    chi2_dof: float
    values: np.ndarray
    seconds: float
    evaluations: int
    jacobians: int
    info: dict[str, float | str | bool] = field(default_factory=dict)
    drawn: Callable[[], Drawn] | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class Posterior:
    """What a sampler found.

    Attributes:
        status: CONVERGED or why not.
        message: The verdict in words, with the remedy.
        mean: Posterior mean, (parameter,), physical units; angles unwrapped.
        covariance: Of the draws, (parameter, parameter).
        draws: (chain, draw, parameter), physical units; angles within [0, period).
        rhat: Rank-normalized split R-hat, (parameter,).
        ess_bulk: Effective sample size for the middle of the posterior, (parameter,).
        ess_tail: The same for its 5 % and 95 % quantiles.
        mcse: Monte Carlo standard error of the mean, (parameter,).
        sample_stats: The sampler's own figures by name, each (chain, draw).
        notes: Further sentences.
    """

    status: Status
    message: str
    mean: np.ndarray
    covariance: np.ndarray
    draws: np.ndarray
    rhat: np.ndarray
    ess_bulk: np.ndarray
    ess_tail: np.ndarray
    mcse: np.ndarray
    sample_stats: dict[str, np.ndarray] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class FitResult:
    """The outcome of a fit.

    Attributes:
        status: How it ended; ``status.value`` is a sentence.
        message: The sentence with the particulars: which parameters, which combination.
        converged: Whether the numbers can be used as they are.
        chi2: Sum of weight * residual**2 at the best values.
        dof: Used pixels minus free parameters.
        chi2_dof: Their ratio.
        names: Free parameters, in the order of all vectors here.
        values: Best values, of samplers posterior means, (parameter,), physical units; angles within [0, period).
        uncertainties: One sigma, (parameter,); nan for parameters at a bound.
        covariance: (parameter, parameter), physical units; nan at a bound. Of samplers, that of the draws.
        robust_uncertainties: Sandwich estimate, valid where the weights are wrong; None where not computed.
        at_bounds: Names of parameters at a bound.
        all_values: Every parameter, fixed and linked ones included.
        seconds: Wall time.
        evaluations: Model evaluations, those inside Jacobians not counted.
        jacobians: Jacobian evaluations.
        history: Columns of equal length: step, seconds, evaluations, jacobians, chi2_dof, the method's own.
        fitter: Name.
        options: Its options, all of them.
        seed: Of its random numbers, or None.
        draws: Of samplers, (chain, draw, parameter), angles within [0, period); None for optimizers.
        rhat: Of samplers, rank-normalized split R-hat, (parameter,); None for optimizers, as are the next three.
        ess_bulk: Effective sample size for the middle of the posterior, (parameter,).
        ess_tail: Effective sample size for its tails, (parameter,).
        mcse: Monte Carlo standard error of the mean, (parameter,).
        sample_stats: Figures of each draw by name, each (chain, draw); empty for optimizers.
        notes: Further sentences a reader should see.
        peak_memory: Bytes in use at most, beyond those at the start; None where the system does not tell.
        computer: The device and the precision.
    """

    status: Status
    message: str
    chi2: float
    dof: int
    names: list[str]
    values: np.ndarray
    uncertainties: np.ndarray
    covariance: np.ndarray
    at_bounds: list[str]
    all_values: dict[str, float]
    seconds: float
    evaluations: int
    jacobians: int
    history: dict[str, list[float | str | bool | None]]
    fitter: str
    options: dict[str, object]
    seed: int | None = None
    robust_uncertainties: np.ndarray | None = None
    draws: np.ndarray | None = None
    rhat: np.ndarray | None = None
    ess_bulk: np.ndarray | None = None
    ess_tail: np.ndarray | None = None
    mcse: np.ndarray | None = None
    sample_stats: dict[str, np.ndarray] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    peak_memory: int | None = None
    computer: Computer = field(default_factory=Computer)

    @property
    def converged(self) -> bool:
        """Whether the numbers can be used as they are."""
        return self.status.converged

    @property
    def chi2_dof(self) -> float:
        """chi2 over degrees of freedom."""
        return self.chi2 / self.dof if self.dof > 0 else float("nan")

    @property
    def correlation(self) -> np.ndarray:
        """Correlation matrix, (parameter, parameter)."""
        sigma = np.sqrt(np.diag(self.covariance))
        return np.asarray(self.covariance / np.outer(sigma, sigma))

    def __str__(self) -> str:
        lines = [f"{self.fitter}: {self.message}", f"chi2/dof {self.chi2_dof:.4f} in {self.seconds:.2f} s"]
        width = max((len(name) for name in self.names), default=0)
        for name, value, sigma in zip(self.names, self.values, self.uncertainties, strict=True):
            note = "  at its bound" if name in self.at_bounds else ""
            lines.append(f"  {name:<{width}}  {value:>12.6g} +- {sigma:.2g}{note}")
        return "\n".join(lines)
