"""How a fit ended, in words: status sentence, chi2_dof, cost, warnings, and the files to take home."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

ICONS = {
    "good": '<circle cx="8" cy="8" r="6"/><path d="M5.3 8.2l1.9 1.9 3.6-4"/>',
    "warn": '<path d="M8 2.5 14.2 13H1.8z"/><path d="M8 6.5v3M8 11.2v.1"/>',
    "bad": '<circle cx="8" cy="8" r="6"/><path d="M5.8 5.8l4.4 4.4M10.2 5.8l-4.4 4.4"/>',
    "info": '<circle cx="8" cy="8" r="6"/><path d="M8 7.3v3.4M8 5v.1"/>',
}
DOWNLOADS = (
    ("all.zip", "everything in one archive"),
    ("result.json", "numbers, status, versions and hashes"),
    ("images.fits", "data, model, residual, residual / sigma, components"),
    ("parameters.ecsv", "table of parameters"),
    ("fit.yaml", "fit description, to run again"),
)
DRAWS_DOWNLOADS = (("draws.nc", "draws of the posterior, netCDF, for ArviZ"),)


def icon(kind: str) -> str:
    """An inline picture; the words beside it carry the meaning."""
    return (
        '<svg viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" '
        f'stroke-linejoin="round" aria-hidden="true">{ICONS[kind]}</svg>'
    )


def note(kind: str, text: str) -> str:
    """One sentence with its icon; ``text`` is escaped."""
    return f'<div class="note {kind if kind != "info" else ""}">{icon(kind)}<span>{escape(text)}</span></div>'


def verdict(
    *,
    kind: str,
    message: str,
    figures: Sequence[tuple[str, str]],
    warnings: Sequence[str],
    notes: Sequence[str],
    derived: Sequence[Mapping[str, str]],
    stale: bool,
) -> str:
    """HTML of the verdict. ``figures`` are (name, value) pairs; ``stale`` when values changed since the fit."""
    numbers = "".join(
        f"<div><dt>{escape(name)}</dt><dd class='num'>{escape(value)}</dd></div>" for name, value in figures
    )
    parts = [note(kind, message), f'<dl class="figures">{numbers}</dl>' if numbers else ""]
    if stale:
        parts.append(note("info", "The values were changed since this fit. Fit again to get uncertainties."))
    parts += [note("warn", text) for text in warnings] + [note("info", text) for text in notes]
    parts.append(_derived(derived))
    return f'<div class="stack verdict">{"".join(parts)}</div>'


def _derived(rows: Sequence[Mapping[str, str]]) -> str:
    """A folded table of derived quantities, component by component."""
    if not rows:
        return ""
    lines, component = [], None
    for row in rows:
        if row["component"] != component:
            component = row["component"]
            lines.append(f'<tr><th colspan="2" scope="rowgroup">{escape(component)}</th></tr>')
        unit = f' <span class="muted">{escape(row["unit"])}</span>' if row["unit"] else ""
        lines.append(
            f'<tr title="{escape(row["help"])}"><td>{escape(row["name"])}</td>'
            f'<td class="num">{escape(row["value"])}{unit}</td></tr>'
        )
    return f'<details><summary>Derived quantities</summary><table class="derived">{"".join(lines)}</table></details>'


def downloads(run_id: str, *, draws: bool = False) -> str:
    """Links to the files of a run, with those of its ``draws`` where it has any."""
    files = (*DOWNLOADS, *(DRAWS_DOWNLOADS if draws else ()))
    links = "".join(
        f'<li><a href="/api/runs/{escape(run_id)}/files/{name}" download title="{escape(what)}">{name}</a></li>'
        for name, what in files
    )
    title = '<h2 class="section">Files</h2>'
    return f'<nav aria-label="Files of this run">{title}<ul class="files-of-run">{links}</ul></nav>'
