"""Undo and redo of whole descriptions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Description = Mapping[str, Any]
DEPTH = 100


@dataclass(frozen=True)
class History:
    """Descriptions before and after the present one. A value: each move returns a new history."""

    past: tuple[Description, ...] = field(default=())
    future: tuple[Description, ...] = field(default=())

    def record(self, present: Description) -> History:
        """The history after ``present`` was replaced by something new: redo ends here."""
        return History((*self.past, present)[-DEPTH:], ())

    def undo(self, present: Description) -> tuple[Description, History]:
        """The description before, and the history from there. IndexError when there is none."""
        return self.past[-1], History(self.past[:-1], (present, *self.future))

    def redo(self, present: Description) -> tuple[Description, History]:
        """The description that the last undo left. IndexError when there is none."""
        return self.future[0], History((*self.past, present), self.future[1:])
