"""The draws of a run as they come: kept, looked at while they come, and judged at the end."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from engine.errors import OptionError
from engine.fitters.base import Outcome, Work
from engine.results import Drawn, FitResult
from engine.samplers.chains import Round
from engine.samplers.diagnostics import bfmi, diagnose
from engine.samplers.origin import Origin
from engine.samplers.posterior import posterior
from engine.samplers.whitening import centered_angles

# Numbers (1.6 GB) that a run keeps at most.
_MOST_NUMBERS = 200_000_000
# Live diagnostics this many times during the draws.
_LOOKS = 20
_FEWEST = 20


class Record:
    """Draws and figures of all chains, after those of the run that this one goes on from.

    Args:
        work: What is sampled.
        chains: How many.
        draws: Of each chain, that will come.
        previous: An earlier result, with as many chains.

    Raises:
        OptionError: So many draws would not fit into memory.
    """

    def __init__(self, work: Work, chains: int, draws: int, previous: FitResult | None) -> None:
        self._work = work
        before = None if previous is None else previous.draws
        self.earlier = 0 if before is None else before.shape[1]
        self.total = self.earlier + draws
        self._every = max(1, draws // _LOOKS)
        free = len(work.start)
        if chains * self.total * free > _MOST_NUMBERS:
            raise OptionError(
                f"{chains} chains of {self.total} draws of {free} parameters are too many to keep (at most "
                f"{_MOST_NUMBERS:.0e} numbers). Raise thin and lower draws by the same factor."
            )
        self._x = np.empty((chains, self.total, free))
        self._stats: dict[str, np.ndarray] = {}
        self.done = self.earlier
        if previous is not None and before is not None:
            self._x[:, : self.earlier] = before
            for name, values in previous.sample_stats.items():
                self._of(name)[:, : self.earlier] = values

    def add(self, now: Round) -> None:
        """Keep a draw of each chain."""
        self._x[:, self.done] = now.x
        for name, values in {**now.stats, "chi2": now.chi2}.items():
            self._of(name)[:, self.done] = values
        self.done += 1

    def _of(self, name: str) -> np.ndarray:
        if name not in self._stats:
            self._stats[name] = np.full(self._x.shape[:2], np.nan)
        return self._stats[name]

    @property
    def worth_a_look(self) -> bool:
        """True where it is time to say how well chains agree."""
        new = self.done - self.earlier
        return self.done >= _FEWEST and (new % self._every == 0 or self.done == self.total)

    def look(self) -> dict[str, float]:
        """Return the worst R-hat, the smallest effective sample size, the divergences and the worst E-BFMI so far."""
        draws = centered_angles(self._work.space, self._x[:, : self.done])
        figures = diagnose(draws, mean=False)
        found = {"rhat": float(np.max(figures.rhat)), "ess_bulk": float(np.min(figures.ess_bulk))}
        diverging, energy = self._stats.get("diverging"), self._stats.get("energy")
        if energy is not None and np.isfinite(fractions := bfmi(energy[:, : self.done])).all():
            found["e_bfmi"] = float(np.min(fractions))
        return {**found, "divergences": 0.0 if diverging is None else float(np.nansum(diverging))}

    def so_far(self) -> Drawn:
        """Return a copy of the draws and figures up to now."""
        return Drawn(
            self._x[:, : self.done].copy(),
            {name: values[:, : self.done].copy() for name, values in self._stats.items()},
        )

    def outcome(
        self, origin: Origin, remark: str, *, sort_labels: bool, limits: Mapping[str, float]
    ) -> Outcome:
        """Return the posterior that the draws so far make."""
        found = posterior(
            self._work.problem,
            self._x[:, : self.done],
            {name: values[:, : self.done] for name, values in self._stats.items()},
            lm=None if origin.values is None or origin.sigma is None else (origin.values, origin.sigma),
            sort_labels=sort_labels,
            remarks=[
                origin.remark,
                remark,
                f"The first {self.earlier} draws of each chain are from the run that this one goes on from."
                if self.earlier
                else "",
            ],
            limits=limits,
        )
        return Outcome(found.status, found.mean, posterior=found)
