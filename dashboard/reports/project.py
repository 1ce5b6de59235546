"""The notebook of a project as a report, and what its page shows of it.

Everything here takes and gives plain values, since it runs in a worker process.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import engine
from dashboard.reports import compose
from dashboard.reports.document import Block, Code, Document, Figure, Heading, Note, Printed
from dashboard.reports.export import as_bytes
from dashboard.reports.inputs import gathered
from dashboard.reports.sections import beginning, comparison, sections, together
from dashboard.reports.static import picture


def document(journal: Mapping[str, Any], scratch: Path) -> Document:
    """The report of a project: what matters, then its notebook without what is hidden, then where it comes from.

    DescriptionError when no fit of it has ended yet.
    """
    told, fits, names = sections(journal)
    if not fits:
        raise engine.DescriptionError("There is no finished fit to report yet. Fit first, then export.")
    middle: list[Block] = [Heading("Notebook"), Code(beginning(journal, names))]
    for one in told:
        if not one.hidden:
            middle += [Heading(one.title, 3), *one.blocks]
    best = sorted(
        together(list(fits.values())), key=lambda fit: (not fit.result.converged, fit.result.chi2_dof)
    )
    compared = any(entry["kind"] == "comparison" for entry in journal["entries"])
    left = {one.run_id for one in told if one.run_id and not one.hidden}
    shown = together([fit for run_id, fit in fits.items() if run_id in left])
    if len(shown) > 1 and not compared:
        middle += [Heading("Comparison", 3), *comparison(shown, list(fits.values()))]
    called = {file["path"]: Path(names[key]).name for key, file in journal["files"].items()}
    description, inputs = gathered(best[0].problem.describe(), called, scratch)
    report = compose.report(journal["title"], best, description, inputs=inputs, middle=middle)
    files = {name: Path(journal["files"][key]["path"]) for key, name in names.items()}
    return replace(report, inputs={**inputs, **files})


def export(argument: dict[str, Any], send: Callable[[Any], None], should_stop: Callable[[], bool]) -> Any:
    """In a worker: the report as bytes. ``argument`` is a journal with ``export``: html, zip or pdf.

    Returns ``content`` or, where there is nothing to report yet, ``error``.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="residua-report-") as scratch:
            send({"type": "note", "note": "reading the fits"})
            made = document(argument, Path(scratch))
            send({"type": "note", "note": f"writing the {argument['export']}"})
            return {"content": as_bytes(made, argument["export"])}
    except engine.EngineError as error:
        return {"error": str(error)}


def draw(argument: dict[str, Any], send: Callable[[Any], None], should_stop: Callable[[], bool]) -> Any:
    """In a worker: what each entry is called and shows on the page, ``{id: {title, moved, source, outputs}}``.

    ``argument`` is a journal; a fit or image that cannot be read any more shows its sentence. With ``words``,
    cells that show the same wherever they stand come without ``outputs``.
    """
    try:
        told, _, _ = sections(argument)
    except engine.EngineError as error:
        return {"error": str(error)}
    words = argument.get("words", False)
    shown = {}
    for number, one in enumerate(told, start=1):
        if should_stop():
            break
        fixed = words and one.kind != "comparison"
        if not fixed:
            send({"type": "note", "note": f"drawing {number} of {len(told)}"})
        sources, outputs = [], []
        for block in one.blocks:
            match block:
                case Code(text):
                    sources.append(text)
                case Printed(text):
                    outputs.append({"kind": "text", "text": text})
                case Note(_, text):
                    outputs.append({"kind": "text", "text": text})
                case Figure() if not fixed:
                    outputs.append({"kind": "figure", "svg": picture(block).svg()})
        cell = {"title": one.title, "moved": one.moved, "source": "\n\n".join(sources)}
        shown[one.id] = cell if fixed else {**cell, "outputs": outputs}
    return {"cells": shown}
