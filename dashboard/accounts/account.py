"""/account: one's own password, tokens for scripts, and the browsers that are logged in."""

from __future__ import annotations

from html import escape
from typing import Any

from tornado.web import RequestHandler

from dashboard.accounts import html, passwords
from dashboard.accounts.door import Action, Door, FormsHandler
from dashboard.state.runs import clock
from dashboard.store import Account, StoreError
from dashboard.store.people import Login


class AccountHandler(FormsHandler):
    """A page of forms; each does one thing and shows the page again."""

    async def get(self) -> None:
        await self.show()

    @property
    def actions(self) -> dict[str, Action]:
        """What the forms of the page do."""
        return {
            "password": self._password,
            "token": self._token,
            "revoke": self._revoke,
            "log_out": self._log_out,
            "untie": self._untie,
        }

    @property
    def account(self) -> Account:
        """Whose page this is; the gate lets nobody else in."""
        assert self.who.account is not None
        return self.who.account

    async def _password(self, _: str) -> dict[str, str]:
        old, new, again = (self.get_body_argument(name, "", strip=False) for name in ("old", "new", "again"))
        store, account = self.door.store, self.account
        wait, found = await self.identified(account.name, old)
        if wait > 0:
            raise StoreError(f"Too many failed attempts. Try again in {int(wait) + 1} seconds.")
        if found is None:
            raise StoreError("The present password is another one.")
        wrong = passwords.problem_with(new, account.name) or (
            "" if new == again else "The two new passwords differ. Type the same one twice."
        )
        if wrong:
            raise StoreError(wrong)
        hashed = await self.door.hash(passwords.hashed, new)
        await self.ask(store.accounts.set_password, account.id, hashed, keep_login=self.who.login)
        return {"good": "The password is changed. Other browsers are logged out."}

    async def _token(self, _: str) -> dict[str, str]:
        label = self.get_body_argument("label", "").strip() or "script"
        return {"secret": await self.ask(self.door.store.logins.make_token, self.account.id, label)}

    async def _revoke(self, token: str) -> dict[str, str]:
        await self.ask(self.door.store.logins.revoke_token, self.account.id, token)
        return {"good": "The token is revoked: scripts that send it are refused from now on."}

    async def _log_out(self, login: str) -> dict[str, str]:
        own = self.door.store.seen_by(self.who)
        await self.ask(own.logins.log_out, login)
        return {"good": "That browser is logged out."}

    async def _untie(self, _: str) -> dict[str, str]:
        await self.ask(self.door.store.accounts.tie, self.account.id, None)
        return {"good": "From now on your password is the only way in."}

    async def show(self, bad: str = "", good: str = "", secret: str = "", status: int = 200) -> None:
        store, account, form = self.door.store, self.account, self.form_token()
        tokens = await self.ask(store.logins.tokens, account.id)
        logins = await self.ask(store.logins.all, account.id)
        once = f'The new token, shown only this once:<br><span class="secret">{escape(secret)}</span>'
        made = f'<div class="say good" role="status">{once}</div>' if secret else ""
        rows = "".join(
            f"<tr><td>{escape(one.label)}</td><td>{clock(one.created)}</td>"
            f"<td>{clock(one.used) if one.used else 'never'}</td>"
            f"<td>{html.button(form, 'revoke', one.id, 'Revoke', f'Revoke {one.label}')}</td></tr>"
            for one in tokens
        )
        made_so_far = html.table("Tokens", ("For", "Made", "Last used", ""), rows)
        table = made_so_far if tokens else '<p class="muted">No tokens yet.</p>'
        browsers = "".join(self._browser(form, one) for one in logins)
        body = (
            f"<h1>{escape(account.name)}</h1>{html.note('bad', bad)}{html.note('good', good)}{made}"
            '<section class="card"><h2>Tokens for scripts</h2>'
            '<p class="muted">A script that sends <code>Authorization: Bearer …</code> may do what you may.</p>'
            f'{table}<form method="post" class="line">{form}{html.hidden("do", "token")}'
            f"{html.field('label', 'What it is for', more='maxlength=80')}"
            '<button class="btn" type="submit">Make a token</button></form></section>'
            '<section class="card"><h2>Browsers that are logged in</h2>'
            f"{html.table('Browsers', ('Browser', 'From', 'Last seen', ''), browsers)}</section>"
            f"{await self._provider_form(form)}{self._password_form(form) if account.has_password else ''}"
        )
        self.finish_page(html.page(self.request, "Account", body, wide=True, who=self.who), status)

    def _browser(self, form: str, login: Login) -> str:
        here = login.id == self.who.login
        act = (
            '<span class="muted">this one</span>'
            if here
            else html.button(form, "log_out", login.id, "Log out", "Log this browser out")
        )
        return (
            f"<tr><td>{escape(browser_name(login.agent))}</td><td>{escape(login.address)}</td>"
            f"<td>{clock(login.seen)}</td><td>{act}</td></tr>"
        )

    async def _provider_form(self, form: str) -> str:
        """Whether this account can be had through the provider too, and the way to that or back."""
        if self.door.provider is None:
            return ""
        name = escape(self.door.provider.name)
        account = await self.ask(self.door.store.accounts.named, self.account.name)
        if not account.has_provider:
            words, label = f"Log in with {name} from now on, too.", f"Connect {name}"
            act = f'<div><form method="post" action="/login/provider" class="bare">{form}'
            act += f'<button class="btn" type="submit">{label}</button></form></div>'
        elif account.has_password:
            words = f"You can log in with {name} or with your password."
            text = f"Disconnect {self.door.provider.name}"
            act = f"<div>{html.button(form, 'untie', '', text, text)}</div>"
        else:
            words, act = f"You log in with {name}.", ""
        return f'<section class="card"><h2>{name}</h2><p class="muted">{words}</p>{act}</section>'

    def _password_form(self, form: str) -> str:
        new = f'required minlength="{passwords.SHORTEST}" autocomplete="new-password"'
        fields = (
            html.field(
                "old", "Present password", kind="password", more='required autocomplete="current-password"'
            ),
            html.field("new", f"New, {passwords.SHORTEST} characters or more", kind="password", more=new),
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


def account_routes(door: Door) -> list[tuple[str, type[RequestHandler], dict[str, Any]]]:
    """The route of the account page."""
    return [(r"/account", AccountHandler, {"door": door})]
