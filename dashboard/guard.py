"""What keeps other web pages away from a server on this machine: checks and headers for every request."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from tornado.httputil import HTTPHeaders, HTTPServerRequest
from tornado.routing import Matcher, Rule
from tornado.web import Application, OutputTransform, RequestHandler

from dashboard.access import NotHere, WithoutRule

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    # No other site may show these pages in a frame and lend its visitors' clicks to them.
    "X-Frame-Options": "SAMEORIGIN",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def guard(application: Application, host_names: tuple[str, ...]) -> None:
    """Make the whole application, pages and websockets included, answer only under these host names and only at
    addresses that dashboard.access has a rule for.
    """
    application.default_router.rules[:0] = [
        Rule(OtherHost(host_names), RefuseHost),
        Rule(WithoutRule(), NotHere),
    ]
    application.transforms.append(AddHeaders)


def host_name(host: str) -> str:
    """The name of a Host header or an Origin without its port, lower case; "" when it cannot be read."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


class OtherHost(Matcher):
    """Matches a Host that is none of ours: a page elsewhere whose name was pointed at this machine."""

    def __init__(self, host_names: tuple[str, ...]) -> None:
        self._host_names = host_names

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        return None if host_name(request.host) in self._host_names else {}


class RefuseHost(RequestHandler):
    """The answer to a request under a host name that is not ours."""

    def prepare(self) -> None:
        self.set_status(421)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(
            "This server does not answer under this host name. Open it as 127.0.0.1 or localhost, "
            "or start it with --allowed-hosts and the name.\n"
        )


class AddHeaders(OutputTransform):
    """Adds the harmless headers to every answer."""

    def __init__(self, request: HTTPServerRequest) -> None:
        """Nothing of the request matters."""

    def transform_first_chunk(
        self, status_code: int, headers: HTTPHeaders, chunk: bytes, finishing: bool
    ) -> tuple[int, HTTPHeaders, bytes]:
        for name, value in _HEADERS.items():
            headers.setdefault(name, value)
        headers.pop("Server", None)  # which version answers is nobody's business
        return status_code, headers, chunk
