"""What the handlers of log-in and accounts share: who asks, forms that only our own pages can send, cookies."""

from __future__ import annotations

import asyncio
import hmac
import logging
import secrets
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlsplit

from tornado.web import HTTPError, RequestHandler

from dashboard.accounts import html, passwords
from dashboard.accounts.doorkeeper import SESSION_COOKIE, Doorkeeper
from dashboard.accounts.providers.identity import Admission
from dashboard.accounts.providers.provider import Provider, admission_of, provider_of
from dashboard.settings import Settings
from dashboard.store import Account, Store, StoreError, Who

FORM_COOKIE = "residua_form"
FORM_FIELD = "form"
HASHING_THREADS = 2
STALE = "This page had been open for too long. Try again now."
Answer = TypeVar("Answer")
# Does something with what an id names ("" for none); what the page shows then: good, secret.
Action = Callable[[str], Awaitable[dict[str, str]]]

logger = logging.getLogger("residua.accounts")


@dataclass
class Door:
    """What the handlers work with; made once for a server with accounts."""

    store: Store
    settings: Settings
    keeper: Doorkeeper
    # Each hash takes 64 MiB and a core for a tenth of a second: more at once would only take memory.
    hashing: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(HASHING_THREADS, thread_name_prefix="residua-hash")
    )
    counting: asyncio.Lock = field(default_factory=asyncio.Lock)
    # Told whenever somebody may do less than before, so that pages that are open are looked at again.
    changed: Callable[[], None] = lambda: None
    stop_watching: Callable[[], None] = lambda: None
    provider: Provider | None = field(init=False)
    admission: Admission = field(init=False)

    def __post_init__(self) -> None:
        self.provider = provider_of(self.settings)
        self.admission = admission_of(self.settings)

    def forget(self) -> None:
        """What people may do has changed: from now on look it up again, for pages that are open too."""
        self.keeper.forget()
        self.changed()

    async def hash(self, work: Callable[..., Answer], *arguments: Any) -> Answer:
        """Work with a password, on a thread."""
        return await asyncio.get_running_loop().run_in_executor(self.hashing, work, *arguments)

    def close(self) -> None:
        """Let the threads go."""
        self.stop_watching()
        self.hashing.shutdown(wait=False, cancel_futures=True)
        self.keeper.close()
        if self.provider is not None:
            self.provider.close()


class DoorHandler(RequestHandler):
    """A plain page with forms."""

    door: Door
    # The one of a browser that has none yet, the same for all forms of a page.
    _new_form_token = ""

    def initialize(self, door: Door) -> None:
        self.door = door

    def set_default_headers(self) -> None:
        self.set_header("Cache-Control", "no-store")
        self.set_header("Content-Security-Policy", html.POLICY)

    @property
    def who(self) -> Who:
        """Who asks, as the gate found out."""
        who: Who = self.request.who  # type: ignore[attr-defined]
        return who

    @property
    def address(self) -> str:
        """Where the request comes from."""
        return self.request.remote_ip or "unknown"

    @property
    def base_url(self) -> str:
        """What stands before the paths of this server, as people type it."""
        own = self.door.settings.public_url.rstrip("/")
        return own or f"{self.request.protocol}://{self.request.host}"

    async def ask(self, question: Callable[..., Answer], *arguments: Any, **more: Any) -> Answer:
        """Ask the store, on a thread."""
        return await asyncio.to_thread(question, *arguments, **more)

    def form_token(self) -> str:
        """The hidden field of a form: another site can send the form, but does not know what the cookie says."""
        kept = self.get_cookie(FORM_COOKIE, "") or self._new_form_token
        if len(kept) < 20:
            kept = self._new_form_token = secrets.token_urlsafe(24)
            self.put_cookie(FORM_COOKIE, kept)
        return html.hidden(FORM_FIELD, kept)

    def check_form(self) -> bool:
        """Whether a form was sent from a page of ours."""
        kept, sent = self.get_cookie(FORM_COOKIE, "") or "", self.get_body_argument(FORM_FIELD, "")
        return len(kept) >= 20 and hmac.compare_digest(kept.encode(), sent.encode())

    async def identified(self, name: str, password: str) -> tuple[float, tuple[Account, str] | None]:
        """Count an attempt at a password: the seconds to wait where there were too many, 0 where it was looked at, and
        then whose it is with its hash; None where name and password do not belong together, known or not.
        """
        door, store = self.door, self.door.store
        async with door.counting:
            wait = await self.ask(store.attempts.begin, name, self.address)
        if wait > 0:
            return wait, None
        found = await self.ask(store.accounts.password_of, name)
        if not await door.hash(passwords.matches, password, None if found is None else found[1]):
            return 0.0, None
        await self.ask(store.attempts.succeeded, name, self.address)
        return 0.0, found

    def put_cookie(self, name: str, value: str, days: float | None = None) -> None:
        """Set a cookie that scripts cannot read; over https it never goes over anything else."""
        self.set_cookie(
            name,
            value,
            path="/",
            httponly=True,
            samesite="Lax",
            secure=self.request.protocol == "https",
            expires_days=days,
        )

    async def let_in(self, account: Account, after: str, by: str = "password") -> None:
        """Log the browser in, always by a new secret, and lead it on; what it was logged in as before ends."""
        logins, days = self.door.store.logins, self.door.settings.session_days
        if self.who.login:
            await self.ask(logins.log_out, self.who.login)
            self.door.forget()
        agent = self.request.headers.get("User-Agent", "")
        secret = await self.ask(logins.log_in, account.id, days=days, address=self.address, agent=agent)
        logger.info("%s logged in from %s by %s", account.name, self.address, by)
        self.put_cookie(SESSION_COOKIE, secret, days)
        self.redirect(after, status=303)

    def finish_page(self, text: str, status: int = 200) -> None:
        """Send a page."""
        self.set_status(status)
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.finish(text)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        error = kwargs["exc_info"][1] if "exc_info" in kwargs else None
        sentence = "The server refused this request."
        if isinstance(error, StoreError):
            status_code, sentence = 422, str(error)
        elif not isinstance(error, HTTPError):
            code = secrets.token_hex(4)
            logger.error("[%s] %s %s failed", code, self.request.method, self.request.path, exc_info=error)
            sentence = f"Something went wrong here. The server's log has it as {code}."
        self.finish_page(html.message_page(self.request, "Not done", sentence), status_code)

    def log_exception(self, *arguments: Any) -> None:
        """Errors are logged once, in `write_error`."""


class FormsHandler(DoorHandler):
    """A page of forms; each does one thing and shows the page again."""

    @property
    def actions(self) -> dict[str, Action]:
        """What the forms of the page do, by the value of their field `do`."""
        raise NotImplementedError

    async def show(self, bad: str = "", good: str = "", secret: str = "", status: int = 200) -> None:
        """Send the page, with what is to be said on it; a secret is told only this once."""
        raise NotImplementedError

    async def post(self) -> None:
        if not self.check_form():
            await self.show(STALE, status=403)
            return
        action = self.actions.get(self.get_body_argument("do", ""))
        try:
            if action is None:
                raise StoreError("This page cannot do that. Reload it and try again.")
            said = await action(self.get_body_argument("id", ""))
        except StoreError as error:
            await self.show(str(error), status=422)
            return
        self.door.forget()
        await self.show(good=said.get("good", ""), secret=said.get("secret", ""))


def local_path(text: str) -> str:
    """Where to go after log-in: a path of this server, or the first page when it leads anywhere else."""
    parts = urlsplit(text)
    strange = parts.scheme or parts.netloc or "\\" in text or any(ord(letter) < 33 for letter in text)
    return text if text.startswith("/") and not text.startswith("//") and not strange else "/"
