"""/login/provider and /login/provider/back: to a provider elsewhere, and back with its word of who somebody is.

What comes back is taken only by the browser that was sent (a signed cookie holds what the answer must fit), once, and
within ten minutes. The person then gets a log-in of ours, as after a password.
"""

from __future__ import annotations

import hmac
import json
from dataclasses import asdict
from html import escape
from typing import Any

from tornado.web import RequestHandler, create_signed_value, decode_signed_value

from dashboard.accounts import html
from dashboard.accounts.door import STALE, Door, local_path, logger
from dashboard.accounts.doorkeeper import TRIP_COOKIE
from dashboard.accounts.login import LoginPage
from dashboard.accounts.providers.identity import Identity, ProviderAway, ProviderError
from dashboard.accounts.providers.provider import Provider
from dashboard.accounts.providers.trip import Trip
from dashboard.store import Account, Role, StoreError
from dashboard.store.people import RESET

BACK = "/login/provider/back"
TRIP_MINUTES = 10
LONGEST_PATH = 1000
NOT_OURS = "This log-in was begun in another browser, or more than ten minutes ago. Begin again."


class ProviderPage(LoginPage):
    """What the way there and the way back share."""

    @property
    def provider(self) -> Provider:
        """Who vouches for people; without one there are no such routes."""
        assert self.door.provider is not None
        return self.door.provider

    @property
    def back(self) -> str:
        """Where a provider sends browsers back to; it has been told this address and takes no other."""
        return f"{self.base_url}{BACK}"

    def fail(self, error: ProviderError, after: str = "/") -> None:
        """Say that it did not work, with the way round that there is: a password."""
        logger.warning("Log-in by %s from %s failed: %s", self.provider.name, self.address, error)
        if isinstance(error, ProviderAway):
            sentence = f"{self.provider.name} does not answer now. Try again in a minute"
            self.show_log_in(after, error=f"{sentence}, or log in with a password.", status=503)
        else:
            sentence = f"{self.provider.name} did not confirm who you are. Begin again"
            self.show_log_in(after, error=f"{sentence}; if that does not help, ask an admin.", status=401)


class ThereHandler(ProviderPage):
    """Sends a browser to the provider: to log in, or (by a form of ours) to tie that log-in to an account."""

    async def get(self) -> None:
        after = local_path(self.get_query_argument("next", "/")[:LONGEST_PATH])
        if self.who.account is not None:
            self.redirect(after)
            return
        trip = Trip(after=after)
        try:
            address = await self._begin(trip)
        except ProviderError as error:
            self.fail(error, after)
            return
        self.redirect(address)

    async def post(self) -> None:
        invited = self.get_body_argument("invited", "")[:100]
        if not self.check_form():
            self.show_log_in("/", error=STALE, status=403)
            return
        trip = Trip(invited=invited) if invited else Trip(account=self.who.id, after="/account")
        if not invited and not self.who.login:
            self.show_log_in("/account", error="Log in first.", status=401)
            return
        try:
            address = escape(await self._begin(trip))
        except ProviderError as error:
            self.fail(error)
            return
        # Browsers do not let a form lead to another site, not even by a redirect; a page of ours may.
        name = escape(self.provider.name)
        body = f'<h1>Going on to {name}</h1><p>If nothing happens: <a href="{address}">log in with {name}</a>.</p>'
        head = f'<meta http-equiv="refresh" content="0; url={address}">'
        self.finish_page(html.page(self.request, "Log in", body, head=head))

    async def _begin(self, trip: Trip) -> str:
        address = await self.provider.address(trip, self.back)
        kept = create_signed_value(self.door.store.signing_key(), TRIP_COOKIE, json.dumps(asdict(trip)))
        self.put_cookie(TRIP_COOKIE, kept.decode(), TRIP_MINUTES / 1440)
        return address


class BackHandler(ProviderPage):
    """Takes who comes back from the provider, if they are who was sent there."""

    async def get(self) -> None:
        trip = self._trip()
        self.clear_cookie(TRIP_COOKIE, path="/")
        said = {name: self.get_query_argument(name, "") for name in ("state", "code", "error", "iss")}
        given = {name: value for name, value in said.items() if value}
        if trip is None or not hmac.compare_digest(trip.state.encode(), said["state"].encode()):
            # Not counted: nothing was asked and nothing told, and a page left open too long brings anybody here.
            self.show_log_in("/", error=NOT_OURS, status=400)
            return
        # Each answer that is taken makes us ask the provider, so whoever makes them up must wait like one who guesses
        # passwords. Counted by address alone: who it is, only a true answer says.
        attempts = self.door.store.attempts
        async with self.door.counting:
            wait = await self.ask(attempts.begin, "", self.address)
        if wait > 0:
            self.show_wait(trip.after, wait)
            return
        try:
            if not self.provider.came_from(given):
                raise ProviderError("the answer is another provider's")
            if "code" not in given:
                raise ProviderError(f"it sent no code: {said['error']!r:.80}")
            identity = await self.provider.identity(given["code"], trip, self.back)
        except ProviderError as error:
            if isinstance(error, ProviderAway):
                await self.ask(attempts.succeeded, "", self.address)  # no fault of theirs
            self.fail(error, trip.after)
            return
        await self.ask(attempts.succeeded, "", self.address)
        try:
            account = await self._account(trip, identity)
        except StoreError as error:
            logger.warning("%s from %s was not let in: %s", identity.subject, self.address, error)
            self.show_log_in(trip.after, error=str(error), status=403)
            return
        if trip.account:
            self.redirect(trip.after, status=303)
        else:
            await self.let_in(account, trip.after, by=self.provider.name)

    def _trip(self) -> Trip | None:
        kept = decode_signed_value(
            self.door.store.signing_key(),
            TRIP_COOKIE,
            self.get_cookie(TRIP_COOKIE) or None,
            max_age_days=TRIP_MINUTES / 1440,
        )
        return None if kept is None else Trip(**json.loads(kept))

    async def _account(self, trip: Trip, identity: Identity) -> Account:
        """Whose log-in this is; StoreError, with a sentence for them, when it is nobody's whom we let in."""
        accounts, called = self.door.store.accounts, f"{_called(identity)} at {self.provider.name}"
        if trip.account:
            if self.who.id != trip.account:
                raise StoreError("Somebody else is logged in here now. Nothing was changed.")
            return await self.ask(accounts.tie, trip.account, identity.subject)
        if trip.invited:
            invited = await self.ask(self.door.store.logins.account_of_token, trip.invited, RESET)
            if invited is None:
                raise StoreError("The link was used already, or it is too old. Ask an admin for another.")
            account = await self.ask(accounts.tie, invited.id, identity.subject, anew=True)
            self.door.forget()
            return account
        known = await self.ask(accounts.of_subject, identity.subject)
        admission = self.door.admission
        if known is None:
            if not admission.admits(identity):
                raise StoreError(f"You are {called}, and have no account here. Ask an admin to add you.")
            role = Role.ADMIN if admission.makes_admin(identity) else Role.USER
            known = await self.ask(accounts.join, identity.subject, identity.name, role)
            logger.info("%s has an account now, as %s", known.name, called)
        if known.disabled:
            raise StoreError(f"You are {called}, and your account here is disabled. Ask an admin.")
        return known


def _called(identity: Identity) -> str:
    """What a provider calls somebody, for a sentence."""
    return identity.emails[0][:100] if identity.emails else identity.name


def sign_on_routes(door: Door) -> list[tuple[str, type[RequestHandler], dict[str, Any]]]:
    """The routes of a log-in through a provider; none without one."""
    own = {"door": door}
    return (
        [] if door.provider is None else [(r"/login/provider", ThereHandler, own), (BACK, BackHandler, own)]
    )
