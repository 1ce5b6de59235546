"""`residua fit`, `compare` and `check`: the same description, run, run by several, or only looked at."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch
import typer

import engine
from dashboard import words
from dashboard.commands import options, talk
from engine.examples import true_values
from engine.outputs import plain, result_record, to_json, write_run

_MANY_PIXELS = 1_000_000


def fit(
    path: Path,
    out: Path,
    fitter: str | None,
    words: Sequence[str],
    seed: int | None,
    quiet: bool,
    threads: int,
    resume: Path | None = None,
    computer: tuple[str | None, str | None] = (None, None),
) -> tuple[engine.Problem, engine.FitResult]:
    """Fit a description and write its run folder, going on from an earlier run's where there is one.

    ``computer`` is the device and the precision, before what the description says.
    """
    problem = engine.load(path, device=computer[0], precision=computer[1])
    _use_threads(problem, threads)
    previous = None if resume is None else engine.read_run(resume)
    if previous is not None:
        fitter = fitter or previous.fitter
    name, chosen = options.chosen(problem, fitter, options.parsed(words))
    result = _run(problem, name, chosen, seed, quiet, previous)
    write_run(out, problem, result)
    return problem, result


def bootstrap(
    out: Path,
    problem: engine.Problem,
    result: engine.FitResult,
    draws: int,
    kind: str,
    seed: int | None,
    quiet: bool,
) -> str:
    """Fit again to resampled images, write bootstrap.json, and say how the scatter compares; '' for no draws."""
    if draws == 0:
        return ""
    with talk.Progress("bootstrap", draws, quiet) as progress:
        again = engine.bootstrap(problem, result, draws=draws, kind=kind, seed=seed, on_draw=progress.count)
    record = {
        "kind": kind,
        "draws": draws,
        "failed": again.failed,
        "names": again.names,
        "values": again.values,
        "uncertainties": again.uncertainties,
        "covariance": again.covariance,
    }
    _write(out / "bootstrap.json", to_json(plain(record)))
    ratio = again.uncertainties / result.uncertainties
    if not np.isfinite(ratio).any():
        return f"\nBootstrap of {draws} {kind}: written to bootstrap.json; the fit has no uncertainties to compare.\n"
    worst = again.names[int(np.nanargmax(ratio))]
    return (
        f"\nBootstrap of {draws} {kind}: uncertainties are {np.nanmin(ratio):.2f} to {np.nanmax(ratio):.2f} times "
        f"those above, most for {worst}.\n"
    )


def _write(target: Path, text: str) -> None:
    """Write a file under another name and rename it, so that nobody reads half of it."""
    temporary = target.with_name(f".{target.name}.new")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(target)


def compare(
    path: Path,
    out: Path,
    fitters: str | None,
    quiet: bool,
    threads: int,
    computer: tuple[str | None, str | None] = (None, None),
) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """Run several fitters from the same start, one folder each; write and return the table and the comparison.

    The comparison is that of :meth:`engine.Comparison.record`; None where every fitter failed.
    """
    problem = engine.load(path, device=computer[0], precision=computer[1])
    _use_threads(problem, threads)
    rows: list[dict[str, Any]] = []
    results: dict[str, engine.FitResult] = {}
    folders: set[str] = set()
    for name, chosen in options.all_chosen(problem, fitters):
        folder = name if name not in folders else f"{name}-{len(rows) + 1}"
        folders.add(folder)
        try:
            result = _run(problem, name, chosen, None, quiet)
        except engine.EngineError as error:
            rows.append({"fitter": name, "options": chosen, "status": "failed", "message": str(error)})
            continue
        write_run(out / folder, problem, result)
        results[folder] = result
        record = result_record(problem, result)
        row = {key: record[key] for key in _COMPARED}
        row["values"] = dict(zip(record["names"], record["values"], strict=True))
        row["uncertainties"] = dict(zip(record["names"], record["uncertainties"], strict=True))
        rows.append({**row, "folder": folder})
        if result.status is engine.Status.CANCELLED:
            break
    out.mkdir(parents=True, exist_ok=True)
    comparison = engine.compare(problem, results, loo=True).record(true_values(problem)) if results else None
    written = {"description": plain(problem.describe()), "fitters": rows, "comparison": comparison}
    _write(out / "compare.json", to_json(written))
    return rows, comparison


_COMPARED = (
    "fitter",
    "options",
    "status",
    "message",
    "converged",
    "chi2",
    "dof",
    "chi2_dof",
    "seconds",
    "evaluations",
    "jacobians",
)


def summary(problem: engine.Problem, result: engine.FitResult) -> str:
    """The result for a person: the verdict, then every parameter with its uncertainty and unit."""
    sigma = dict(zip(result.names, map(float, result.uncertainties), strict=True))
    rows = []
    for one in problem.parameters:
        value, uncertainty = words.measured(result.all_values[one.key], sigma.get(one.key))
        remark = "at its bound" if one.key in result.at_bounds else "fixed" if one.fixed else ""
        if one.link is not None:
            remark = f"= {one.link.text}"
        rows.append([one.key, value, f"± {uncertainty}" if uncertainty else "", one.unit, remark])
    cost = f"{result.seconds:.2f} s, {result.evaluations} evaluations, {result.jacobians} Jacobians"
    lines = [result.message, f"chi2/dof {result.chi2_dof:.6g} (dof {result.dof}); {result.fitter}: {cost}"]
    return "\n".join([*lines, *result.notes, "", talk.table(rows, right=(1,), indent="  ")])


def tensions(record: dict[str, Any]) -> str:
    """The verdict of `compare`, and how far each two runs lie apart: sigma, and in which parameter."""
    labels = record["labels"]
    if len(labels) < 2:
        return str(record["verdict"])
    worst = record["worst"]
    cells = [["largest difference in sigma", *labels]]
    for i, label in enumerate(labels):
        row = [label]
        for j in range(len(labels)):
            apart = worst["sigma"][i][j]
            row.append(
                "" if i == j else "unknown" if apart is None else f"{apart:.2f} {worst['parameter'][i][j]}"
            )
        cells.append(row)
    return f"{record['verdict']}\n\n{talk.table(cells)}"


def race(rows: Sequence[dict[str, Any]]) -> str:
    """The table of `compare` for a person."""
    cells = [["fitter", "chi2/dof", "seconds", "evaluations", "Jacobians", "status"]]
    for row in rows:
        counts = [str(row.get(key, "")) for key in ("evaluations", "jacobians")]
        seconds = f"{row['seconds']:.3f}" if "seconds" in row else ""
        verdict = row["message"] if row["status"] == "failed" else row["status"]
        cells.append([row["fitter"], talk.number(row.get("chi2_dof")), seconds, *counts, verdict])
    return talk.table(cells, right=(1, 2, 3, 4))


def checked(path: Path) -> dict[str, Any]:
    """Everything that is known of a description before it is fitted, as plain values."""
    problem = engine.load(path)
    image = problem.image
    problem.require_degrees_of_freedom()
    record: dict[str, Any] = plain(
        {
            "image": {
                "name": image.name,
                "shape": image.shape,
                "window": image.window,
                "used_pixels": problem.n_used,
                "noise_estimated": image.noise_estimated,
                "psf": None if image.psf is None else image.psf.shape,
                "wcs": image.wcs is not None,
                "zero_point": image.zero_point,
                "sources": image.sources,
            },
            "components": [{"name": one.name, "model": one.model.key} for one in problem.components],
            "parameters": [
                {
                    "key": one.key,
                    "value": one.value,
                    "unit": one.unit,
                    "fixed": one.fixed,
                    "lower": one.lower,
                    "upper": one.upper,
                    "link": None if one.link is None else one.link.text,
                }
                for one in problem.parameters
            ],
            "free_parameters": len(problem.names),
            "dof": problem.dof,
            "start_chi2_dof": problem.chi2() / problem.dof,
            "fitters": [{"fitter": name, "options": own} for name, own in problem.fitters],
            "notices": problem.notices,
        }
    )
    return record


def check_text(record: dict[str, Any]) -> str:
    """The answer of `check` for a person."""
    image = record["image"]
    rows, columns = image["shape"]
    facts = [f"{columns} x {rows} pixels, {record['image']['used_pixels']} used"]
    facts.append("noise measured from the image" if image["noise_estimated"] else "noise given")
    facts.append("no PSF" if image["psf"] is None else f"PSF {image['psf'][1]} x {image['psf'][0]}")
    facts.append("with sky coordinates" if image["wcs"] else "no sky coordinates")
    lines = [f"Image {image['name']}: {', '.join(facts)}."]
    lines += [f"  {role}: {source}" for role, source in image["sources"].items()]
    lines += [f"Note: {notice}" for notice in record["notices"]]
    cells = [["parameter", "start", "unit", "bounds", ""]]
    for one in record["parameters"]:
        bounds = f"[{_edge(one['lower'], '-inf')}, {_edge(one['upper'], 'inf')}]"
        role = f"= {one['link']}" if one["link"] else "fixed" if one["fixed"] else ""
        cells.append([one["key"], talk.number(one["value"]), one["unit"], bounds, role])
    lines += ["", talk.table(cells, right=(1,), indent="  "), ""]
    lines.append(
        f"{len(record['components'])} components, {record['free_parameters']} free parameters, "
        f"{record['dof']} degrees of freedom; chi2/dof at the start {record['start_chi2_dof']:.6g}."
    )
    return "\n".join(lines)


def _use_threads(problem: engine.Problem, threads: int) -> None:
    """Compute with this many threads; 0 chooses."""
    # On small arrays threads mostly wait for each other: on two busy cores, two took 3 to 6 times as long as one.
    if threads > 0 or problem.n_used < _MANY_PIXELS:
        torch.set_num_threads(max(1, threads))


def _edge(value: float | None, otherwise: str) -> str:
    return otherwise if value is None else f"{value:.6g}"


def _run(
    problem: engine.Problem,
    name: str,
    chosen: dict[str, Any],
    seed: int | None,
    quiet: bool,
    resume: engine.FitResult | None = None,
) -> engine.FitResult:
    total = engine.fitters.configured(name, chosen).options().get("max_steps")
    with _stop_on_interrupt() as asked, talk.Progress(name, total, quiet) as progress:
        return engine.fit(
            problem,
            name,
            on_step=progress,
            should_stop=lambda: bool(asked),
            seed=seed,
            resume=resume,
            **chosen,
        )


@contextmanager
def _stop_on_interrupt() -> Iterator[list[int]]:
    """Ctrl-C stops the fit and keeps its best values; a second one ends the program."""
    asked: list[int] = []

    def ask(number: int, frame: FrameType | None) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)
        typer.echo("Stopping after this step; Ctrl-C again ends at once.", err=True)

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)
