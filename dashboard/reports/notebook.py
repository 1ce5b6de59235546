"""Jupyter notebooks: cells of Markdown and Python with what they showed, as nbformat writes them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import nbformat
from nbformat import v4

from dashboard.reports.outputs import table

Cells = Iterable[tuple[str, str, Sequence[dict[str, Any]]]]


def notebook(cells: Cells, title: str) -> str:
    """A notebook as text. Each cell is (kind, source, outputs) with kind "markdown" or "code".

    Outputs are those of :mod:`dashboard.reports.outputs`; a "png" beside a figure's svg is kept too.
    """
    made = []
    for number, (kind, source, outputs) in enumerate(cells):
        cell: Any
        if kind == "markdown":
            cell = v4.new_markdown_cell(source)
        else:
            cell = v4.new_code_cell(source, outputs=[_output(one) for one in outputs])
        cell["id"] = (
            f"cell-{number}"  # nbformat's own are random, and a file that says the same should be the same
        )
        made.append(cell)
    book = v4.new_notebook(
        cells=made,
        metadata={
            "title": title,
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
            "language_info": {"name": "python"},
        },
    )
    nbformat.validate(book)
    return str(nbformat.writes(book))


def _output(one: dict[str, Any]) -> Any:
    match one["kind"]:
        case "text":
            return v4.new_output("stream", name="stdout", text=one["text"] + "\n")
        case "table":
            rows = [one["columns"], *one["rows"]]
            widths = [max(len(row[place]) for row in rows) for place in range(len(one["columns"]))]
            plain = "\n".join(
                "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
                for row in rows
            )
            data = {"text/html": table(one["columns"], one["rows"]), "text/plain": plain}
        case "figure":
            data = {"text/plain": "<Picture>"}
            if "png" in one:
                data["image/png"] = one["png"]
            else:
                data["image/svg+xml"] = (
                    one["svg"].replace("currentColor", "#171c21").replace("inherit", "sans-serif")
                )
        case _:
            return v4.new_output("stream", name="stderr", text=one["text"] + "\n")
    return v4.new_output("display_data", data=data)
