"""What a comparison says, as text and tables: every name that people or files gave is escaped."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

from dashboard.views.verdict import icon
from engine.compare import AGREE, Agreement, Blame, Cost, Criteria, Finish

MEDAL = {"gold": "1st", "silver": "2nd", "bronze": "3rd"}
MOST_CAUSES = 12
NO_RUNS = (
    '<div class="void"><h2>Tick two runs</h2><p class="muted">Residual maps, race, parameters in sigma and a verdict '
    "appear here. Or press Run all fitters.</p></div>"
)
NO_PROJECT = (
    '<div class="void"><h2>Nothing to compare yet</h2><p class="muted">Choose runs in the list of a project.</p>'
    '<p><a href="/">All projects</a></p></div>'
)


def verdict_note(verdict: str, groups: Sequence[Sequence[str]], unfinished: Sequence[str]) -> str:
    """The verdict as the head of the page."""
    good = len(groups) == 1 and len(groups[0]) > 1 and not unfinished
    kind, word = ("good", "They agree") if good else ("warn", "Look closer")
    return (
        f'<div class="note {kind}" role="status" aria-label="Verdict">{icon(kind)}'
        f'<p class="verdict-line"><b>{word}.</b> {escape(verdict)}</p></div>'
    )


def matrix(
    labels: Sequence[str], agreement: Agreement, overlap: Sequence[Sequence[float]], denominator: str
) -> str:
    """Largest tension of each two runs, in which parameter, and the smallest overlap of their posteriors."""
    head = "".join(f'<th scope="col" class="right">{escape(label)}</th>' for label in labels)
    lines = []
    for i, label in enumerate(labels):
        cells = []
        for j in range(len(labels)):
            apart = float(agreement.worst[i, j])
            if i == j:
                cells.append('<td class="muted">·</td>')
            elif not math.isfinite(apart):
                cells.append('<td class="muted">unknown</td>')
            else:
                shared = overlap[i][j]
                more = "" if not math.isfinite(shared) else f"overlap {100 * shared:.0f} %"
                name = escape(agreement.worst_parameter[i][j])
                cells.append(
                    f'<td class="num {"far" if apart > AGREE else ""}"><b>{apart:.2f} σ</b>'
                    f'<small title="{name}">{name}</small><small>{more}</small></td>'
                )
        lines.append(f'<tr><th scope="row">{escape(label)}</th>{"".join(cells)}</tr>')
    return (
        f'<table class="facts matrix" aria-label="Tension between runs"><thead><tr><th></th>{head}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table>"
        '<p class="muted small">Largest difference over all common parameters, in which one it is, and how much of '
        f"the least alike posteriors overlaps. Above {AGREE:g} σ the cell is tinted. {escape(denominator)}</p>"
    )


def race_words(finishes: Sequence[Finish]) -> str:
    """Who won, as a sentence and a table."""
    if not finishes:
        return ""
    arrived = [one for one in finishes if one.seconds is not None]
    winner = min(arrived, key=lambda one: one.seconds or 0.0, default=None)
    sentence = (
        f"{winner.label} came first within Δχ² = 1 of the best, after {winner.seconds:.3g} s"
        f" and {winner.evaluations:.0f} evaluations. {len(arrived)} of {len(finishes)} arrived."
        if winner
        else "Nobody has come within Δχ² = 1 of the best."
    )
    lines = []
    for one in sorted(finishes, key=lambda one: (one.seconds is None, one.seconds or 0.0)):
        cells = "".join(
            f'<td class="num right">{_medal(one, axis)}{_amount(getattr(one, axis))}</td>'
            for axis in ("step", "evaluations", "seconds")
        )
        lines.append(
            f'<tr><th scope="row">{escape(one.label)}</th>{cells}<td class="num right">{one.excess:.3g}</td></tr>'
        )
    return (
        f'<p>{escape(sentence)}</p><table class="facts" aria-label="Race"><thead><tr><th>Within Δχ² = 1</th>'
        '<th class="right">at step</th><th class="right">evaluations</th><th class="right">seconds</th>'
        '<th class="right" title="Lowest chi2 less that of the best">Δχ² left</th></tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table>"
        '<p class="muted small">Evaluations count each Jacobian as one. Samplers start with a fit, and its steps are '
        "theirs too.</p>"
    )


def _medal(one: Finish, axis: str) -> str:
    name = one.medals.get(axis)
    return f'<span class="medal {name}" title="{name}">{MEDAL[name]}</span> ' if name else ""


def _amount(value: float | None) -> str:
    return "never" if value is None else f"{value:.4g}"


def blame_words(found: Blame) -> str:
    """Which parameters make two models differ in a pixel."""
    sigma = found.noise
    size = f"{found.difference:.4g}"
    if math.isfinite(sigma):
        size += f", {found.difference / sigma:.2g} σ of the noise"
    largest = max((abs(cause.contribution) for cause in found.causes), default=0.0) or 1.0
    lines = []
    for cause in found.causes[:MOST_CAUSES]:
        width = max(2, round(90 * abs(cause.contribution) / largest))
        change = "" if not math.isfinite(cause.difference) else f"{cause.difference:+.3g}"
        lines.append(
            f'<tr><th scope="row">{escape(cause.name)}</th><td class="num right">{change}</td>'
            f'<td class="num right">{cause.contribution:+.3g}</td><td><span class="blame-bar '
            f'{"minus" if cause.contribution < 0 else ""}" style="width:{width}px"></span></td></tr>'
        )
    rest = len(found.causes) - MOST_CAUSES
    others = sum(cause.contribution for cause in found.causes[MOST_CAUSES:])
    closing = [(f"{rest} others", others)] if rest > 0 else []
    for name, amount in [*closing, ("not explained", found.remainder)]:
        lines.append(
            f'<tr><th scope="row" class="muted">{name}</th><td></td><td class="num right">{amount:+.3g}</td>'
            "<td></td></tr>"
        )
    return (
        f"<p>At x {found.x}, y {found.y} the model of <b>{escape(found.high)}</b> lies {size} above that of "
        f"<b>{escape(found.low)}</b>. What makes the difference:</p>"
        '<table class="facts" aria-label="Blame"><thead><tr><th>Parameter</th><th class="right">differs by</th>'
        f'<th class="right">in this pixel</th><th></th></tr></thead><tbody>{"".join(lines)}</tbody></table>'
    )


def criteria_words(rows: Sequence[Criteria], caution: str) -> str:
    """AIC, BIC and LOO, each relative to its lowest."""
    same = len({row.parameters for row in rows}) == 1
    lows = {name: _lowest([getattr(row, name) for row in rows]) for name in ("aic", "bic", "loo")}
    lines = []
    for row in rows:
        cells = "".join(
            f'<td class="num right">{_above(getattr(row, name), lows[name])}{_se(row) if name == "loo" else ""}</td>'
            for name in ("aic", "bic", "loo")
        )
        lines.append(
            f'<tr><th scope="row">{escape(row.label)}</th><td class="num right">{row.parameters}</td>'
            f'<td class="num right">{row.deviance:.2f}</td>{cells}</tr>'
        )
    notes = [caution] if caution else []
    if same and len(rows) > 1:
        notes.append(
            "All runs have as many free parameters: where the model is the same too, these say no more than χ²."
        )
    notes += [f"{row.label}: {row.note}" for row in rows if row.note and row.loo is not None]
    return (
        '<table class="facts" aria-label="Information criteria"><thead><tr><th>Model</th><th class="right">free</th>'
        '<th class="right">−2 ln L</th><th class="right">AIC − lowest</th><th class="right">BIC − lowest</th>'
        f'<th class="right">LOO − lowest</th></tr></thead><tbody>{"".join(lines)}</tbody></table>'
        f'<p class="muted small">{escape(" ".join(notes))}</p>'
    )


def _lowest(values: Sequence[float | None]) -> float:
    return min((value for value in values if value is not None), default=math.nan)


def _above(value: float | None, lowest: float) -> str:
    return "–" if value is None else f"{value - lowest:.2f}"


def _se(row: Criteria) -> str:
    return f" ± {row.loo_se:.2g}" if row.loo is not None and row.loo_se else ""


def cost_words(rows: Sequence[Cost]) -> str:
    """What each run cost."""
    quickest = min(rows, key=lambda row: row.seconds)
    sentence = f"{quickest.label} was quickest, {quickest.seconds:.3g} s."
    samplers = [row for row in rows if row.ess_per_second is not None]
    if samplers:
        most = max(samplers, key=lambda row: row.ess_per_second or 0.0)
        sentence += f" {most.label} drew most effective samples a second, {most.ess_per_second:.3g}."
    lines = "".join(
        f'<tr><th scope="row">{escape(row.label)}</th><td class="num right">{row.seconds:.3g}</td>'
        f'<td class="num right">{row.evaluations}</td><td class="num right">{row.jacobians}</td>'
        f'<td class="num right">{_memory(row.peak_memory)}</td>'
        f'<td class="num right">{_plain(row.ess)}</td><td class="num right">{_plain(row.ess_per_second)}</td></tr>'
        for row in rows
    )
    return (
        f'<p>{escape(sentence)}</p><table class="facts" aria-label="Costs"><thead><tr><th>Run</th>'
        '<th class="right">seconds</th><th class="right">evaluations</th><th class="right">Jacobians</th>'
        '<th class="right">peak memory</th>'
        '<th class="right">effective draws</th><th class="right">of them a second</th></tr></thead>'
        f"<tbody>{lines}</tbody></table>"
        '<p class="muted small">Memory beyond what the worker used before. Effective draws are those of the worst '
        "parameter.</p>"
    )


def _memory(count: int | None) -> str:
    return "–" if count is None else f"{count / 1e6:.3g} MB"


def _plain(value: float | None) -> str:
    return "–" if value is None or not math.isfinite(value) else f"{value:.3g}"


def missing_words(missing: Sequence[tuple[str, str]], going: Mapping[str, str]) -> str:
    """Runs of the selection that are not in the comparison (yet)."""
    lines = [f"<li><b>{escape(label)}</b> {escape(word)}</li>" for label, word in going.items()]
    lines += [f"<li><b>{escape(label)}</b> {escape(reason)}</li>" for label, reason in missing]
    return (
        f'<ul class="muted small" role="status" aria-label="Not compared">{"".join(lines)}</ul>'
        if lines
        else ""
    )
