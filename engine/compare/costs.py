"""What each run cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from engine.results import FitResult


@dataclass(frozen=True)
class Cost:
    """The cost of one run.

    Attributes:
        label: Of the run.
        seconds: Wall time.
        evaluations: Model evaluations, those inside Jacobians not counted.
        jacobians: Jacobian evaluations.
        ess: Of samplers, effective sample size of the worst parameter; None of the others.
        ess_per_second: The same over the wall time.
        peak_memory: Bytes in use at most, beyond those at the start; None where not recorded.
    """

    label: str
    seconds: float
    evaluations: int
    jacobians: int
    ess: float | None
    ess_per_second: float | None
    peak_memory: int | None


def costs(results: Mapping[str, FitResult]) -> list[Cost]:
    """Return what each run cost."""
    rows = []
    for label, result in results.items():
        ess = None if result.ess_bulk is None else float(np.min(result.ess_bulk))
        rows.append(
            Cost(
                label=label,
                seconds=result.seconds,
                evaluations=result.evaluations,
                jacobians=result.jacobians,
                ess=ess,
                ess_per_second=ess / result.seconds if ess is not None and result.seconds > 0 else None,
                peak_memory=result.peak_memory,
            )
        )
    return rows
