"""With whom a project is shared: named people, and whoever has a link to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from dashboard.store.errors import NotFound, StoreError
from dashboard.store.models import AccountRow, LinkRow, ProjectRow, ShareRow
from dashboard.store.names import new_id
from dashboard.store.people import Link, Reach, Share
from dashboard.store.reach import Permit
from dashboard.store.secrets import new_secret, sha256_text

MOST_LINKS = 20


@dataclass(frozen=True, kw_only=True)
class Shared:
    """Who may open a project beside admins: its owner ("" for nobody), people, links."""

    owner: str
    people: tuple[Share, ...]
    links: tuple[Link, ...]


class Sharing:
    """Lends projects and takes them back. Owners only, but for :meth:`opened`."""

    def __init__(self, session: Callable[[], Session], permit: Permit) -> None:
        self._session = session
        self._permit = permit

    def of(self, project_id: str) -> Shared:
        """With whom a project is shared now."""
        with self._session() as session:
            self._permit(session, project_id, Reach.OWN)
            project = session.get(ProjectRow, project_id)
            owner = session.get(AccountRow, project.owner_id) if project and project.owner_id else None
            people = session.execute(
                select(ShareRow, AccountRow.name)
                .join(AccountRow, AccountRow.id == ShareRow.account_id)
                .where(ShareRow.project_id == project_id)
                .order_by(AccountRow.name)
            )
            links = session.scalars(
                select(LinkRow).where(LinkRow.project_id == project_id).order_by(LinkRow.created, LinkRow.id)
            )
            return Shared(
                owner="" if owner is None else owner.name,
                people=tuple(
                    Share(account_id=row.account_id, name=name, write=row.write, created=row.created)
                    for row, name in people
                ),
                links=tuple(_link(row) for row in links),
            )

    def share(self, project_id: str, name: str, *, write: bool = False) -> None:
        """Lend a project to somebody by the name of their account; again to change reading to writing or back."""
        with self._session() as session, session.begin():
            self._permit(session, project_id, Reach.OWN)
            account = session.scalar(select(AccountRow).where(AccountRow.name == name.strip().casefold()))
            if account is None or account.disabled:
                raise StoreError(
                    f"Nobody here is called {name.strip()[:60]!r}. Share with the name that they log in with."
                )
            project = session.get(ProjectRow, project_id)
            if project is not None and project.owner_id == account.id:
                raise StoreError(f"This project is {account.name}'s own.")
            row = session.get(ShareRow, (project_id, account.id))
            if row is None:
                row = ShareRow(project_id=project_id, account_id=account.id, created=datetime.now(UTC))
                session.add(row)
            row.write = write

    def unshare(self, project_id: str, account_id: str) -> None:
        """Take a project back from somebody."""
        with self._session() as session, session.begin():
            self._permit(session, project_id, Reach.OWN)
            session.execute(
                delete(ShareRow).where(ShareRow.project_id == project_id, ShareRow.account_id == account_id)
            )

    def make_link(self, project_id: str) -> str:
        """Make a read-only link; its token, which is told only now."""
        token = new_secret()
        with self._session() as session, session.begin():
            self._permit(session, project_id, Reach.OWN)
            known = session.scalars(select(LinkRow.id).where(LinkRow.project_id == project_id)).all()
            if len(known) >= MOST_LINKS:
                raise StoreError(f"This project has {len(known)} links already. Revoke one first.")
            session.add(
                LinkRow(
                    id=new_id(),
                    project_id=project_id,
                    hash=sha256_text(token),
                    created=datetime.now(UTC),
                    opened_by="",
                    count=0,
                )
            )
        return token

    def revoke(self, project_id: str, link_id: str) -> None:
        """End a link: who came by it may not read any more."""
        with self._session() as session, session.begin():
            self._permit(session, project_id, Reach.OWN)
            session.execute(delete(LinkRow).where(LinkRow.project_id == project_id, LinkRow.id == link_id))

    def opened(self, token: str, by: str) -> str:
        """Take down that somebody opened a link; the project's id. NotFound for one that does not work (any more)."""
        with self._session() as session, session.begin():
            row = session.scalar(select(LinkRow).where(LinkRow.hash == sha256_text(token)))
            if row is None:
                raise NotFound("This link does not work any more. Ask who sent it for another.")
            row.opened, row.opened_by, row.count = datetime.now(UTC), by[:80], row.count + 1
            return row.project_id


def _link(row: LinkRow) -> Link:
    return Link(
        id=row.id,
        project_id=row.project_id,
        created=row.created,
        opened=row.opened,
        opened_by=row.opened_by,
        count=row.count,
    )
