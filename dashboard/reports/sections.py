"""The journal of a project as the cells of a notebook: each action as Python with what it shows.

A cell's code leads on from the cells above it, whatever order people gave them and whatever they hid: so the notebook
runs from top to bottom and gives the numbers of the runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import engine
from dashboard.reports import compose, edits
from dashboard.reports.document import Block, Code, Figure, Fit, Note, Printed, Prose
from dashboard.reports.inputs import FOLDER, gathered
from dashboard.reports.read import label_of
from engine.compare import differing_images

_REFERENCE = re.compile(r"file:([a-z0-9]+)")
_FIRST = "import engine\nfrom engine import plots\n\ndescription = {!r}"
_SKY = {"name": "sky", "model": "flat sky"}


@dataclass(frozen=True)
class Section:
    """One entry of a journal as a cell.

    Attributes:
        id: Of the entry.
        kind: Of the entry: edit, run, comparison or note.
        title: What was done, in a few words.
        blocks: The cell and what it shows.
        hidden: Whether it is left out of the report; the cells below do without it.
        run_id: Of the run, where the entry is one.
        moved: Why its code may surprise, where it stands above something that was done before it.
    """

    id: str
    kind: str
    title: str
    blocks: tuple[Block, ...]
    hidden: bool
    run_id: str | None = None
    moved: str = ""


def sections(journal: Mapping[str, Any]) -> tuple[list[Section], dict[str, Fit], dict[str, str]]:
    """The cells in the order of the journal, the fits that ended by run, and the names of files under data/ by id.

    Args:
        journal: ``entries`` (as dicts), ``runs`` by id (fitter, status, message, folder, description with paths)
            and ``files`` by id (path, name).
    """
    fits = _fits(journal["runs"])
    names = _names(journal["files"])
    replay = _Replay(journal, fits, names)
    titles = [replay.title(entry) for entry in journal["entries"]]
    told = []
    for place, (entry, title) in enumerate(zip(journal["entries"], titles, strict=True)):
        note = [Prose(entry["note"])] if entry["note"].strip() else []
        told.append(
            Section(
                id=entry["id"],
                kind=entry["kind"],
                title=title,
                blocks=(*note, *replay.blocks(entry)),
                hidden=entry["hidden"],
                run_id=entry["run_id"],
                moved=_moved(journal["entries"], titles, place),
            )
        )
    return told, fits, names


def beginning(journal: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """The first cell: the description that the first recorded action found; of a new project, an empty one."""
    return _named(_FIRST.format(_start(journal)), names)


def together(fits: Sequence[Fit]) -> list[Fit]:
    """Those of the fits that are of the same image as the last."""
    return [one for one in fits if one is fits[-1] or not _apart(fits[-1], one)]


def comparison(fits: Sequence[Fit], every: Sequence[Fit]) -> list[Block]:
    """The cell that compares fits; ``every`` fit of the notebook decides how it names their problems."""
    named = {one.label: f"problem_{one.variable}" for one in fits} if _several(every) else None
    alike = len({tuple(one.result.names) for one in fits}) == 1
    return [*compose.comparison(fits, named), *(compose.posterior(fits) if alike else [])]


class _Replay:
    """Goes through a journal and knows what the cells above have left behind."""

    def __init__(self, journal: Mapping[str, Any], fits: Mapping[str, Fit], names: Mapping[str, str]) -> None:
        self._runs, self._files = journal["runs"], journal["files"]
        self._fits, self._names = fits, names
        self._several = _several(list(fits.values()))
        self._description = _start(journal)
        self._latest: Fit | None = None
        self._ran: set[str] = set()

    def title(self, entry: Mapping[str, Any]) -> str:
        """What was done, in a few words."""
        match entry["kind"]:
            case "note":
                return "Note"
            case "comparison":
                labels = [self._fits[key].label for key in entry["runs"] if key in self._fits]
                if len(labels) > 3:
                    return f"Comparison of {len(labels)} fits"
                return f"Comparison of {_listed(labels)}" if len(labels) > 1 else "A comparison"
            case "edit":
                after = entry["after"] or edits.START
                adopted = next((fit for fit in self._fits.values() if _adopted(after, fit)), None)
                if adopted is not None and not _adopted(entry["before"] or edits.START, adopted):
                    return f"Values of {adopted.label} taken over"
                return edits.title(entry["before"] or edits.START, after)
        run, fit = self._runs.get(entry["run_id"]), self._fits.get(entry["run_id"])
        if run is None:
            return "A fit that was deleted"
        return f"Fit by {fit.label}" if fit else f"{label_of(run['fitter'])}: {run['status']}"

    def blocks(self, entry: Mapping[str, Any]) -> list[Block]:
        """The cell of the next entry; one that is hidden leaves nothing behind."""
        before = self._description, self._latest, set(self._ran)
        match entry["kind"]:
            case "note":
                return []
            case "edit":
                found = self._edit(entry["after"] or edits.START)
            case "comparison":
                found = self._comparison(entry["runs"])
            case _:
                found = self._run(entry["run_id"])
        if entry["hidden"]:
            self._description, self._latest, self._ran = before
        return found

    # --- inside

    def _become(self, after: Mapping[str, Any]) -> list[str]:
        """Lines that lead from where the cells above stand to ``after``, which is where it then stands."""
        lines = []
        same = self._description.get("components") == after.get("components")
        if not same and self._latest is not None and _adopted(after, self._latest):
            lines.append(
                f'description["components"] = problem.describe({self._latest.variable}.values)["components"]'
            )
            self._description = {**self._description, "components": after["components"]}
        lines += [_named(line, self._names) for line in edits.statements(self._description, after)]
        self._description = dict(after)
        return lines

    def _edit(self, after: Mapping[str, Any]) -> list[Block]:
        shown = _data(self._description)
        lines = self._become(after)
        if not lines:
            return []
        if _data(after) in (None, shown):
            return [Code("\n".join(lines))]
        lines.append(f"plots.image(engine.load({{**description, 'components': [{_SKY!r}]}}).image)")
        blocks: list[Block] = [Code("\n".join(lines))]
        image = _image(after, self._files)
        if image is not None:
            blocks.append(Figure("image", (image,), "The data."))
        return blocks

    def _run(self, run_id: str) -> list[Block]:
        run, fit = self._runs.get(run_id), self._fits.get(run_id)
        if run is None:
            return [Note("info", "This run was deleted.")]
        if fit is None:
            return [Note("warn", run["message"])]
        lines = self._become(run["stored"])
        problem = f"problem = problem_{fit.variable}" if self._several else "problem"
        lines += [
            f"{problem} = engine.load(description)",
            f"{fit.variable} = {compose.call(fit)}",
            f"print({fit.variable})",
            f"plots.maps(problem, {fit.variable})",
        ]
        self._latest = fit
        self._ran.add(run_id)
        shown: list[Block] = [
            Code("\n".join(lines)),
            Printed(str(fit.result)),
            Figure("maps", (fit,), compose.MAPS),
        ]
        return [*shown, *(compose.posterior([fit]) if fit.result.draws is not None else [])]

    def _comparison(self, run_ids: Sequence[str]) -> list[Block]:
        known = [key for key in run_ids if key in self._fits]
        above = [self._fits[key] for key in known if key in self._ran]
        elsewhere = [self._fits[key].label for key in known if key not in self._ran]
        told: list[Block] = []
        if elsewhere:
            told.append(
                Note(
                    "warn",
                    f"Left out, since the fit stands below or is hidden: {_listed(elsewhere)}.",
                )
            )
        if len(above) < 2:
            return [*told, Note("info", "Fewer than two of the compared runs are left above.")]
        return [*told, *comparison(above, list(self._fits.values()))]


def _fits(runs: Mapping[str, Any]) -> dict[str, Fit]:
    fits: dict[str, Fit] = {}
    for run_id, run in runs.items():
        if run["status"] == "finished":
            result = engine.read_run(run["folder"])
            name = compose.variable(result.fitter, [one.variable for one in fits.values()])
            label = label_of(result.fitter)
            number = sum(one.label.startswith(label) for one in fits.values()) + 1
            label = label if number == 1 else f"{label} {number}"
            fits[run_id] = Fit(label, name, engine.load(run["description"], device="cpu"), result)
    return fits


def _start(journal: Mapping[str, Any]) -> dict[str, Any]:
    made = sorted(journal["entries"], key=lambda entry: entry["created"])
    for entry in made:
        if entry["kind"] == "edit":
            return dict(entry["before"] or edits.START)
        if entry["kind"] == "run" and entry["run_id"] in journal["runs"]:
            return dict(journal["runs"][entry["run_id"]]["stored"])
    return edits.START


def _moved(entries: Sequence[Mapping[str, Any]], titles: Sequence[str], place: int) -> str:
    """What to say of an action that stands above one that was done before it; "" for the others."""
    entry = entries[place]
    if entry["kind"] == "note":
        return ""
    for later, title in zip(entries[place + 1 :], titles[place + 1 :], strict=True):
        if later["kind"] != "note" and later["created"] < entry["created"]:
            return (
                f"This was done after “{title}”, which now stands below it. Each cell's code leads on from the cells "
                "above, so every fit still starts where it started."
            )
    return ""


def _several(fits: Sequence[Fit]) -> bool:
    """Whether fits are of different parameters or images, so that one problem does not serve for all."""
    return any(one.result.names != fits[0].result.names or _apart(fits[0], one) for one in fits[1:])


def _apart(one: Fit, other: Fit) -> bool:
    hashes = [fit.problem.image.hashes.get("data") for fit in (one, other)]
    return hashes[0] != hashes[1] or bool(differing_images({"a": one.problem, "b": other.problem}))


def _listed(labels: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(labels[:-1]), labels[-1])))


def _data(description: Mapping[str, Any]) -> Any:
    return (description.get("images") or [{}])[0].get("data")


def _named(source: str, names: Mapping[str, str]) -> str:
    """Source with the names of files in place of the store's references."""
    return _REFERENCE.sub(lambda found: names.get(found[1], f"{FOLDER}/{found[1]}"), source)


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
        problem = engine.load({"residua": 1, "images": entries, "components": [_SKY]})
        result = engine.fit(problem, "lm", max_steps=1, seed=0)
    except (engine.EngineError, KeyError):
        return None
    return Fit("data", "image", problem, result)


def _adopted(after: Mapping[str, Any], fit: Fit) -> bool:
    """Whether a description stands at the values that a fit arrived at."""
    free, values = set(fit.result.names), fit.result.all_values
    found = {key: number for key, number in _numbers(after) if key in free}
    return found.keys() == free and all(
        isinstance(number, int | float) and np.isclose(number, values[key], rtol=1e-9, atol=0)
        for key, number in found.items()
    )


def _numbers(description: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """(name, value) of each parameter that a description gives a value for; links and the like as they stand."""
    for component in description.get("components") or ():
        for name, written in (component.get("parameters") or {}).items():
            value: Any = written.get("value") if isinstance(written, Mapping) else written
            pair = name == "center" and isinstance(value, list)
            for part, number in zip((".x", ".y"), value, strict=True) if pair else [("", value)]:
                yield f"{component['name']}.{name}{part}", number


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
