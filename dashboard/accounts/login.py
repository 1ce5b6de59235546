"""/login, /logout, /s/{token}: in, out, and in by a link that somebody shared."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from tornado.web import RequestHandler

from dashboard.accounts import html, passwords
from dashboard.accounts.door import STALE, Door, DoorHandler, local_path, logger
from dashboard.accounts.doorkeeper import LINK_COOKIE, MOST_LINKS, SESSION_COOKIE
from dashboard.store import NotFound
from dashboard.store.people import RESET

WRONG = "This name and password do not belong together. Small and capital letters differ in passwords."


class LoginPage(DoorHandler):
    """The page that asks who somebody is: by the provider, where there is one, and by name and password."""

    def show_log_in(self, after: str, name: str = "", error: str = "", status: int = 200) -> None:
        """Send the page; `after` is where to go then."""
        provider = self.door.provider
        more = 'required autocomplete="username"' + ("" if provider else " autofocus")
        fields = html.field("name", "Name", value=name, more=more)
        secret = html.field(
            "password", "Password", kind="password", more='required autocomplete="current-password"'
        )
        form = (
            f'<form method="post" action="/login">{self.form_token()}{html.hidden("next", after)}{fields}{secret}'
            f'<button class="btn{"" if provider else " main"}" type="submit">Log in</button></form>'
        )
        if provider is not None:
            address = f"/login/provider?next={quote(after, safe='')}"
            form = (
                f'<a class="btn main" href="{address}">Log in with {html.escape(provider.name)}</a>'
                f'<p class="or"><span>or with a password</span></p>{form}'
            )
        body = (
            f'<h1>Log in</h1>{html.note("bad", error)}<section class="card">{form}</section>'
            '<p class="muted small">No account, or the password is lost? Ask who runs this server.</p>'
        )
        self.finish_page(html.page(self.request, "Log in", body), status)

    def show_wait(self, after: str, seconds: float, name: str = "") -> None:
        """Send the page to somebody who failed too often and must wait so many seconds."""
        logger.warning("Too many failed log-ins as %r from %s", name[:60], self.address)
        self.set_header("Retry-After", str(int(seconds) + 1))
        self.show_log_in(after, name, f"Too many failed attempts. Try again in {_duration(seconds)}.", 429)


class LoginHandler(LoginPage):
    """Asks for name and password. A name that does not exist is answered like a wrong password, and as late."""

    def get(self) -> None:
        after = local_path(self.get_query_argument("next", "/"))
        if self.who.account is not None:
            self.redirect(after)
            return
        self.show_log_in(after)

    async def post(self) -> None:
        name = self.get_body_argument("name", "")[:200]
        password = self.get_body_argument("password", "", strip=False)
        after = local_path(self.get_body_argument("next", "/"))
        if not self.check_form():
            self.show_log_in(after, name, STALE, 403)
            return
        door, store = self.door, self.door.store
        wait, found = await self.identified(name, password)
        if wait > 0:
            self.show_wait(after, wait, name)
            return
        if found is None:
            logger.warning("Failed log-in as %r from %s", name[:60], self.address)
            self.show_log_in(after, name, WRONG, 401)
            return
        account, kept = found
        if passwords.outdated(kept):
            await self.ask(store.accounts.rehash, account.id, await door.hash(passwords.hashed, password))
        await self.let_in(account, after)


class LogoutHandler(DoorHandler):
    """Ends the log-in of this browser; the gate has refused what another site made it send."""

    async def post(self) -> None:
        if self.who.login:
            await self.ask(self.door.store.logins.log_out, self.who.login)
            self.door.forget()
        self.clear_cookie(SESSION_COOKIE, path="/")
        self.clear_cookie(LINK_COOKIE, path="/")
        self.redirect("/login", status=303)


class LinkHandler(DoorHandler):
    """Takes a link to a project: the browser may read it from now on, until the link is revoked."""

    async def get(self, token: str) -> None:
        by = self.who.name or "somebody without an account"
        try:
            project = await self.ask(self.door.store.sharing.opened, token, by)
        except NotFound as error:
            self.finish_page(html.message_page(self.request, "This link is closed", str(error)), 404)
            return
        known = [one for one in (self.get_cookie(LINK_COOKIE) or "").split(".") if one and one != token]
        self.put_cookie(
            LINK_COOKIE, ".".join([*known[1 - MOST_LINKS :], token]), self.door.settings.session_days
        )
        self.door.keeper.forget()
        self.redirect(f"/fit/{project}", status=303)


class ResetHandler(DoorHandler):
    """A new password for whoever has the link that an admin made; it works once."""

    async def get(self, token: str) -> None:
        await self._show(token)

    async def post(self, token: str) -> None:
        first, again = (self.get_body_argument(name, "", strip=False) for name in ("password", "again"))
        if not self.check_form():
            await self._show(token, STALE, 403)
            return
        account = await self.ask(self.door.store.logins.account_of_token, token, RESET)
        if account is None:
            await self._show(token)
            return
        wrong = passwords.problem_with(first, account.name) or (
            "" if first == again else "The two passwords differ. Type the same one twice."
        )
        if wrong:
            await self._show(token, wrong, 422)
            return
        await self.ask(
            self.door.store.accounts.set_password, account.id, await self.door.hash(passwords.hashed, first)
        )
        await self.ask(self.door.store.attempts.forget, account.name)
        self.door.forget()
        self.redirect("/login", status=303)

    async def _show(self, token: str, error: str = "", status: int = 200) -> None:
        account = await self.ask(self.door.store.logins.account_of_token, token, RESET)
        if account is None:
            sentence = "This link was used already, or it is too old. Ask an admin for another."
            self.finish_page(html.message_page(self.request, "This link is closed", sentence), 404)
            return
        label = f"New password, {passwords.SHORTEST} characters or more"
        more = f'required minlength="{passwords.SHORTEST}" autocomplete="new-password"'
        name, form = html.escape(account.name), self.form_token()
        fields = (
            f'<form method="post">{form}{html.field("password", label, kind="password", more=more)}'
            f"{html.field('again', 'The same again', kind='password', more=more)}"
            '<button class="btn main" type="submit">Set password</button></form>'
        )
        body = (
            f"<h1>{'A password' if self.door.provider is None else 'A log-in'} for {name}</h1>"
            f'{html.note("bad", error)}<section class="card">{fields}{self._without(token, form)}</section>'
        )
        self.finish_page(html.page(self.request, "New password", body), status)

    def _without(self, token: str, form: str) -> str:
        """The way to do without a password."""
        if self.door.provider is None:
            return ""
        return (
            '<p class="or"><span>or without one</span></p><form method="post" action="/login/provider">'
            f"{form}{html.hidden('invited', token)}"
            f'<button class="btn" type="submit">Use {html.escape(self.door.provider.name)}</button></form>'
        )


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{int(seconds) + 1} seconds"
    return f"{int(seconds / 60) + 1} minutes"


def login_routes(door: Door) -> list[tuple[str, type[RequestHandler], dict[str, Any]]]:
    """The routes of log-in."""
    own = {"door": door}
    return [
        (r"/login", LoginHandler, own),
        (r"/login/new/([A-Za-z0-9_-]+)", ResetHandler, own),
        (r"/logout", LogoutHandler, own),
        (r"/s/([A-Za-z0-9_-]+)", LinkHandler, own),
    ]
