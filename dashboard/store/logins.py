"""How a request is known: the log-in of a browser, or the token of a script. Only hashes of both are kept."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from dashboard.store.accounts import account_of, active
from dashboard.store.errors import NotAllowed, NotFound, StoreError
from dashboard.store.models import LoginRow, TokenRow
from dashboard.store.names import display_title, new_id
from dashboard.store.people import API, LOCAL, RESET, Account, Login, Token, Who
from dashboard.store.secrets import new_secret, sha256_text

# How often a log-in or a token that is used says so in the database.
SEEN_EVERY = timedelta(minutes=2)
RESET_TIME = timedelta(days=2)
MOST_TOKENS = 50


class Logins:
    """Log-ins and tokens, as `who` may see and end them: admins all, others their own."""

    def __init__(self, session: Callable[[], Session], who: Who = LOCAL) -> None:
        self._session = session
        self._who = who

    # --- browsers

    def log_in(self, account_id: str, *, days: float, address: str, agent: str) -> str:
        """Remember a browser; the secret for its cookie. What has run out is forgotten on the way."""
        self._only_inside()
        secret, now = new_secret(), datetime.now(UTC)
        with self._session() as session, session.begin():
            session.execute(delete(LoginRow).where(LoginRow.expires < now))
            session.add(
                LoginRow(
                    id=sha256_text(secret),
                    account_id=account_id,
                    created=now,
                    seen=now,
                    expires=now + timedelta(days=days),
                    address=address[:60],
                    agent=display_title(agent, "unknown")[:200],
                )
            )
        return secret

    def account(self, secret: str) -> tuple[Account, str] | None:
        """Whose cookie this is, and the id of the log-in; None when it has ended or its account is disabled."""
        self._only_inside()
        login_id, now = sha256_text(secret), datetime.now(UTC)
        with self._session() as session, session.begin():
            login = session.get(LoginRow, login_id)
            if login is None or login.expires < now:
                return None
            account = active(session, login.account_id)
            if account is None:
                return None
            if now - login.seen > SEEN_EVERY:
                login.seen = now
            return account_of(account), login_id

    def all(self, account_id: str | None = None) -> list[Login]:
        """The browsers of an account (None: of all), the one seen last first."""
        self._own(account_id)
        query = select(LoginRow).where(LoginRow.expires > datetime.now(UTC)).order_by(LoginRow.seen.desc())
        if account_id is not None:
            query = query.where(LoginRow.account_id == account_id)
        with self._session() as session:
            return [
                Login(
                    id=row.id,
                    account_id=row.account_id,
                    created=row.created,
                    seen=row.seen,
                    expires=row.expires,
                    address=row.address,
                    agent=row.agent,
                )
                for row in session.scalars(query)
            ]

    def log_out(self, login_id: str) -> None:
        """End a log-in."""
        with self._session() as session, session.begin():
            row = session.get(LoginRow, login_id)
            if row is not None:
                self._own(row.account_id)
                session.delete(row)

    # --- scripts

    def make_token(self, account_id: str, label: str, kind: str = API) -> str:
        """Make a token; its secret, which is told only now."""
        self._own(account_id)
        secret, now = new_secret(), datetime.now(UTC)
        with self._session() as session, session.begin():
            if kind == RESET:
                session.execute(
                    delete(TokenRow).where(TokenRow.account_id == account_id, TokenRow.kind == RESET)
                )
            known = session.scalars(select(TokenRow.id).where(TokenRow.account_id == account_id)).all()
            if len(known) >= MOST_TOKENS:
                raise StoreError(f"There are {len(known)} tokens already. Revoke one first.")
            session.add(
                TokenRow(
                    id=new_id(),
                    account_id=account_id,
                    kind=kind,
                    hash=sha256_text(secret),
                    label=display_title(label, "unnamed"),
                    created=now,
                    expires=now + RESET_TIME if kind == RESET else None,
                )
            )
        return secret

    def account_of_token(self, secret: str, kind: str = API) -> Account | None:
        """Whose token this is; None when it was revoked, has run out, or its account is disabled."""
        self._only_inside()
        now = datetime.now(UTC)
        with self._session() as session, session.begin():
            token = session.scalar(select(TokenRow).where(TokenRow.hash == sha256_text(secret)))
            if token is None or token.kind != kind or (token.expires is not None and token.expires < now):
                return None
            account = active(session, token.account_id)
            if account is None:
                return None
            if token.used is None or now - token.used > SEEN_EVERY:
                token.used = now
            return account_of(account)

    def tokens(self, account_id: str) -> list[Token]:
        """The tokens for scripts of an account, the oldest first."""
        self._own(account_id)
        query = select(TokenRow).where(TokenRow.account_id == account_id, TokenRow.kind == API)
        with self._session() as session:
            return [
                Token(
                    id=row.id,
                    account_id=row.account_id,
                    label=row.label,
                    created=row.created,
                    used=row.used,
                )
                for row in session.scalars(query.order_by(TokenRow.created, TokenRow.id))
            ]

    def revoke_token(self, account_id: str, token_id: str) -> None:
        """End a token; NotFound where the account has none like it."""
        self._own(account_id)
        with self._session() as session, session.begin():
            row = session.get(TokenRow, token_id)
            if row is None or row.account_id != account_id:
                raise NotFound("There is no such token. It may have been revoked already.")
            session.delete(row)

    def _own(self, account_id: str | None) -> None:
        if not self._who.is_admin and (account_id is None or account_id != self._who.id):
            raise NotAllowed("Only admins may see or end what others are logged in with.")

    def _only_inside(self) -> None:
        if not self._who.local:
            raise NotAllowed("Only the server itself does this.")
