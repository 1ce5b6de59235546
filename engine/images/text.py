"""Words for notices and errors: everything that comes from a file is made harmless here."""

from __future__ import annotations

from collections.abc import Sequence


def clean(text: object, limit: int = 80) -> str:
    r"""Return `text` on one line, without control or formatting characters, at most `limit` characters.

    Quotes, angle brackets and the like stay: a page has to escape them where it shows them.

    >>> clean("a\nb")
    'a?b'
    """
    line = "".join(letter if letter.isprintable() else "?" for letter in str(text)[: 4 * limit]).strip()
    return line if len(line) <= limit else line[: limit - 3] + "..."


def counted(number: int, noun: str) -> str:
    """Return the number with its noun in the right form.

    >>> counted(1, "pixel"), counted(3072, "pixel")
    ('1 pixel', '3072 pixels')
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def listed(words: Sequence[str], limit: int = 8) -> str:
    """Join words with commas; what exceeds `limit` is only counted.

    >>> listed(["a", "b", "c"], limit=2)
    'a, b and 1 more'
    """
    shown = ", ".join(words[:limit])
    return shown if len(words) <= limit else f"{shown} and {len(words) - limit} more"


def size_text(shape: Sequence[int]) -> str:
    """Return an array shape (rows, columns) as a person reads it.

    >>> size_text((48, 64))
    '48 rows x 64 columns'
    """
    if len(shape) == 2:
        return f"{counted(shape[0], 'row')} x {counted(shape[1], 'column')}"
    return " x ".join(str(n) for n in shape) or "nothing"
