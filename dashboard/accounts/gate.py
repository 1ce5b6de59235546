"""The gate: every request goes through here, before any handler, page or websocket sees it.

It finds the rule for the address (dashboard.access), who asks, and how far they reach what the address names, and hands
the request on or refuses it. Handlers find who asks in `request.who`; none of them has to check. Pages find in
`request.facts` what they are about.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote, urlsplit

from bokeh.server.tornado import BokehTornado
from bokeh.util.token import check_token_signature, get_session_id
from sqlalchemy.exc import SQLAlchemyError
from tornado import httputil

from dashboard.access import Touched, Verdict, decide, rule_of
from dashboard.accounts.doorkeeper import BadToken, Doorkeeper
from dashboard.accounts.refusal import Refusal
from dashboard.facts import Facts
from dashboard.guard import host_name
from dashboard.store import LOCAL, Who

# Handlers that take more say so.
MOST_BODY_BYTES = 1_000_000
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
NO_RULE = "There is nothing at this address."
NOT_HERE = "There is nothing at this address, or it is not shared with you."
FORBIDDEN = "This is open to you for reading only."
OTHER_SITE = "This request came from another site, so it was refused."
LOG_IN = "Log in first, or send a token: Authorization: Bearer ..."
AWAY = "The database does not answer. Try again in a minute."
OTHER_HOST = (
    "This server does not answer under this host name. Open it as 127.0.0.1 or localhost, "
    "or start it with --allowed-hosts and the name."
)
Refused = dict[str, Any]

logger = logging.getLogger("residua.gate")


class Gate(httputil.HTTPServerConnectionDelegate):
    """Stands before the application. Without a doorkeeper everybody who comes under our host names may do all."""

    def __init__(
        self,
        application: BokehTornado,
        host_names: tuple[str, ...],
        doorkeeper: Doorkeeper | None = None,
        facts: Callable[[Who, list[Touched]], Facts] | None = None,
    ) -> None:
        self.application = application
        self.doorkeeper = doorkeeper
        self._facts = facts
        self._host_names = host_names
        self._making_a_page = asyncio.Lock()

    def start_request(
        self, server_conn: object, request_conn: httputil.HTTPConnection
    ) -> httputil.HTTPMessageDelegate:
        return _AtTheGate(self, server_conn, request_conn)

    def on_close(self, server_conn: object) -> None:
        self.application.on_close(server_conn)

    def unasked(self, request: httputil.HTTPServerRequest) -> Refused | None:
        """Why a request is refused whoever makes it; None when it depends on them."""
        if host_name(request.host) not in self._host_names:
            return {"status": 421, "sentence": OTHER_HOST}
        rule = rule_of(request.path)
        if rule is None or (rule.accounts and self.doorkeeper is None):
            return {"status": 404, "sentence": NO_RULE}
        return None

    async def judge(self, request: httputil.HTTPServerRequest) -> tuple[Verdict, Who]:
        """What to do with a request that a rule is for, and who makes it. BadToken, TimeoutError, SQLAlchemyError."""
        if self.doorkeeper is None:
            return Verdict.ALLOW, LOCAL
        rule = rule_of(request.path)
        assert rule is not None
        who = await self.doorkeeper.who(request)
        touched = rule.touched(request.path, request.arguments)
        reach = await self.doorkeeper.reach(who, touched)
        return decide(rule.access, who, reach), who

    async def ask(self, request: httputil.HTTPServerRequest) -> Refused | None:
        """Look up who makes a request; why it is refused, or None when it goes on."""
        try:
            verdict, who = await self.judge(request)
            facts = await self._read(request, who) if verdict is Verdict.ALLOW else Facts()
        except BadToken:
            return {"status": 401, "sentence": "This token opens nothing: it was revoked, or mistyped."}
        except (TimeoutError, SQLAlchemyError) as error:
            logger.error("%s %s: the database does not answer (%s)", request.method, request.path, error)
            return {"status": 503, "sentence": AWAY}
        request.who, request.facts = who, facts  # type: ignore[attr-defined]
        by_token = "Authorization" in request.headers
        if request.method not in SAFE_METHODS and not by_token and from_another_site(request):
            return {"status": 403, "sentence": OTHER_SITE}
        if verdict is Verdict.LOG_IN:
            return {"status": 401, "sentence": LOG_IN, "log_in": _log_in_address(request)}
        if verdict is Verdict.NOT_HERE or self._is_of_another(request, who):
            return {"status": 404, "sentence": NOT_HERE}
        return {"status": 403, "sentence": FORBIDDEN} if verdict is Verdict.FORBIDDEN else None

    async def wait_for_turn(self, request: httputil.HTTPServerRequest) -> None:
        """Let one page at a time be made, or sent through its websocket, and what waits on the event loop run between.

        Each keeps the loop for some tenths of a second. When many come at once, nobody else should have to wait for all
        of them together.
        """
        rule = rule_of(request.path)
        if rule is not None and rule.page:
            async with self._making_a_page:
                await asyncio.sleep(0)

    async def _read(self, request: httputil.HTTPServerRequest, who: Who) -> Facts:
        """What the page that a request opens needs to know of what it is about."""
        rule = rule_of(request.path)
        if self._facts is None or rule is None or not rule.page:
            return Facts()
        touched = rule.touched(request.path, request.arguments)
        return await asyncio.to_thread(self._facts, who, touched) if touched else Facts()

    def _is_of_another(self, request: httputil.HTTPServerRequest, who: Who) -> bool:
        """Whether a request wants into a page's session that somebody else opened, or says which id a new one gets."""
        if self.doorkeeper is None:
            return False
        named = {"bokeh-session-id", "bokeh-token"} & request.arguments.keys()
        if named or "Bokeh-Session-Id" in request.headers:
            return True
        protocols = request.headers.get("Sec-WebSocket-Protocol", "").split(",")
        if not request.path.endswith("/ws") or len(protocols) != 2:
            return False
        token, app = protocols[1].strip(), self.application
        try:
            ours = check_token_signature(token, secret_key=app.secret_key, signed=app.sign_sessions)
            wanted = get_session_id(token)
        except Exception:  # whatever a stranger sent
            return True
        if not ours:
            return True
        for opened in page_requests(self.application):
            if opened.session_id == wanted:
                return bool(
                    opened.request.who.key != who.key or opened.page != request.path.removesuffix("/ws")
                )
        return False


class Opened:
    """A page that is open in a browser: its session, and the request that opened it."""

    def __init__(self, context: Any, session_id: str, request: Any) -> None:
        self.context = context
        self.session_id = session_id
        self.request = request

    @property
    def page(self) -> str:
        """The page's path, without a slash at its end."""
        return str(self.request.path).removesuffix("/ws").rstrip("/")


def page_requests(application: BokehTornado) -> list[Opened]:
    """Every page that is open now."""
    found = []
    for context in application._applications.values():
        for session_id, session in list(context._session_contexts.items()):
            request = getattr(session.request, "_request", None)
            if request is not None and hasattr(request, "who"):
                found.append(Opened(context, session_id, request))
    return found


class _AtTheGate(httputil.HTTPMessageDelegate):
    """One request: its headers are read, its body is not."""

    def __init__(self, gate: Gate, server_conn: object, request_conn: httputil.HTTPConnection) -> None:
        self._gate = gate
        self._server_conn = server_conn
        self._request_conn = request_conn
        self._next: httputil.HTTPMessageDelegate | None = None

    def headers_received(
        self,
        start_line: httputil.RequestStartLine | httputil.ResponseStartLine,
        headers: httputil.HTTPHeaders,
    ) -> Awaitable[None] | None:
        assert isinstance(start_line, httputil.RequestStartLine)
        request = httputil.HTTPServerRequest(
            connection=self._request_conn,
            server_connection=self._server_conn,
            start_line=start_line,
            headers=headers,
        )
        request.who = LOCAL if self._gate.doorkeeper is None else None  # type: ignore[attr-defined]
        self._request_conn.set_max_body_size(MOST_BODY_BYTES)  # type: ignore[attr-defined]
        request.facts = Facts()  # type: ignore[attr-defined]
        refused = self._gate.unasked(request)
        if refused is not None:
            return self._go(request, refused, start_line, headers)
        return self._ask(request, start_line, headers)

    async def _ask(
        self,
        request: httputil.HTTPServerRequest,
        start_line: httputil.RequestStartLine,
        headers: httputil.HTTPHeaders,
    ) -> None:
        refused = await self._gate.ask(request)
        if refused is None:
            await self._gate.wait_for_turn(request)
        going = self._go(request, refused, start_line, headers)
        if going is not None:
            await going

    def _go(
        self,
        request: httputil.HTTPServerRequest,
        refused: Refused | None,
        start_line: httputil.RequestStartLine,
        headers: httputil.HTTPHeaders,
    ) -> Awaitable[None] | None:
        application = self._gate.application
        if refused is None:
            self._next = application.find_handler(request)
        else:
            self._next = application.get_handler_delegate(request, Refusal, refused)
        return self._next.headers_received(start_line, headers)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        assert self._next is not None
        return self._next.data_received(chunk)

    def finish(self) -> None:
        assert self._next is not None
        self._next.finish()

    def on_connection_close(self) -> None:
        if self._next is not None:
            self._next.on_connection_close()


def from_another_site(request: httputil.HTTPServerRequest) -> bool:
    """Whether a page of another site makes a browser send this.

    Browsers put Origin on every cross-site POST and Sec-Fetch-Site on all they send; scripts use neither.
    """
    origin = request.headers.get("Origin")
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    foreign = origin is not None and urlsplit(origin).netloc.lower() != request.host.lower()
    return foreign or site not in ("same-origin", "none")


def _log_in_address(request: httputil.HTTPServerRequest) -> str:
    """Where a person goes who opened a page without being logged in; "" for what no person looks at."""
    rule = rule_of(request.path)
    beside = request.path.endswith(("/ws", "/metadata", "/autoload.js"))
    if rule is None or not rule.page or beside or request.method not in ("GET", "HEAD"):
        return ""
    return f"/login?next={quote(request.uri or '/', safe='')}"
