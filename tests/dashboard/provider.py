"""A provider of identities on this machine: OpenID Connect with real signatures, and what GitHub has in its place.

It is as strict as a real one: each code works once, for the address and the secret it was made for, and with the
verifier of whoever asked for it. A test may make it lie.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT = "residua-of-the-lab"
SECRET = "a secret: of both + sides"
KEY_ID = "key-1"
PEOPLE: dict[str, dict[str, Any]] = {
    "ada": {"email": "ada@example.org", "email_verified": True, "preferred_username": "ada"},
    "root": {"email": "Root@Example.org", "email_verified": True},
    "stranger": {"email": "stranger@elsewhere.org", "email_verified": True},
    "liar": {"email": "liar@example.org", "email_verified": False},
    "hostile": {
        "email": '"><script>alert(1)</script>@example.org',
        "email_verified": True,
        "preferred_username": "<img src=x onerror=alert(1)>" + "x" * 500,
    },
}


@dataclass
class Provider:
    """A running one. `claims` changes what the next id tokens say, `sign` how they are signed."""

    url: str = ""
    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    sign: Callable[[Provider, dict[str, Any]], str] = lambda self, claims: self.signed(claims)
    key_id: str = KEY_ID
    own_issuer: str = ""
    own_token_url: str = ""
    down: bool = False
    in_userinfo_only: bool = False
    asked: list[str] = field(default_factory=list)

    @property
    def issuer(self) -> str:
        return self.own_issuer or self.url

    @property
    def public_pem(self) -> bytes:
        return self.key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def signed(self, claims: dict[str, Any], **header: str) -> str:
        return jwt.encode(claims, self.key, "RS256", headers={"kid": self.key_id, **header})

    def honest(self) -> None:
        """Tell the truth from now on."""
        self.claims, self.sign, self.down, self.in_userinfo_only = {}, Provider.sign, False, False
        self.own_issuer = self.own_token_url = ""

    def agree(self, address: str, login: str) -> str:
        """Be a person's browser at the page where they agree: where it is sent back to."""
        parts = urlsplit(address)
        assert f"{parts.scheme}://{parts.netloc}" == self.url
        return self._agreed(dict(parse_qsl(parts.query)), login)

    def _agreed(self, query: dict[str, str], login: str) -> str:
        assert query["client_id"] == CLIENT
        assert query["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(12)
        self.codes[code] = {**query, "login": login}
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"

    def exchanged(self, form: dict[str, str], pair: tuple[str, str]) -> dict[str, Any] | None:
        """The answer to a code; None where it does not fit."""
        asked = self.codes.pop(form.get("code", ""), None)
        verifier = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(verifier).decode().rstrip("=")
        right = (
            asked is not None
            and pair == (CLIENT, SECRET)
            and form.get("redirect_uri") == asked["redirect_uri"]
            and challenge == asked["code_challenge"]
        )
        if not right:
            return None
        assert asked is not None
        token, now = secrets.token_urlsafe(12), int(time.time())
        self.tokens[token] = asked["login"]
        person = {} if self.in_userinfo_only else PEOPLE[asked["login"]]
        claims = {
            "iss": self.issuer,
            "sub": f"id-of-{asked['login']}",
            "aud": CLIENT,
            "exp": now + 300,
            "iat": now,
            "nonce": asked.get("nonce"),
            **person,
            **self.claims,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        return {"access_token": token, "token_type": "Bearer", "id_token": self.sign(self, claims)}


class _Handler(BaseHTTPRequestHandler):
    provider: Provider

    def log_message(self, *arguments: object) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        self._route({})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self._route(dict(parse_qsl(body.decode())))

    def _route(self, form: dict[str, str]) -> None:
        parts = urlsplit(self.path)
        query, mine = dict(parse_qsl(parts.query)), self.provider
        mine.asked.append(parts.path)
        if mine.down:
            self.close_connection = True
            return
        routes: dict[str, Callable[[], Any]] = {
            "/.well-known/openid-configuration": self._description,
            "/jwks": self._keys,
            "/favicon.ico": dict,
            "/token": lambda: mine.exchanged(form, self._pair()),
            "/userinfo": lambda: {"sub": f"id-of-{self._login()}", **PEOPLE[self._login()]},
            "/login/oauth/access_token": lambda: self._github_token(form),
            "/api/v3/user": lambda: {"id": sum(self._login().encode()), "login": self._login()},
            "/api/v3/user/emails": lambda: [{**PEOPLE[self._login()], "verified": True, "primary": True}],
            "/api/v3/user/memberships/orgs/my-lab": lambda: (
                {"state": "active"} if self._login() == "stranger" else None
            ),
        }
        if parts.path == "/authorize":
            self._page(query)
        elif parts.path.startswith("/agree/"):
            self._send(302, b"", Location=mine._agreed(query, parts.path.removeprefix("/agree/")))
        else:
            found = routes.get(parts.path, lambda: None)()
            answer = {"error": "invalid_grant"} if found is None else found
            # GitHub says with status 200 that a code does not fit.
            status = 400 if found is None else 200
            self._send(
                404 if "memberships" in parts.path and found is None else status, json.dumps(answer).encode()
            )

    def _page(self, query: dict[str, str]) -> None:
        links = "".join(
            f'<li><a href="/agree/{one}?{escape(urlencode(query))}">Agree as {one}</a></li>' for one in PEOPLE
        )
        body = f"<!doctype html><title>Provider</title><h1>Who are you?</h1><ul>{links}</ul>"
        self._send(200, body.encode(), Content_Type="text/html")

    def _description(self) -> dict[str, Any]:
        url = self.provider.url
        return {
            "issuer": self.provider.issuer,
            "authorization_endpoint": f"{url}/authorize",
            "token_endpoint": self.provider.own_token_url or f"{url}/token",
            "userinfo_endpoint": f"{url}/userinfo",
            "jwks_uri": f"{url}/jwks",
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        }

    def _keys(self) -> dict[str, Any]:
        key = jwt.algorithms.RSAAlgorithm.to_jwk(self.provider.key.public_key(), as_dict=True)
        return {"keys": [{**key, "kid": self.provider.key_id, "use": "sig", "alg": "RS256"}]}

    def _github_token(self, form: dict[str, str]) -> dict[str, Any]:
        found = self.provider.exchanged(form, (form.get("client_id", ""), form.get("client_secret", "")))
        return (
            {"error": "bad_verification_code"} if found is None else {"access_token": found["access_token"]}
        )

    def _pair(self) -> tuple[str, str]:
        text = base64.b64decode(self.headers.get("Authorization", "").removeprefix("Basic ")).decode()
        client, _, secret = text.partition(":")
        return unquote_plus(client), unquote_plus(secret)

    def _login(self) -> str:
        return self.provider.tokens[self.headers["Authorization"].removeprefix("Bearer ")]

    def _send(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content_Type": "application/json", **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def providing() -> Iterator[Provider]:
    """A provider on a free port of this machine."""
    provider = Provider()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"provider": provider}))
    provider.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
