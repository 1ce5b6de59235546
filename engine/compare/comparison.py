"""Everything that can be said of several runs on one image, but for the images themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from engine.compare.agreement import Agreement, agreement
from engine.compare.alignment import Aligned, align
from engine.compare.costs import Cost, costs
from engine.compare.criteria import Criteria, criteria
from engine.compare.race import Finish, race
from engine.compare.tension import DENOMINATOR, deviations, overlaps, tensions
from engine.errors import FitterError
from engine.outputs import plain
from engine.problem import Problem
from engine.results import FitResult


@dataclass(frozen=True)
class Comparison:
    """Several runs side by side.

    Attributes:
        aligned: Values and uncertainties on common parameters.
        tension: (value i - value j) / larger uncertainty, (parameter, run i, run j).
        overlap: Overlapping coefficient of the posteriors, 0 to 1, (parameter, run, run).
        agreement: Verdict in words, largest tensions, groups that agree.
        race: Who came first within delta chi2 = 1 of the best.
        criteria: AIC, BIC and, where asked for, LOO.
        costs: Seconds, evaluations, effective samples per second, memory.
    """

    aligned: Aligned
    tension: np.ndarray
    overlap: np.ndarray
    agreement: Agreement
    race: list[Finish]
    criteria: list[Criteria]
    costs: list[Cost]

    @property
    def labels(self) -> tuple[str, ...]:
        """Of the runs."""
        return self.aligned.labels

    @property
    def verdict(self) -> str:
        """Do they agree? In words."""
        return self.agreement.verdict

    def record(self, truth: Mapping[str, float] | None = None) -> dict[str, Any]:
        """Return everything as plain values, strict JSON when dumped.

        Args:
            truth: True values by parameter, of simulated images; the deviations from them are told too.
        """
        found = self.aligned
        record: dict[str, Any] = {
            "verdict": self.verdict,
            "denominator": DENOMINATOR,
            "labels": found.labels,
            "groups": self.agreement.groups,
            "unfinished": self.agreement.unfinished,
            "swaps": found.swaps,
            "worst": {"sigma": self.agreement.worst, "parameter": self.agreement.worst_parameter},
            "parameters": [
                {
                    "name": name,
                    "unit": found.units[at],
                    "values": found.values[:, at],
                    "uncertainties": found.uncertainties[:, at],
                    "tension": self.tension[at],
                    "overlap": self.overlap[at],
                }
                for at, name in enumerate(found.names)
            ],
            "race": [asdict(one) for one in self.race],
            "criteria": [asdict(one) for one in self.criteria],
            "costs": [asdict(one) for one in self.costs],
        }
        if truth:
            off = deviations(found, dict(truth))
            for at, row in enumerate(record["parameters"]):
                row["truth"] = truth.get(row["name"])
                row["from_truth"] = off[:, at]
        return plain(record)  # type: ignore[no-any-return]


def compare(
    problem: Problem | Mapping[str, Problem], results: Mapping[str, FitResult], *, loo: bool = False
) -> Comparison:
    """Compare runs on one image.

    Args:
        problem: What was fitted: one for all runs, or one a label where the models differ.
        results: By label: what to call each run.
        loo: Whether to estimate leave-one-out cross-validation, which renders up to a thousand draws a run.

    Raises:
        FitterError: There is no result, a problem is missing, or the images have different pixels.
    """
    if not results:
        raise FitterError("There is nothing to compare. Give at least one result.")
    problems = problem if isinstance(problem, Mapping) else dict.fromkeys(results, problem)
    missing = [label for label in results if label not in problems]
    if missing:
        raise FitterError(f"There is no problem for {', '.join(missing)}. Give one a label, or one for all.")
    difference = differing_images({label: problems[label] for label in results})
    if difference:
        raise FitterError(difference)
    found = align(problems, results)
    apart = tensions(found)
    return Comparison(
        aligned=found,
        tension=apart,
        overlap=overlaps(found),
        agreement=agreement(found, apart, results),
        race=race(results),
        criteria=criteria(problems, results, loo=loo),
        costs=costs(results),
    )


def differing_images(problems: Mapping[str, Problem]) -> str:
    """Return the sentence that says why runs cannot be compared; "" where they are on the same pixels.

    Masks may differ; the race and the criteria then are of different data, and the sentence for that is
    :func:`differing_weights`.
    """
    (first, one), *others = problems.items()
    for label, other in others:
        if other.image.shape != one.image.shape or other.image.origin != one.image.origin:
            shapes = [f"{p.image.shape[1]} x {p.image.shape[0]} pixels" for p in (one, other)]
            return f"{first} is of {shapes[0]} and {label} of {shapes[1]}: compare runs on the same image and window."
        both = (one.image.weight > 0) & (other.image.weight > 0)
        if not np.array_equal(one.image.data[both], other.image.data[both]):
            return f"{first} and {label} are of different images. Compare runs on the same image."
    return ""


def differing_weights(problems: Mapping[str, Problem]) -> str:
    """Return the caution where runs share an image but not its mask or noise; "" where they share both."""
    (first, one), *others = problems.items()
    for label, other in others:
        if not np.array_equal(one.image.weight, other.image.weight):
            return (
                f"{first} and {label} were given another mask or noise: their chi2, AIC and BIC are of different data "
                "and cannot be set against each other."
            )
        if one.likelihood != other.likelihood:
            return (
                f"{first} was fitted with {one.likelihood} and {label} with {other.likelihood} noise: their AIC, "
                "BIC and LOO cannot be set against each other."
            )
    return ""
