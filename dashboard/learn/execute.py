"""Running cells of Python that we wrote, one after another, and keeping what they show.

What a cell shows is a list of outputs, plain values that travel and are stored as JSON:
``{"kind": "text", "text"}``, ``{"kind": "figure", "svg"}``, ``{"kind": "table", "columns", "rows"}`` and
``{"kind": "error", "text"}``.
"""

from __future__ import annotations

import ast
import contextlib
import io
import os
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

from astropy.table import Table

import engine
from engine import fitters
from engine.outputs import plain
from engine.plots import Picture

Output = dict[str, Any]


class Notebook:
    """Names that cells share, and the folder they write to."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {"__name__": "__main__"}

    def run(self, source: str) -> list[Output]:
        """Run a cell and return what it shows; an exception of the cell is an output of kind "error"."""
        printed = io.StringIO()
        shown: list[Output] = []
        tree = ast.parse(source)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        try:
            with contextlib.redirect_stdout(printed):
                exec(compile(tree, "<cell>", "exec"), self.names)
                if isinstance(last, ast.Expr):
                    value = eval(compile(ast.Expression(last.value), "<cell>", "eval"), self.names)
                    shown = [] if value is None else [displayed(value)]
        except engine.EngineError as error:
            shown = [{"kind": "error", "text": str(error)}]
        text = printed.getvalue().rstrip()
        return [{"kind": "text", "text": text}, *shown] if text else shown

    def numbers(self) -> dict[str, dict[str, Any]]:
        """The figures of every fit result among the names, for a later run to be compared with."""
        return {
            name: plain(
                {
                    "fitter": value.fitter,
                    "status": value.status.word,
                    "chi2_dof": value.chi2_dof,
                    "names": value.names,
                    "values": value.values,
                    "uncertainties": value.uncertainties,
                    "mcse": value.mcse,
                    "seed": value.seed,
                    "seconds": value.seconds,
                }
            )
            for name, value in self.names.items()
            if isinstance(value, engine.FitResult) and not name.startswith("_")
        }


def displayed(value: Any) -> Output:
    """What a notebook shows of a value: a picture, a table, or text."""
    if isinstance(value, Picture):
        return {"kind": "figure", "svg": value.svg()}
    if isinstance(value, Table):
        columns = [
            [str(text) for text in column.pformat(show_name=False, max_lines=-1)]
            for column in value.itercols()
        ]
        rows = [[text.strip() for text in row] for row in zip(*columns, strict=True)]
        return {"kind": "table", "columns": list(value.colnames), "rows": rows}
    return {"kind": "text", "text": value if isinstance(value, str) else repr(value)}


@contextlib.contextmanager
def elsewhere() -> Iterator[None]:
    """Let cells write files into a folder that is gone afterwards."""
    before = os.getcwd()
    with tempfile.TemporaryDirectory(prefix="residua-lesson-") as folder:
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(before)


@contextlib.contextmanager
def followed(on_step: Callable[[engine.Step], None], should_stop: Callable[[], bool]) -> Iterator[None]:
    """Follow the fits that cells make."""
    with fitters.watched(on_step, should_stop):
        yield
