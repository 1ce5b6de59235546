"""Who can log in, and what they are allowed. Passwords arrive here as hashes (dashboard.accounts.passwords)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from dashboard.store.errors import NotAllowed, NotFound, StoreError
from dashboard.store.models import AccountRow, LoginRow, ProjectRow, TokenRow
from dashboard.store.names import new_id
from dashboard.store.people import LOCAL, RESET, Account, Role, Who

_NAME = re.compile(r"[\w.@+-]{1,60}")
MOST_OF_A_NAME = 1000


def account_name(text: str) -> str:
    """A name as it is kept: small letters, no spaces around it. StoreError for one that cannot be a name."""
    name = unicodedata.normalize("NFKC", text).strip().casefold()
    if not _NAME.fullmatch(name):
        raise StoreError(
            f"{text.strip()[:60]!r} cannot be a name. Use 1 to 60 letters, digits and the signs . _ - @ +."
        )
    return name


class Accounts:
    """The accounts of a server, as `who` may see and change them: admins all, others their own."""

    def __init__(self, session: Callable[[], Session], who: Who = LOCAL) -> None:
        self._session = session
        self._who = who

    def add(
        self, name: str, password: str | None = None, role: Role = Role.USER, *, subject: str | None = None
    ) -> Account:
        """Make an account. `password` is a hash; `subject` says who this is at a provider elsewhere."""
        self._only_admins()
        row = AccountRow(
            id=new_id(),
            name=account_name(name),
            password=password,
            subject=subject,
            role=role,
            disabled=False,
            created=datetime.now(UTC),
        )
        with self._session() as session, session.begin():
            if session.scalar(select(AccountRow.id).where(AccountRow.name == row.name)) is not None:
                raise StoreError(f"There is somebody called {row.name} already. Choose another name.")
            session.add(row)
        return account_of(row)

    def all(self) -> list[Account]:
        """Every account by name."""
        self._only_admins()
        with self._session() as session:
            return [account_of(row) for row in session.scalars(select(AccountRow).order_by(AccountRow.name))]

    def named(self, name: str) -> Account:
        """The account of this name; NotFound where there is none."""
        self._only_admins()
        with self._session() as session:
            row = session.scalar(select(AccountRow).where(AccountRow.name == name.strip().casefold()))
            if row is None:
                raise NotFound(f"Nobody is called {name.strip()[:60]!r}. Names: residua users list.")
            return account_of(row)

    def of_subject(self, subject: str) -> Account | None:
        """The account of somebody that a provider elsewhere vouches for."""
        self._only_admins()
        with self._session() as session:
            row = session.scalar(select(AccountRow).where(AccountRow.subject == subject))
            return None if row is None else account_of(row)

    def join(self, subject: str, name: str, role: Role = Role.USER) -> Account:
        """The account of somebody that a provider vouches for, made now if there is none.

        It never becomes one that is there already under the same name: the next free one, with a number, is taken.
        """
        for number in range(1, MOST_OF_A_NAME):
            try:
                return self.of_subject(subject) or self.add(
                    name if number == 1 else f"{name}-{number}", role=role, subject=subject
                )
            except (StoreError, IntegrityError):
                continue  # the name is taken; or the same person came in by another tab, and is found now
        raise StoreError(f"There are {number} people called {name} already. Ask an admin to add you.")

    def tie(self, account_id: str, subject: str | None, *, anew: bool = False) -> Account:
        """Let somebody log in through a provider, as `subject`, or (None) no more.

        With `anew` this is in place of a new password: it ends the old one, log-ins, and the link that it came by.
        """
        with self._session() as session, session.begin():
            row = self._row(session, account_id)
            other = (
                session.scalar(select(AccountRow).where(AccountRow.subject == subject)) if subject else None
            )
            if other is not None and other.id != account_id:
                raise StoreError(
                    f"This log-in is that of {other.name} here. Log in with it, or ask an admin."
                )
            if subject is None and row.password is None:
                raise StoreError(
                    "Without a password there would be no way in any more. Ask an admin for a link."
                )
            row.subject = subject
            if anew:
                row.password = None
                _log_out(session, account_id)
                _end_resets(session, account_id)
            return account_of(row)

    def password_of(self, name: str) -> tuple[Account, str] | None:
        """The account of this name with the hash of its password; None where it is disabled or has none."""
        self._only_admins()
        with self._session() as session:
            row = session.scalar(select(AccountRow).where(AccountRow.name == name.strip().casefold()))
            if row is None or row.disabled or row.password is None:
                return None
            return account_of(row), row.password

    def set_password(self, account_id: str, password: str, *, keep_login: str = "") -> None:
        """Set the hash of a password, and log out everywhere (but in the browser whose log-in is kept)."""
        with self._session() as session, session.begin():
            row = self._row(session, account_id)
            row.password = password
            _log_out(session, account_id, keep_login)
            _end_resets(session, account_id)

    def rehash(self, account_id: str, password: str) -> None:
        """Keep the same password under another hash."""
        self._only_admins()
        with self._session() as session, session.begin():
            self._row(session, account_id).password = password

    def set_disabled(self, account_id: str, disabled: bool) -> Account:
        """Keep somebody out, or let them in again; out means at once, with scripts too."""
        self._only_admins()
        with self._session() as session, session.begin():
            row = self._row(session, account_id)
            row.disabled = disabled
            if disabled:
                _log_out(session, account_id)
                _keep_an_admin(session, row)
            return account_of(row)

    def set_role(self, account_id: str, role: Role) -> Account:
        """Make somebody an admin, or a user again."""
        self._only_admins()
        with self._session() as session, session.begin():
            row = self._row(session, account_id)
            row.role = role
            _keep_an_admin(session, row)
            return account_of(row)

    def adopt(self, account_id: str) -> int:
        """Give the projects that nobody owns to somebody; how many there were."""
        self._only_admins()
        with self._session() as session, session.begin():
            self._row(session, account_id)
            given = session.scalars(
                update(ProjectRow)
                .where(ProjectRow.owner_id.is_(None))
                .values(owner_id=account_id)
                .returning(ProjectRow.id)
            )
            return len(list(given))

    def names(self) -> dict[str, str]:
        """The name of each account by its id, to say whose a project is."""
        if self._who.account is None and not self._who.local:
            return {}
        with self._session() as session:
            return dict(iter(session.execute(select(AccountRow.id, AccountRow.name)).tuples()))

    def _row(self, session: Session, account_id: str) -> AccountRow:
        if not self._who.is_admin and account_id != self._who.id:
            raise NotAllowed("Only admins may change the account of somebody else.")
        row = session.get(AccountRow, account_id)
        if row is None:
            raise NotFound("There is no such account.")
        return row

    def _only_admins(self) -> None:
        if not self._who.is_admin:
            raise NotAllowed("Only admins may do this.")


def active(session: Session, account_id: str) -> AccountRow | None:
    """The account as it is now; None where there is none, or it is disabled."""
    account = session.get(AccountRow, account_id) if account_id else None
    return None if account is None or account.disabled else account


def account_of(row: AccountRow) -> Account:
    """The record of a row."""
    return Account(
        id=row.id,
        name=row.name,
        role=Role(row.role),
        disabled=row.disabled,
        created=row.created,
        has_password=row.password is not None,
        has_provider=row.subject is not None,
    )


def _log_out(session: Session, account_id: str, keep: str = "") -> None:
    session.execute(delete(LoginRow).where(LoginRow.account_id == account_id, LoginRow.id != keep))


def _end_resets(session: Session, account_id: str) -> None:
    session.execute(delete(TokenRow).where(TokenRow.account_id == account_id, TokenRow.kind == RESET))


def _keep_an_admin(session: Session, changed: AccountRow) -> None:
    session.flush()
    admins = select(func.count()).where(AccountRow.role == Role.ADMIN, AccountRow.disabled.is_(False))
    if session.scalar(admins) == 0:
        raise StoreError(f"{changed.name} is the only admin. Make somebody else one first.")
