"""/admin: who has an account, which browsers and pages are open, the queue, the disk, the end of the log."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

from tornado.web import RequestHandler

from dashboard.accounts import html
from dashboard.accounts.admin_html import live, people_table
from dashboard.accounts.door import Action, Door, FormsHandler
from dashboard.accounts.log import LogTail
from dashboard.accounts.overview import state_of
from dashboard.services import Services
from dashboard.store import Role, StoreError
from dashboard.store.people import RESET


class AdminHandler(FormsHandler):
    """A page of forms; what changes by itself is fetched again by a small script (`?live`)."""

    def initialize(self, door: Door, **parts: Any) -> None:
        super().initialize(door)
        self._services: Services = parts["services"]
        self._pages: Callable[[], list[Any]] = parts["pages"]
        self._tail: LogTail = parts["log"]

    async def get(self) -> None:
        if self.get_query_argument("live", None) is None:
            await self.show()
        else:
            state = await state_of(self._services, self._pages())
            self.finish_page(live(state, self._tail.lines, self.form_token()))

    @property
    def actions(self) -> dict[str, Action]:
        """What the forms of the page do."""
        return {
            "add": self._add,
            "disable": self._disable,
            "enable": self._enable,
            "admin": lambda one: self._role(one, Role.ADMIN),
            "user": lambda one: self._role(one, Role.USER),
            "reset": self._reset,
            "log_out": self._log_out,
            "cancel": self._cancel,
        }

    async def _add(self, _: str) -> dict[str, str]:
        store = self.door.store
        account = await self.ask(store.accounts.add, self.get_body_argument("name", ""))
        return {"good": f"{account.name} may choose {self._way} by this link, once, for two days:"} | {
            "secret": await self._link(account.id)
        }

    async def _reset(self, account_id: str) -> dict[str, str]:
        account = await self._named(account_id)
        return {"good": f"{account} may choose {self._way} anew by this link, once, for two days:"} | {
            "secret": await self._link(account_id)
        }

    @property
    def _way(self) -> str:
        provider = self.door.provider
        return "a password" if provider is None else f"a password or {provider.name}"

    async def _link(self, account_id: str) -> str:
        secret = await self.ask(self.door.store.logins.make_token, account_id, "reset", RESET)
        return f"{self.base_url}/login/new/{secret}"

    async def _disable(self, account_id: str) -> dict[str, str]:
        account = await self.ask(self.door.store.accounts.set_disabled, account_id, True)
        return {"good": f"{account.name} cannot log in any more. What is theirs stays."}

    async def _enable(self, account_id: str) -> dict[str, str]:
        account = await self.ask(self.door.store.accounts.set_disabled, account_id, False)
        await self.ask(self.door.store.attempts.forget, account.name)
        return {"good": f"{account.name} can log in again."}

    async def _role(self, account_id: str, role: Role) -> dict[str, str]:
        account = await self.ask(self.door.store.accounts.set_role, account_id, role)
        return {"good": f"{account.name} is {'an admin' if account.is_admin else 'a user'} now."}

    async def _log_out(self, login_id: str) -> dict[str, str]:
        await self.ask(self.door.store.logins.log_out, login_id)
        return {"good": "That browser is logged out."}

    async def _cancel(self, run_id: str) -> dict[str, str]:
        await self.ask(self._services.jobs.cancel, run_id)
        return {"good": "The fit is asked to stop; the best values so far are kept."}

    async def _named(self, account_id: str) -> str:
        names = await self.ask(self.door.store.accounts.names)
        if account_id not in names:
            raise StoreError("There is no such account.")
        return str(names[account_id])

    async def show(self, bad: str = "", good: str = "", secret: str = "", status: int = 200) -> None:
        state, form = await state_of(self._services, self._pages()), self.form_token()
        once = f'<p class="say good"><span class="secret">{escape(secret)}</span></p>' if secret else ""
        body = (
            f"<h1>Admin</h1>{html.note('bad', bad)}{html.note('good', good)}{once}"
            f'<section class="card"><h2>People</h2>{people_table(state, form, self.who.id)}'
            f'<form method="post" class="line">{form}{html.hidden("do", "add")}'
            f"{html.field('name', 'Name of somebody new', more='required maxlength=60')}"
            '<button class="btn" type="submit">Add</button></form></section>'
            f'<div id="live" class="stack-wide">{live(state, self._tail.lines, form)}</div>'
        )
        page = html.page(self.request, "Admin", body, wide=True, who=self.who, scripts=["admin.js"])
        self.finish_page(page, status)


def admin_routes(
    door: Door, services: Services, pages: Callable[[], list[Any]], log: LogTail
) -> list[tuple[str, type[RequestHandler], dict[str, Any]]]:
    """The route of the admin page; `pages` gives the requests of pages that are open."""
    return [(r"/admin", AdminHandler, {"door": door, "services": services, "pages": pages, "log": log})]
