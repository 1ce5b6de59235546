"""The journal of a project: each action, in order, as the store sees it pass. Its report is made from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from dashboard.store.errors import NotFound
from dashboard.store.models import JournalRow, ProjectRow
from dashboard.store.names import is_id, new_id
from dashboard.store.people import Reach
from dashboard.store.reach import Permit

EDIT, RUN, COMPARISON, NOTE = "edit", "run", "comparison", "note"
LONGEST_NOTE = 20_000


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One action. An edit leads ``before`` to ``after``; a run has its id, a comparison those of ``runs``; a note has
    only its text.
    """

    id: str
    kind: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    run_id: str | None
    runs: tuple[str, ...]
    note: str
    hidden: bool
    created: datetime


def add_edit(
    session: Session, project_id: str, before: Mapping[str, Any] | None, after: Mapping[str, Any]
) -> None:
    """Record that the description was changed.

    Changes of values one after another are one action; a change that is taken back leaves no trace.
    """
    if before == after:
        return
    last = session.scalar(
        select(JournalRow)
        .where(JournalRow.project_id == project_id)
        .order_by(JournalRow.created.desc())
        .limit(1)
    )
    if last is not None and last.kind == EDIT and not last.note:
        if last.before == after:
            session.delete(last)
            return
        if _only_values(last.before, last.after) and _only_values(before, after):
            last.after = dict(after)
            return
    _add(session, project_id, EDIT, before=None if before is None else dict(before), after=dict(after))


def add_run(session: Session, project_id: str, run_id: str) -> None:
    """Record that a fit was started."""
    _add(session, project_id, RUN, run_id=run_id)


class Journal:
    """Reads the journal of a project, and keeps what people do to it."""

    def __init__(self, session: Callable[[], Session], permit: Permit) -> None:
        self._session = session
        self._permit = permit

    def entries(self, project_id: str) -> list[Entry]:
        """The actions, in the order that people gave them."""
        with self._session() as session:
            self._permit(session, project_id, Reach.READ)
            rows = session.scalars(
                select(JournalRow)
                .where(JournalRow.project_id == project_id)
                .order_by(JournalRow.place, JournalRow.id)
            )
            return [_entry(row) for row in rows]

    def compared(self, project_id: str, run_ids: Sequence[str]) -> None:
        """Record that runs were set side by side.

        Looking at the same runs again, or at some of them, is no new action; taking more runs into the comparison
        that was made last lets it grow. NotFound when the project is gone.
        """
        with self._session() as session, session.begin():
            self._permit(session, project_id, Reach.WRITE)
            if session.get(ProjectRow, project_id) is None:
                raise NotFound.of("project")
            rows = list(
                session.scalars(
                    select(JournalRow)
                    .where(JournalRow.project_id == project_id, JournalRow.kind == COMPARISON)
                    .order_by(JournalRow.created)
                )
            )
            if any(set(run_ids) <= set(_runs(row)) for row in rows):
                return
            note, hidden = "", False
            if rows and set(_runs(rows[-1])) < set(run_ids):
                note, hidden = rows[-1].note, rows[-1].hidden
                session.delete(rows[-1])
                session.flush()
            _add(session, project_id, COMPARISON, after={"runs": list(run_ids)}, note=note, hidden=hidden)

    def arrange(self, project_id: str, entries: Sequence[Entry]) -> None:
        """Keep this order, these notes and what is hidden.

        Notes that are not among ``entries`` are deleted and new ones are added; actions stay, whatever is asked.
        NotFound when the project is gone.
        """
        with self._session() as session, session.begin():
            self._permit(session, project_id, Reach.WRITE)
            if session.get(ProjectRow, project_id) is None:
                raise NotFound.of("project")
            rows = {
                row.id: row
                for row in session.scalars(select(JournalRow).where(JournalRow.project_id == project_id))
            }
            kept = {entry.id for entry in entries}
            gone = [row.id for row in rows.values() if row.kind == NOTE and row.id not in kept]
            session.execute(delete(JournalRow).where(JournalRow.id.in_(gone)))
            for place, entry in enumerate(entries):
                row = rows.get(entry.id)
                if row is None:
                    if entry.kind != NOTE or not is_id(entry.id):
                        continue
                    row = JournalRow(id=entry.id, project_id=project_id, kind=NOTE, created=entry.created)
                    session.add(row)
                row.place, row.hidden, row.note = place, entry.hidden, entry.note[:LONGEST_NOTE]
            # What was recorded while somebody arranged comes last.
            late = [row for row in rows.values() if row.kind != NOTE and row.id not in kept]
            for place, row in enumerate(sorted(late, key=lambda one: one.place), start=len(entries)):
                row.place = place


def new_note(text: str) -> Entry:
    """A note that is not in the journal yet."""
    return Entry(
        id=new_id(),
        kind=NOTE,
        before=None,
        after=None,
        run_id=None,
        runs=(),
        note=text[:LONGEST_NOTE],
        hidden=False,
        created=datetime.now(UTC),
    )


def _add(session: Session, project_id: str, kind: str, **facts: Any) -> None:
    last = session.scalar(select(func.max(JournalRow.place)).where(JournalRow.project_id == project_id))
    place = 0 if last is None else last + 1
    session.add(
        JournalRow(
            id=new_id(), project_id=project_id, place=place, kind=kind, created=datetime.now(UTC), **facts
        )
    )


def _only_values(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> bool:
    """Whether two descriptions differ in nothing but parameters of the same components."""
    if before is None or after is None:
        return False
    if {**before, "components": 0} != {**after, "components": 0}:
        return False
    names = [
        [(one["name"], one["model"]) for one in each.get("components") or ()] for each in (before, after)
    ]
    return names[0] == names[1]


def _entry(row: JournalRow) -> Entry:
    return Entry(
        id=row.id,
        kind=row.kind,
        before=row.before,
        after=row.after if row.kind == EDIT else None,
        run_id=row.run_id,
        runs=_runs(row),
        note=row.note,
        hidden=row.hidden,
        created=row.created,
    )


def _runs(row: JournalRow) -> tuple[str, ...]:
    return tuple(row.after["runs"]) if row.kind == COMPARISON and row.after else ()
