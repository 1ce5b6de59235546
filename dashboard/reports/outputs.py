"""What cells show, as HTML: text, tables, figures and errors."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from typing import Any

_NUMBER = re.compile(r"[-+−]?[\d.,]+(e[-+]?\d+)?%?")


def outputs(shown: Sequence[dict[str, Any]]) -> str:
    """The outputs of a cell; figures are <svg> elements of our own making, all else is escaped."""
    return "".join(_output(one) for one in shown)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; columns of numbers are set to the right."""
    right = [
        all(_NUMBER.fullmatch(row[place]) or not row[place] for row in rows) for place in range(len(columns))
    ]
    sides = [' class="num"' if one else "" for one in right]
    head = "".join(
        f'<th scope="col"{side}>{escape(name)}</th>' for name, side in zip(columns, sides, strict=True)
    )
    body = "".join(
        f"<tr>{''.join(f'<td{side}>{escape(text)}</td>' for text, side in zip(row, sides, strict=True))}</tr>"
        for row in rows
    )
    return f'<div class="wide-table"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _output(one: dict[str, Any]) -> str:
    match one["kind"]:
        case "text":
            return f'<pre class="out">{escape(one["text"])}</pre>'
        case "table":
            return table(one["columns"], one["rows"])
        case "figure":
            return f'<figure class="picture">{one["svg"]}</figure>'
    return f'<pre class="out bad" role="alert">{escape(one["text"])}</pre>'
