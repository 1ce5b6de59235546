"""Asks a provider, on the event loop: little time, little memory, and nowhere but where we meant to ask."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.simple_httpclient import SimpleAsyncHTTPClient

from dashboard.accounts.providers.identity import ProviderAway, ProviderError

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 10.0
MOST_BYTES = 1_000_000
MOST_AT_ONCE = 20
_THIS_MACHINE = ("127.0.0.1", "localhost", "::1")


def is_safe(url: str) -> bool:
    """Whether what is sent there can be read on the way by nobody: https, or this machine."""
    parts = urlsplit(url)
    return bool(parts.hostname) and (
        parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _THIS_MACHINE)
    )


class Web:
    """JSON from addresses of a provider. Redirects are not followed: secrets would go with them."""

    def __init__(self) -> None:
        self._client: SimpleAsyncHTTPClient | None = None

    async def json(
        self, url: str, *, form: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any] | list[Any]:
        """What an address answers, to a POST with `form`. ProviderAway, ProviderError."""
        if not is_safe(url):
            raise ProviderError(f"{url!r:.200} is not https")
        if self._client is None:
            self._client = SimpleAsyncHTTPClient(
                force_instance=True, max_clients=MOST_AT_ONCE, max_body_size=MOST_BYTES
            )
        request = HTTPRequest(
            url,
            method="GET" if form is None else "POST",
            body=None if form is None else urlencode(form),
            headers={"Accept": "application/json", "User-Agent": "Residua", **(headers or {})},
            connect_timeout=CONNECT_SECONDS,
            request_timeout=ANSWER_SECONDS,
            follow_redirects=False,
            decompress_response=False,
        )
        where = f"{urlsplit(url).netloc}{urlsplit(url).path}"
        try:
            answer = await self._client.fetch(request, raise_error=False)
        except (HTTPClientError, OSError, ValueError) as error:
            raise ProviderAway(f"{where}: {error}") from error
        if answer.code >= 500:
            raise ProviderAway(f"{where} answered {answer.code}")
        try:
            content = json.loads(answer.body)
        except ValueError:
            content = None
        if answer.code != 200:
            said = content.get("error", "") if isinstance(content, dict) else ""
            raise ProviderError(f"{where} answered {answer.code} {said!r:.80}")
        if not isinstance(content, dict | list):
            raise ProviderError(f"{where} did not answer with JSON")
        return content

    async def record(self, url: str, **more: Any) -> dict[str, Any]:
        """The same where only an object will do."""
        found = await self.json(url, **more)
        if not isinstance(found, dict):
            raise ProviderError(f"{urlsplit(url).netloc} answered with a list")
        return found

    def close(self) -> None:
        """Let its connections go."""
        if self._client is not None:
            self._client.close()
            self._client = None
