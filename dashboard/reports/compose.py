"""From fits to a report: what matters first, where it comes from last."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import yaml

import engine
from dashboard.reports.document import (
    Block,
    Code,
    Document,
    Facts,
    Figure,
    Fit,
    Heading,
    Listing,
    Note,
    Printed,
    Prose,
    Table,
)
from dashboard.words import measured
from engine import fitters
from engine.outputs import plain, versions

# More parameters than these make a corner plot that nobody can read on a page.
MOST_IN_CORNER = 8
MAPS = "Data, model, and residual in units of the noise."
LOADING = 'problem = engine.load("fit.yaml")'
CITATION = """@software{residua,
  author  = {{The Residua authors}},
  title   = {Residua: parametric 2D models of galaxies, stars and sky fitted to images},
  version = {%s},
  year    = {%d}
}"""


def report(
    title: str,
    fits: Sequence[Fit],
    description: Mapping[str, Any],
    *,
    inputs: Mapping[str, Path] | None = None,
    loading: str = LOADING,
    middle: Sequence[Block] | None = None,
) -> Document:
    """A report of one fit, or of several of one image.

    Args:
        title: Of the report.
        fits: At least one; the first is the one that is told of first.
        description: As the notebook beside its data loads it: the start, not the result.
        inputs: The files that it names, by name there.
        loading: The Python with which the notebook comes to its problem.
        middle: What stands between the opening and the closing; by default the cells that make the fits.
    """
    best = fits[0]
    blocks: list[Block] = [*opening(fits)]
    blocks += cells(fits, loading) if middle is None else middle
    blocks += closing(fits, description)
    image = best.problem.image
    subtitle = (
        f"{image.name}, {image.shape[1]} × {image.shape[0]} pixels; {datetime.now(UTC):%d %B %Y, %H:%M} UTC"
    )
    return Document(title, subtitle, tuple(blocks), description, inputs or {})


def opening(fits: Sequence[Fit]) -> list[Block]:
    """Image, model, status, best values, chi2, warnings, agreement."""
    best = fits[0]
    result = best.result
    kind = "good" if result.converged else "warn"
    blocks: list[Block] = [Heading("Result"), Note(kind, f"{best.label}. {result.message}")]
    if len(fits) > 1:
        blocks.append(Note("info", agreement(fits)))
    blocks += [Note("warn", f"{key} is at its bound.") for key in result.at_bounds]
    blocks += [Note("info", text) for text in (*best.problem.notices, *result.notes)]
    blocks += [
        Facts(
            (
                ("χ² / dof", f"{result.chi2_dof:.4f}"),
                ("degrees of freedom", f"{result.dof}"),
                ("free parameters", f"{len(result.names)}"),
                ("seconds", f"{result.seconds:.2f}"),
            )
        ),
        Figure("maps", (best,), MAPS),
        parameters(best),
    ]
    if len(fits) > 1:
        blocks += [
            contest(fits),
            Figure("mosaic", tuple(fits), "Residual in units of the noise, of each fit."),
        ]
    return blocks


def cells(fits: Sequence[Fit], loading: str = LOADING) -> list[Block]:
    """The Python that makes the fits from the description beside it, with what it shows."""
    best = fits[0]
    blocks: list[Block] = [
        Heading("The fits, to run again" if len(fits) > 1 else "The fit, to run again"),
        Code(f"import engine\nfrom engine import plots\n\n{loading}\nplots.image(problem)"),
        Figure("image", (best,), "The image, and the half-light ellipses of the start.", again=True),
    ]
    for one in fits:
        blocks += [
            Code(f"{one.variable} = {call(one)}\nprint({one.variable})\nplots.history({one.variable})"),
            Printed(str(one.result)),
            Figure("history", (one,), f"χ² per degree of freedom at each step of {one.label}."),
        ]
    blocks += [
        Code(f"plots.maps(problem, {best.variable})"),
        Figure("maps", (best,), MAPS, again=True),
    ]
    corner = posterior(fits)
    blocks += [Heading("Posterior", 3), *corner] if corner else []
    if len(fits) > 1:
        blocks += [Heading("Agreement", 3), *comparison(fits)]
    return blocks


def comparison(fits: Sequence[Fit], problems: Mapping[str, str] | None = None) -> list[Block]:
    """Whether fits agree, and their race. `problems` are the names of what each fitted, where they differ, by label."""
    lines = _dictionary("results", {one.label: one.variable for one in fits})
    if problems:
        lines += _dictionary("problems", problems)
    name = "problems" if problems else "problem"
    lines += [f"print(engine.compare({name}, results).verdict)", "plots.race(results)"]
    return [
        Code("\n".join(lines)),
        Printed(agreement(fits)),
        Figure("race", tuple(fits), "χ² per degree of freedom above the lowest, against time."),
    ]


def posterior(fits: Sequence[Fit]) -> list[Block]:
    """The corner plot of what fits say of the first one's parameters; nothing where none has uncertainties."""
    names = corner_names(fits[0])
    chosen = tuple(one for one in fits if np.isfinite(np.diag(one.result.covariance)).any())
    if not names or not chosen:
        return []
    listed = ", ".join(f'"{one.label}": {one.variable}' for one in chosen)
    caption = "Contours hold 39 % and 86 %: one and two sigma in two dimensions."
    return [
        Code(f"names = {list(names)!r}\nplots.corner(problem, {{{listed}}}, names)"),
        Figure("corner", chosen, caption, names),
    ]


def closing(fits: Sequence[Fit], description: Mapping[str, Any]) -> list[Block]:
    """Where it all comes from: versions, seeds, hashes, times; how to cite; the description."""
    found = dict(fits[0].versions) or versions()
    rows = tuple(
        (
            one.label,
            str(one.result.seed),
            f"{one.result.seconds:.2f}",
            str(one.result.evaluations),
            str(one.result.jacobians),
        )
        for one in fits
    )
    hashes = tuple((name, f"sha256 {value}") for name, value in fits[0].problem.image.hashes.items())
    facts = (
        ("versions", ", ".join(f"{name} {version}" for name, version in found.items())),
        ("computed on", str(fits[0].result.computer)),
        ("likelihood", fits[0].problem.likelihood),
        *hashes,
        *((f"options of {one.label}", _options(one.result.options)) for one in fits),
    )
    text = yaml.safe_dump(
        plain(description), sort_keys=False, allow_unicode=True, default_flow_style=None, width=100
    )
    columns = ("fit", "seed", "seconds", "models", "Jacobians")
    return [
        Heading("Provenance"),
        Facts(facts),
        Table(columns, rows),
        Heading("Citation"),
        Listing(CITATION % (found.get("residua", "0"), datetime.now(UTC).year)),
        Heading("Fit description"),
        Prose(
            "Where the fits started. With the data beside it, `residua fit fit.yaml --out result` fits it again."
        ),
        Listing(text),
    ]


def parameters(one: Fit) -> Table:
    """Every parameter with its uncertainty and unit."""
    result = one.result
    sigma = dict(zip(result.names, map(float, result.uncertainties), strict=True))
    rows = []
    for parameter in one.problem.parameters:
        value, uncertainty = measured(result.all_values[parameter.key], sigma.get(parameter.key))
        remark = "at its bound" if parameter.key in result.at_bounds else "fixed" if parameter.fixed else ""
        if parameter.link is not None:
            remark = f"= {parameter.link.text}"
        rows.append((parameter.key, value, f"± {uncertainty}" if uncertainty else "", parameter.unit, remark))
    return Table(
        ("parameter", "value", "uncertainty", "unit", ""), tuple(rows), f"Best values of {one.label}."
    )


def contest(fits: Sequence[Fit]) -> Table:
    """What each fit came to, and what it cost."""
    rows = tuple(
        (
            one.label,
            f"{one.result.chi2_dof:.4f}",
            f"{one.result.seconds:.2f}",
            str(one.result.evaluations),
            str(one.result.jacobians),
            one.result.status.word,
        )
        for one in fits
    )
    return Table(("fit", "χ²/dof", "seconds", "models", "Jacobians", "status"), rows, "All fits.")


def agreement(fits: Sequence[Fit]) -> str:
    """Whether the fits agree, in words; why they cannot be compared where they cannot."""
    try:
        return engine.compare(
            {one.label: one.problem for one in fits}, {one.label: one.result for one in fits}
        ).verdict
    except engine.EngineError as error:
        return str(error)


def corner_names(one: Fit) -> tuple[str, ...]:
    """The parameters for a corner plot: of the brightest component that has a shape, then the sky's."""
    result = one.result
    measured_names = [
        name
        for name, variance in zip(result.names, np.diag(result.covariance), strict=True)
        if np.isfinite(variance) and variance > 0
    ]
    if len(measured_names) <= MOST_IN_CORNER:
        return tuple(measured_names)
    light = {name: float(plane.sum()) for name, plane in one.problem.render_components(result.values).items()}
    centered = {part.name for part in one.problem.components if part.model.centered}
    order = sorted(light, key=lambda name: (name not in centered, -light[name]))
    ranked = [name for part in order for name in measured_names if name.startswith(f"{part}.")]
    kept = {name for name in ranked if ".center." not in name}
    chosen = [name for name in ranked if name in kept][:MOST_IN_CORNER]
    return tuple(name for name in measured_names if name in chosen)


def call(one: Fit) -> str:
    """The Python that makes a fit: only options that differ from their defaults are written."""
    result = one.result
    kinds = fitters.registry()
    options = dict(result.options)
    if result.fitter in kinds:
        defaults = kinds[result.fitter]().options()
        options = {
            name: value for name, value in options.items() if plain(value) != plain(defaults.get(name))
        }
    written = "".join(f", {name}={plain(value)!r}" for name, value in options.items())
    if (
        "+" in result.fitter
    ):  # a chain's options are by member, and members may have names that Python does not
        written = f", **{plain(options)!r}"
    return f'engine.fit(problem, "{result.fitter}", seed={result.seed}{written})'


def variable(label: str, taken: Sequence[str]) -> str:
    """A Python name for a fit, unlike those taken."""
    name = re.sub(r"\W+", "_", label.lower()).strip("_") or "fit"
    name = f"fit_{name}" if name[0].isdigit() else name
    found, number = name, 2
    while found in (*taken, "problem", "engine", "plots", "results", "problems", "names", "compare"):
        found, number = f"{name}_{number}", number + 1
    return found


def _dictionary(name: str, entries: Mapping[str, str]) -> list[str]:
    return [f"{name} = {{", *(f'    "{label}": {variable},' for label, variable in entries.items()), "}"]


def _options(options: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{name} {value}" for name, value in plain(options).items() if value not in (None, {}, [])
    )
