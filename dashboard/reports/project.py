"""The notebook of a project as a report: its journal, each action a cell of Python with what it shows.

Everything here takes and gives plain values, since it runs in a worker process.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import engine
from dashboard.reports import compose, edits
from dashboard.reports.document import Block, Code, Document, Figure, Fit, Heading, Note, Printed, Prose
from dashboard.reports.export import as_bytes
from dashboard.reports.inputs import FOLDER, gathered
from dashboard.reports.read import label_of
from dashboard.reports.static import picture

_REFERENCE = re.compile(r"file:([a-z0-9]+)")
FIRST = "import engine\nfrom engine import plots\n\ndescription = {!r}"
SKY = "{'name': 'sky', 'model': 'flat sky'}"


def sections(journal: Mapping[str, Any]) -> tuple[list[tuple[str, str, list[Block]]], list[Fit]]:
    """(entry's id, title, blocks) of each entry in the order of the journal, and the fits that ended.

    Args:
        journal: ``entries`` (as dicts), ``runs`` by id (fitter, status, message, folder, description with paths)
            and ``files`` by id (path, name).
    """
    fits: dict[str, Fit] = {}
    taken: list[str] = []
    for run_id, run in journal["runs"].items():
        if run["status"] == "finished":
            result = engine.read_run(run["folder"])
            name = compose.variable(result.fitter, taken)
            taken.append(name)
            label = label_of(result.fitter)
            number = sum(one.label.startswith(label) for one in fits.values()) + 1
            label = label if number == 1 else f"{label} {number}"
            fits[run_id] = Fit(label, name, engine.load(run["description"]), result)
    found: list[tuple[str, str, list[Block]]] = []
    latest: Fit | None = None
    names = _names(journal["files"])
    for entry in journal["entries"]:
        note = [Prose(entry["note"])] if entry["note"].strip() else []
        if entry["kind"] == "note":
            found.append((entry["id"], "Note", [*note]))
        elif entry["kind"] == "edit":
            title, blocks = _edit(entry, latest, names, journal["files"])
            found.append((entry["id"], title, [*note, *blocks]))
        else:
            fit = fits.get(entry["run_id"])
            title, blocks = _run(journal["runs"].get(entry["run_id"]), fit)
            latest = fit or latest
            found.append((entry["id"], title, [*note, *blocks]))
    return found, list(fits.values())


def document(journal: Mapping[str, Any], scratch: Path) -> Document:
    """The report of a project: what matters, then its notebook without what is hidden, then where it comes from.

    DescriptionError when no fit of it has ended yet.
    """
    told, fits = sections(journal)
    names = _names(journal["files"])
    if not fits:
        raise engine.DescriptionError("There is no finished fit to report yet. Fit first, then export.")
    hidden = {entry["id"] for entry in journal["entries"] if entry["hidden"]}
    middle: list[Block] = [Heading("Notebook"), Code(_named(FIRST.format(_beginning(journal)), names))]
    for identifier, title, blocks in told:
        if identifier not in hidden:
            middle += [Heading(title, 3), *blocks]
    best = sorted(fits, key=lambda fit: (not fit.result.converged, fit.result.chi2_dof))
    if len(best) > 1:
        middle += _comparison(best)
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
    """In a worker: what each entry is called and shows on the page, ``{id: {title, source, outputs}}``.

    ``argument`` is a journal; a fit or image that cannot be read any more shows its sentence.
    """
    try:
        told, _ = sections(argument)
    except engine.EngineError as error:
        return {"error": str(error)}
    shown = {}
    for number, (identifier, title, blocks) in enumerate(told, start=1):
        if should_stop():
            break
        send({"type": "note", "note": f"drawing {number} of {len(told)}"})
        source, outputs = "", []
        for block in blocks:
            match block:
                case Code(text):
                    source = text
                case Printed(text):
                    outputs.append({"kind": "text", "text": text})
                case Note(_, text):
                    outputs.append({"kind": "text", "text": text})
                case Figure():
                    outputs.append({"kind": "figure", "svg": picture(block).svg()})
        shown[identifier] = {"title": title, "source": source, "outputs": outputs}
    return {"cells": shown}


def _edit(
    entry: Mapping[str, Any], latest: Fit | None, names: Mapping[str, str], files: Mapping[str, Any]
) -> tuple[str, list[Block]]:
    before, after = entry["before"] or edits.START, entry["after"] or edits.START
    if latest is not None and _adopted(after, latest):
        source = f'description["components"] = problem.describe({latest.variable}.values)["components"]'
        return f"Values of {latest.label} taken over", [Code(source)]
    lines = edits.statements(before, after)
    source = _named("\n".join(lines), names)
    title = edits.title(before, after)
    if "Image loaded" not in title:
        return title, [Code(source)]
    looked = f"plots.image(engine.load({{**description, 'components': [{SKY}]}}).image)"
    blocks: list[Block] = [Code(f"{source}\n{looked}")]
    image = _image(after, files)
    if image is not None:
        blocks.append(Figure("image", (image,), "The data."))
    return title, blocks


def _named(source: str, names: Mapping[str, str]) -> str:
    """Source with the names of files in place of the store's references."""
    return _REFERENCE.sub(lambda found: names.get(found[1], f"{FOLDER}/{found[1]}"), source)


def _beginning(journal: Mapping[str, Any]) -> dict[str, Any]:
    """The description that the first recorded action found: of a new project, an empty one."""
    for entry in journal["entries"]:
        if entry["kind"] == "edit":
            return dict(entry["before"] or edits.START)
        if entry["kind"] == "run" and entry["run_id"] in journal["runs"]:
            return dict(journal["runs"][entry["run_id"]]["stored"])
    return edits.START


def _image(description: Mapping[str, Any], files: Mapping[str, Any]) -> Fit | None:
    """The image of a description alone, in the clothes of a fit that did not begin."""
    entries = [
        {
            key: _REFERENCE.sub(lambda found: files[found[1]]["path"], value)
            if isinstance(value, str) and value.startswith("file:")
            else value
            for key, value in one.items()
        }
        for one in description["images"]
    ]
    try:
        problem = engine.load(
            {"residua": 1, "images": entries, "components": [{"name": "sky", "model": "flat sky"}]}
        )
        result = engine.fit(problem, "lm", max_steps=1, seed=0)
    except (engine.EngineError, KeyError):
        return None
    return Fit("data", "image", problem, result)


def _run(run: Mapping[str, Any] | None, fit: Fit | None) -> tuple[str, list[Block]]:
    if run is None:
        return "A fit that was deleted", [Note("info", "This run was deleted.")]
    if fit is None:
        return f"{label_of(run['fitter'])}: {run['status']}", [Note("warn", run["message"])]
    source = (
        f"problem = engine.load(description)\n{fit.variable} = {compose.call(fit)}\n"
        f"print({fit.variable})\nplots.maps(problem, {fit.variable})"
    )
    shown = Figure("maps", (fit,), "Data, model, and residual in units of the noise.")
    return f"Fit by {fit.label}", [Code(source), Printed(str(fit.result)), shown]


def _comparison(fits: list[Fit]) -> list[Block]:
    pairs = ", ".join(f'"{one.label}": {one.variable}' for one in fits)
    return [
        Heading("Comparison", 3),
        Code(f"results = {{{pairs}}}\nprint(engine.compare(problem, results).verdict)\nplots.race(results)"),
        Printed(compose.agreement(fits)),
        Figure("race", tuple(fits), "χ² per degree of freedom above the lowest, against time."),
    ]


def _adopted(after: Mapping[str, Any], latest: Fit) -> bool:
    """Whether a description stands at the values that a fit arrived at."""
    values = latest.result.all_values
    free = set(latest.result.names)
    found = 0
    for component in after.get("components") or ():
        for name, written in (component.get("parameters") or {}).items():
            value: Any = written.get("value") if isinstance(written, Mapping) else written
            pair = name == "center" and isinstance(value, list)
            for part, number in zip((".x", ".y"), value, strict=True) if pair else [("", value)]:
                key = f"{component['name']}.{name}{part}"
                if key not in free:
                    continue
                if not isinstance(number, int | float) or not np.isclose(
                    number, values[key], rtol=1e-9, atol=0
                ):
                    return False
                found += 1
    return found == len(free)


def _names(files: Mapping[str, Any]) -> dict[str, str]:
    """The name under data/ of each file, by id."""
    names: dict[str, str] = {}
    for identifier, file in files.items():
        told, _ = gathered({"images": [{"data": file["path"]}]}, {file["path"]: file["name"]}, Path())
        wanted = told["images"][0]["data"]
        name, number = wanted, 2
        while name in names.values():
            name, number = f"{FOLDER}/{number}-{Path(wanted).name}", number + 1
        names[identifier] = name
    return names
