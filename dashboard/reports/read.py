"""Fits for a report, from the folders that they left."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import engine
from dashboard.reports.compose import LOADING, report, variable
from dashboard.reports.document import Code, Document, Fit
from dashboard.reports.inputs import gathered
from engine import fitters


def report_of_folder(folder: Path, scratch: Path) -> Document:
    """The report of a folder that ``residua fit`` or ``residua compare`` wrote.

    DescriptionError when it holds no finished run; ImageError when the images the fit was made of are gone.
    """
    compared = folder / "compare.json"
    if not compared.is_file():
        return report_of_fits([(folder, read_fit(folder))], folder, scratch)
    rows = json.loads(compared.read_text(encoding="utf-8"))["fitters"]
    found = [folder / row["folder"] for row in rows if "folder" in row]
    if not found:
        raise engine.DescriptionError(f"{compared} tells of no fit that came to an end. Fit again.")
    return report_of_fits([(one, read_fit(one)) for one in found], folder, scratch)


def report_of_fits(found: list[tuple[Path, Fit]], folder: Path, scratch: Path, title: str = "") -> Document:
    """The report of fits and their folders, to lie in ``folder``."""
    fits = named([fit for _, fit in found])
    # The one to tell of first: converged, and lowest.
    order = sorted(range(len(fits)), key=lambda at: (not fits[at].result.converged, fits[at].result.chi2_dof))
    fits, folders = [fits[at] for at in order], [found[at][0] for at in order]
    start = start_of(fits[0].problem)
    # A run's own description stands at the result, so its notebook goes back to the start.
    path = (folders[0] / "fit.yaml").relative_to(folder).as_posix()
    values = {
        name: float(value) for name, value in zip(fits[0].problem.names, fits[0].problem.values, strict=True)
    }
    description, inputs = gathered(start, {}, scratch)
    title = title or f"{fits[0].label} of {fits[0].problem.image.name}"
    if len(fits) > 1:
        title = f"{len(fits)} fits of {fits[0].problem.image.name}"
    items = textwrap.wrap(", ".join(f"{name!r}: {value!r}" for name, value in values.items()), 100)
    start_values = "\n".join(f"    {line}" for line in items)
    loading = f'start = {{\n{start_values}\n}}\nproblem = engine.load("{path}").started(start)'
    return report(title, fits, description, inputs=inputs, loading=loading)


def read_fit(folder: Path) -> Fit:
    """The fit in a run's folder."""
    result = engine.read_run(folder)
    record: Mapping[str, Any] = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    problem = engine.load(folder / "fit.yaml")
    if record.get("start"):
        problem = problem.started({name: float(value) for name, value in record["start"].items()})
    return Fit(label_of(result.fitter), "", problem, result, record.get("versions") or {})


def named(fits: list[Fit]) -> list[Fit]:
    """The fits with labels and Python names that differ."""
    labels: list[str] = []
    names: list[str] = []
    for one in fits:
        label, number = one.label, 2
        while label in labels:
            label, number = f"{one.label} {number}", number + 1
        labels.append(label)
        names.append(variable(one.result.fitter if label == one.label else label, names))
    return [
        replace(one, label=label, variable=name) for one, label, name in zip(fits, labels, names, strict=True)
    ]


def label_of(fitter: str) -> str:
    """The fitter's title, for people."""
    kinds = fitters.registry()
    return " + ".join(kinds[part].title if part in kinds else part for part in fitter.split("+"))


def start_of(problem: engine.Problem) -> dict[str, Any]:
    """The description of a problem at its start."""
    return dict(problem.describe())


def portable(document: Document) -> Document:
    """The same report for a zip, where fit.yaml stands at the start and its data lie beside it."""
    blocks = []
    for block in document.blocks:
        if isinstance(block, Code) and "problem = engine.load(" in block.source:
            head, _, rest = block.source.partition("start = {")
            block = Code(f"{head}{LOADING}\n{rest.rpartition(chr(10))[2]}")
        blocks.append(block)
    return replace(document, blocks=tuple(blocks))
