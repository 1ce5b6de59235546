"""Harmless headers for every answer, and the names this server goes by."""

from __future__ import annotations

from urllib.parse import urlsplit

from tornado.httputil import HTTPHeaders, HTTPServerRequest
from tornado.web import OutputTransform

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    # No other site may show these pages in a frame and lend its visitors' clicks to them.
    "X-Frame-Options": "SAMEORIGIN",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Nothing comes from elsewhere, nothing goes elsewhere. Bokeh and Panel need scripts and styles within the page, and
    # compile the callbacks and components that are sent along.
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; connect-src 'self' blob: data:; font-src 'self' data:; "
        "worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
    ),
}


def host_name(host: str) -> str:
    """The name of a Host header or an Origin without its port, lower case; "" when it cannot be read."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


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
