"""/account: one's own password, tokens for scripts, and the browsers that are logged in."""

from __future__ import annotations

from html import escape
from typing import Any

from tornado.web import RequestHandler

from dashboard.accounts import html, passwords
from dashboard.accounts.door import Door, DoorHandler
from dashboard.accounts.login import STALE
from dashboard.state.runs import clock
from dashboard.store import Account, StoreError
from dashboard.store.people import Login


class AccountHandler(DoorHandler):
    """A page of forms; each does one thing and shows the page again."""

    async def get(self) -> None:
        await self._show()

    async def post(self) -> None:
        if not self.check_form():
            await self._show(STALE, status=403)
            return
        actions = {
            "password": self._password,
            "token": self._token,
            "revoke": self._revoke,
            "log_out": self._log_out,
        }
        action = actions.get(self.get_body_argument("do", ""))
        try:
            if action is None:
                raise StoreError("This page cannot do that. Reload it and try again.")
            said: dict[str, Any] = await action()
        except StoreError as error:
            await self._show(str(error), status=422)
            return
        await self._show(**said)

    @property
    def account(self) -> Account:
        """Whose page this is; the gate lets nobody else in."""
        assert self.who.account is not None
        return self.who.account

    async def _password(self) -> dict[str, str]:
        old, new, again = (self.get_body_argument(name, "", strip=False) for name in ("old", "new", "again"))
        store, account = self.door.store, self.account
        async with self.door.counting:
            wait = await self.ask(store.attempts.begin, account.name, self.address)
        if wait > 0:
            raise StoreError(f"Too many failed attempts. Try again in {int(wait) + 1} seconds.")
        found = await self.ask(store.accounts.password_of, account.name)
        if not await self.door.hash(passwords.matches, old, None if found is None else found[1]):
            raise StoreError("The present password is another one.")
        await self.ask(store.attempts.succeeded, account.name, self.address)
        wrong = passwords.problem_with(new, account.name) or (
            "" if new == again else "The two new passwords differ. Type the same one twice."
        )
        if wrong:
            raise StoreError(wrong)
        hashed = await self.door.hash(passwords.hashed, new)
        await self.ask(store.accounts.set_password, account.id, hashed, keep_login=self.who.login)
        self.door.forget()
        return {"good": "The password is changed. Other browsers are logged out."}

    async def _token(self) -> dict[str, str]:
        label = self.get_body_argument("label", "").strip() or "script"
        return {"token": await self.ask(self.door.store.logins.make_token, self.account.id, label)}

    async def _revoke(self) -> dict[str, str]:
        token = self.get_body_argument("id", "")
        await self.ask(self.door.store.logins.revoke_token, self.account.id, token)
        self.door.forget()
        return {"good": "The token is revoked: scripts that send it are refused from now on."}

    async def _log_out(self) -> dict[str, str]:
        login = self.get_body_argument("id", "")
        own = self.door.store.seen_by(self.who)
        await self.ask(own.logins.log_out, login)
        self.door.forget()
        return {"good": "That browser is logged out."}

    async def _show(self, bad: str = "", good: str = "", token: str = "", status: int = 200) -> None:
        store, account, form = self.door.store, self.account, self.form_token()
        tokens = await self.ask(store.logins.tokens, account.id)
        logins = await self.ask(store.logins.all, account.id)
        once = f'The new token, shown only this once:<br><span class="secret">{escape(token)}</span>'
        made = f'<div class="say good" role="status">{once}</div>' if token else ""
        rows = "".join(
            f"<tr><td>{escape(one.label)}</td><td>{clock(one.created)}</td>"
            f"<td>{clock(one.used) if one.used else 'never'}</td>"
            f"<td>{_button(form, 'revoke', one.id, f'Revoke {one.label}', 'Revoke')}</td></tr>"
            for one in tokens
        )
        table = (
            f'<table aria-label="Tokens"><thead><tr><th>For</th><th>Made</th><th>Last used</th><th></th></tr></thead>'
            f"<tbody>{rows}</tbody></table>"
            if tokens
            else '<p class="muted">No tokens yet.</p>'
        )
        browsers = "".join(self._browser(form, one) for one in logins)
        body = (
            f"<h1>{escape(account.name)}</h1>{html.note('bad', bad)}{html.note('good', good)}{made}"
            '<section class="card"><h2>Tokens for scripts</h2>'
            '<p class="muted">A script that sends <code>Authorization: Bearer …</code> may do what you may.</p>'
            f'{table}<form method="post" class="line">{form}{html.hidden("do", "token")}'
            f"{html.field('label', 'What it is for', more='maxlength=80')}"
            '<button class="btn" type="submit">Make a token</button></form></section>'
            '<section class="card"><h2>Browsers that are logged in</h2>'
            '<table aria-label="Browsers"><thead><tr><th>Browser</th>'
            f"<th>From</th><th>Last seen</th><th></th></tr></thead><tbody>{browsers}</tbody></table></section>"
            f"{self._password_form(form) if account.has_password else ''}"
        )
        self.finish_page(html.page(self.request, "Account", body, wide=True, who=self.who), status)

    def _browser(self, form: str, login: Login) -> str:
        here = login.id == self.who.login
        act = (
            '<span class="muted">this one</span>'
            if here
            else _button(form, "log_out", login.id, "Log this browser out", "Log out")
        )
        return (
            f"<tr><td>{escape(browser_name(login.agent))}</td><td>{escape(login.address)}</td>"
            f"<td>{clock(login.seen)}</td><td>{act}</td></tr>"
        )

    def _password_form(self, form: str) -> str:
        new = f'required minlength="{passwords.SHORTEST}" autocomplete="new-password"'
        fields = (
            html.field(
                "old", "Present password", kind="password", more='required autocomplete="current-password"'
            ),
            html.field(
                "new", f"New password, {passwords.SHORTEST} characters or more", kind="password", more=new
            ),
            html.field("again", "The same again", kind="password", more=new),
        )
        return (
            f'<section class="card"><h2>Password</h2><form method="post" class="line">{form}'
            f"{html.hidden('do', 'password')}"
            f'{"".join(fields)}<button class="btn" type="submit">Change password</button></form></section>'
        )


def browser_name(agent: str) -> str:
    """A browser's long name for itself, cut down to what people call it."""
    for sign, name in (
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ):
        if sign in agent:
            system = next(
                (one for one in ("Windows", "Android", "iPhone", "iPad", "Mac OS", "Linux") if one in agent),
                "",
            )
            return f"{name}, {system}" if system else name
    return agent[:60]


def _button(form: str, action: str, identifier: str, label: str, text: str) -> str:
    return (
        f'<form method="post" class="bare">{form}{html.hidden("do", action)}{html.hidden("id", identifier)}'
        f'<button class="btn small" type="submit" aria-label="{escape(label)}">{escape(text)}</button></form>'
    )


def account_routes(door: Door) -> list[tuple[str, type[RequestHandler], dict[str, Any]]]:
    """The route of the account page."""
    return [(r"/account", AccountHandler, {"door": door})]
