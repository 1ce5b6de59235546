"""How far somebody may go with a project, as the database has it at this moment."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import ColumnElement, false, or_, select, true
from sqlalchemy.orm import Session

from dashboard.store.accounts import active
from dashboard.store.errors import NotAllowed, NotFound
from dashboard.store.models import LinkRow, ProjectRow, RunRow, ShareRow
from dashboard.store.names import is_id
from dashboard.store.people import Reach, Role, Who

Permit = Callable[[Session, str, Reach], None]

READ_ONLY = "This project is open to you for reading only. Its owner can share it for writing."
_REFUSALS = {
    Reach.WRITE: READ_ONLY,
    Reach.OWN: "Only its owner may do this to a project.",
}


def reach_of(session: Session, who: Who, project_id: str) -> Reach:
    """What somebody may do with a project; NONE for a project that is not there."""
    project = session.get(ProjectRow, project_id) if is_id(project_id) else None
    if project is None:
        return Reach.NONE
    if who.local:
        return Reach.OWN
    # Disabled since the request began, an account may do nothing any more.
    account = active(session, who.id)
    if account is not None:
        if account.role == Role.ADMIN or project.owner_id == account.id:
            return Reach.OWN
        share = session.get(ShareRow, (project_id, account.id))
        if share is not None:
            return Reach.WRITE if share.write else Reach.READ
    if who.links:
        query = select(LinkRow.id).where(LinkRow.project_id == project_id, LinkRow.hash.in_(who.links))
        if session.scalar(query.limit(1)) is not None:
            return Reach.READ
    return Reach.NONE


def reach_of_run(session: Session, who: Who, run_id: str) -> Reach:
    """What somebody may do with the project of a run."""
    run = session.get(RunRow, run_id) if is_id(run_id) else None
    return Reach.NONE if run is None else reach_of(session, who, run.project_id)


def check(session: Session, who: Who, project_id: str, need: Reach, noun: str = "project") -> None:
    """NotFound for a project that somebody may not see, NotAllowed for one they may only look at."""
    reach = reach_of(session, who, project_id)
    if reach is Reach.NONE:
        raise NotFound.of(noun)
    if reach < need:
        raise NotAllowed(_REFUSALS[need])


def visible(session: Session, who: Who) -> ColumnElement[bool]:
    """A condition on projects: those that somebody finds in their list (links are not among them)."""
    account = active(session, who.id)
    if who.local or (account is not None and account.role == Role.ADMIN):
        return true()
    if account is None:
        return false()
    lent = select(ShareRow.project_id).where(ShareRow.account_id == account.id)
    return or_(ProjectRow.owner_id == account.id, ProjectRow.id.in_(lent))
