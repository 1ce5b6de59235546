"""Tables of a run's page: values, diagnostics, options, correlations; with words where something is bad."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import engine
from dashboard.words import measured
from engine.fitters import registry
from engine.samplers.diagnostics import BFMI_LIMIT, bfmi
from engine.samplers.posterior import ESS_LIMIT, RHAT_LIMIT

Column = dict[str, Any]
Row = dict[str, dict[str, Any]]
STRONG = 0.9


def column(
    key: str, title: str, help: str = "", *, number: bool = True, largest_first: bool = False
) -> Column:
    """One column of a sorted table."""
    side = "right" if number else ""
    return {
        "key": key,
        "title": title,
        "help": help,
        "side": side,
        "number": number,
        "largest_first": largest_first,
    }


def number_cell(value: float | None, text: str | None = None, kind: str = "") -> dict[str, Any]:
    """A number that sorts as one; a dash where there is none."""
    if value is None or not math.isfinite(value):
        return {"text": "–", "sort": -math.inf if value is None or math.isnan(value) else value, "kind": kind}
    return {"text": f"{value:.4g}" if text is None else text, "sort": float(value), "kind": kind}


VALUE_COLUMNS = [
    column("name", "Parameter", number=False),
    column("value", "Value"),
    column("uncertainty", "Uncertainty", "One standard deviation."),
    column("unit", "Unit", number=False),
    column("robust", "Robust", "Sandwich estimate, valid where the weights or the model are off."),
    column("truth", "True value", "The image is a simulated example."),
    column("pull", "From truth", "Value minus true value, in sigma.", largest_first=True),
    column("remark", "Remark", number=False),
]


def value_table(
    problem: engine.Problem, result: engine.FitResult, truths: Mapping[str, float]
) -> tuple[list[Column], list[Row]]:
    """Columns and rows of every parameter of a run; columns without content are left out."""
    at = {name: place for place, name in enumerate(result.names)}
    rows: list[Row] = []
    for parameter in problem.parameters:
        key = parameter.key
        value = float(result.all_values.get(key, math.nan))
        place = at.get(key)
        sigma = float(result.uncertainties[place]) if place is not None else math.nan
        text, uncertainty = measured(value, sigma)
        remark, kind = _remark(problem, result, parameter)
        row: Row = {
            "name": {"text": f"{parameter.component} {parameter.label}", "title": parameter.help},
            "value": number_cell(value, text),
            "uncertainty": number_cell(sigma, f"± {uncertainty}" if uncertainty else None),
            "unit": {"text": parameter.unit},
            "remark": {"text": remark, "kind": kind},
        }
        if result.robust_uncertainties is not None and place is not None:
            row["robust"] = number_cell(float(result.robust_uncertainties[place]))
        if key in truths:
            row["truth"] = number_cell(truths[key], f"{truths[key]:.6g}")
            if sigma > 0:
                period = problem.space.period[place] if place is not None else math.nan
                pull = _turned(value - truths[key], period) / sigma
                row["pull"] = number_cell(
                    abs(pull), f"{pull:+z.1f} σ".replace("-", "−"), "warn" if abs(pull) > 3 else ""
                )
        rows.append(row)
    used = [
        c
        for c in VALUE_COLUMNS
        if any(row.get(c["key"], {}).get("text") not in (None, "", "–") for row in rows)
    ]
    return used, rows


def _turned(difference: float, period: float) -> float:
    if not math.isfinite(period):
        return difference
    return (difference + period / 2) % period - period / 2


def _remark(problem: engine.Problem, result: engine.FitResult, parameter: Any) -> tuple[str, str]:
    if parameter.key in result.at_bounds:
        value = result.all_values[parameter.key]
        side = "lower" if abs(value - parameter.lower) < abs(value - parameter.upper) else "upper"
        return f"at its {side} bound {value:.4g}: not measured", "warn"
    if parameter.link is not None:
        return f"= {parameter.link.text}", ""
    if not parameter.free:
        return "fixed", ""
    return (f"prior {parameter.prior}", "") if parameter.prior is not None else ("", "")


DIAGNOSTIC_COLUMNS = [
    column("name", "Parameter", number=False),
    column("rhat", "R-hat", "Rank-normalized split R-hat; 1 when the chains agree.", largest_first=True),
    column("ess_bulk", "ESS bulk", "Effective sample size for the middle of the posterior."),
    column("ess_tail", "ESS tail", "Effective sample size for its 5 % and 95 % quantiles."),
    column("mcse", "MCSE", "Monte Carlo standard error of the mean."),
    column(
        "share",
        "MCSE / sd",
        "Standard error of the mean over the posterior's standard deviation.",
        largest_first=True,
    ),
    column("words", "In words", number=False),
]


def diagnostics_table(result: engine.FitResult, labels: Mapping[str, str]) -> list[Row]:
    """One row a parameter, with words where a figure is bad. For results with draws."""
    assert result.draws is not None
    needed = ESS_LIMIT
    rows: list[Row] = []
    for i, name in enumerate(result.names):
        rhat, bulk, tail, mcse = (
            math.nan if figures is None else float(figures[i])
            for figures in (result.rhat, result.ess_bulk, result.ess_tail, result.mcse)
        )
        words = []
        if not rhat < RHAT_LIMIT:
            words.append("chains disagree" if math.isfinite(rhat) else "R-hat cannot be told")
        if not bulk > needed:
            words.append(f"fewer than {needed} effective draws")
        elif not tail > needed:
            words.append("tails from few effective draws")
        sigma = float(result.uncertainties[i])
        rows.append(
            {
                "name": {"text": labels.get(name, name), "title": name},
                "rhat": number_cell(rhat, f"{rhat:.4f}", "" if rhat < RHAT_LIMIT else "bad"),
                "ess_bulk": number_cell(bulk, f"{bulk:.0f}", "" if bulk > needed else "bad"),
                "ess_tail": number_cell(tail, f"{tail:.0f}", "" if tail > needed else "warn"),
                "mcse": number_cell(mcse, f"{mcse:.2g}"),
                "share": number_cell(mcse / sigma, f"{mcse / sigma:.2g}") if sigma > 0 else number_cell(None),
                "words": {
                    "text": "; ".join(words) or "good",
                    "kind": "bad"
                    if not rhat < RHAT_LIMIT or not bulk > needed
                    else "warn"
                    if words
                    else "good",
                },
            }
        )
    return rows


def diagnostics_words(result: engine.FitResult, labels: Mapping[str, str]) -> str:
    """The diagnostics in two sentences: the worst parameter and how many are bad."""
    if result.rhat is None or result.ess_bulk is None or result.draws is None:
        return "This run has no diagnostics."
    rows = diagnostics_table(result, labels)
    bad = [row["name"]["text"] for row in rows if row["words"]["kind"] == "bad"]
    worst = int(np.argmax(np.nan_to_num(result.rhat, nan=np.inf)))
    least = int(np.argmin(np.nan_to_num(result.ess_bulk, nan=0.0)))
    chains, draws, _ = result.draws.shape
    said = (
        f"{chains} chains of {draws} draws. The largest R-hat is {result.rhat[worst]:.4f} "
        f"({labels.get(result.names[worst], result.names[worst])}), the fewest effective draws "
        f"{result.ess_bulk[least]:.0f} "
        f"({labels.get(result.names[least], result.names[least])})."
    )
    if bad:
        return f"{said} Not to be relied on: {', '.join(bad)}."
    return f"{said} Every parameter passes: R-hat below {RHAT_LIMIT}."


def sampler_rows(result: engine.FitResult) -> list[tuple[str, str, str]]:
    """What the sampler tells of each chain, as (figure, values of the chains, words)."""
    stats = result.sample_stats
    found: list[tuple[str, str, str]] = []
    if "energy" in stats and stats["energy"].shape[1] > 1:
        values = bfmi(stats["energy"])
        low = int((values < BFMI_LIMIT).sum())
        words = (
            f"below {BFMI_LIMIT} in {low} chains: tails explored slowly"
            if low
            else f"above {BFMI_LIMIT}: good"
        )
        found.append(("E-BFMI", _chains(values, ".2f"), words))
    rate = next((stats[key] for key in ("acceptance_rate", "accepted") if key in stats), None)
    if rate is not None:
        mean = float(np.nanmean(rate))
        words = "few proposals are taken" if mean < 0.1 else ""
        found.append(("Acceptance rate", _chains(np.nanmean(rate, axis=1), ".2f"), words))
    if "diverging" in stats:
        counts = stats["diverging"].sum(axis=1)
        words = (
            "none: good"
            if not counts.any()
            else "marked by crosses in the corner plot; raise target_acceptance"
        )
        found.append(("Divergences", _chains(counts, ".0f"), words))
    if "tree_depth" in stats:
        depth = stats["tree_depth"]
        found.append(("Tree depth, mean", _chains(depth.mean(axis=1), ".1f"), f"at most {depth.max():.0f}"))
    leaps = result.fitter in ("nuts", "hmc", "ensemble-hmc")
    steps = "Leapfrog steps a draw" if leaps else "Tries a draw"
    for key, title in (("n_steps", steps), ("step_size", "Step size")):
        if key in stats:
            found.append((title, _chains(stats[key].mean(axis=1), ".3g"), ""))
    return found


def _chains(values: np.ndarray, form: str) -> str:
    return ", ".join(f"{value:{form}}" for value in values)


def option_rows(result: engine.FitResult) -> list[tuple[str, str, str, bool]]:
    """(name, value, explanation, whether it differs from the default) of each option that was used."""
    kind = registry().get(result.fitter)
    found = []
    for name, value in result.options.items():
        declared = kind.param[name] if kind is not None and name in kind.param else None
        changed = declared is not None and declared.default != value and str(declared.default) != str(value)
        found.append((name, str(value), str(declared.doc or "") if declared is not None else "", changed))
    return found


def strongest_pairs(result: engine.FitResult, labels: Mapping[str, str], most: int = 40) -> list[Row]:
    """Pairs of parameters by the size of their correlation, as rows of a table."""
    matrix = result.correlation
    pairs = [
        (abs(matrix[i, j]), i, j) for i in range(len(matrix)) for j in range(i) if np.isfinite(matrix[i, j])
    ]
    rows: list[Row] = []
    for size, i, j in sorted(pairs, reverse=True)[:most]:
        words = "hardly told apart" if size > 0.99 else "strong" if size > STRONG else ""
        rows.append(
            {
                "one": {"text": labels.get(result.names[j], result.names[j])},
                "other": {"text": labels.get(result.names[i], result.names[i])},
                "size": number_cell(float(size), f"{matrix[i, j]:+.3f}"),
                "words": {"text": words, "kind": "warn" if size > 0.99 else ""},
            }
        )
    return rows


PAIR_COLUMNS = [
    column("one", "Parameter", number=False),
    column("other", "and", number=False),
    column("size", "Correlation", largest_first=True),
    column("words", "In words", number=False),
]


def weakest_direction(result: engine.FitResult, labels: Mapping[str, str], terms: int = 4) -> str:
    """The combination of parameters that the data constrain least, in units of their uncertainties; in words."""
    known = np.flatnonzero(np.isfinite(np.diag(result.covariance)) & (np.diag(result.covariance) > 0))
    if known.size < 2:
        return ""
    matrix = result.correlation[np.ix_(known, known)]
    values, vectors = np.linalg.eigh(matrix)
    weakest = vectors[:, -1]
    order = np.argsort(-np.abs(weakest))[:terms]
    sign = np.sign(weakest[order[0]])
    parts = [
        f"{sign * weakest[i]:+.2f} {labels.get(result.names[known[i]], result.names[known[i]])}"
        for i in order
    ]
    smallest = values[0]
    tail = (
        f" The best constrained combination is {math.sqrt(values[-1] / max(smallest, 1e-300)):.0f} times narrower."
        if smallest > 0
        else ""
    )
    return f"Least constrained, in units of the uncertainties: {' '.join(parts)}.{tail}"


def history_columns(history: Mapping[str, Sequence[Any]]) -> list[str]:
    """Columns of a history that can be drawn against the step: numbers, more than one of them."""
    found = []
    for name, values in history.items():
        numbers = [
            v for v in values if isinstance(v, int | float) and not isinstance(v, bool) and math.isfinite(v)
        ]
        if name != "step" and len(numbers) > 1:
            found.append(name)
    return found
