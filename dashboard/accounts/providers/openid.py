"""OpenID Connect: the code flow with PKCE, and an id token whose signature and claims are checked."""

from __future__ import annotations

import base64
import hmac
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote_plus, urlencode

import jwt

from dashboard.accounts.providers.identity import (
    Identity,
    ProviderError,
    domain_of,
    name_of,
    subject_of,
)
from dashboard.accounts.providers.trip import Trip
from dashboard.accounts.providers.web import Web, is_safe

GOOGLE_ISSUER = "https://accounts.google.com"
WELL_KNOWN = "/.well-known/openid-configuration"
SCOPE = "openid email profile"
# Signatures by a key that only the provider has. Never none, nor those by a secret that both sides know.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
CLAIMS = ("iss", "sub", "aud", "exp", "iat")
CLOCKS_DIFFER_SECONDS = 60
KEPT_SECONDS = 3600.0
# A key that we do not know is looked for again, but not at each token that names one.
KEYS_AGAIN_SECONDS = 10.0


class OpenId:
    """A provider that speaks OpenID Connect, known by its issuer."""

    def __init__(self, issuer: str, client: str, secret: str, name: str) -> None:
        self.name = name
        self._issuer = issuer
        self._client = client
        self._secret = secret
        self._web = Web()
        self._described: tuple[float, dict[str, Any]] = (0.0, {})
        self._keys: tuple[float, list[jwt.PyJWK]] = (0.0, [])

    async def address(self, trip: Trip, back: str) -> str:
        """Where to send a browser, which is to come back to `back`. ProviderError."""
        query = trip.asking(self._client, back)
        query |= {"response_type": "code", "scope": SCOPE, "nonce": trip.nonce}
        endpoint = await self._endpoint("authorization_endpoint")
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}"

    def came_from(self, arguments: Mapping[str, str]) -> bool:
        """Whether an answer is this provider's, where it says whose it is (RFC 9207)."""
        return arguments.get("iss", self._issuer) == self._issuer

    async def identity(self, code: str, trip: Trip, back: str) -> Identity:
        """Who came back with this code. ProviderError for whatever does not fit."""
        form = trip.redeeming(code, back) | {"grant_type": "authorization_code"}
        described = await self._description()
        ways = described.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        headers = {}
        if "client_secret_basic" in ways:
            pair = f"{quote_plus(self._client)}:{quote_plus(self._secret)}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            form |= {"client_id": self._client, "client_secret": self._secret}
        given = await self._web.record(await self._endpoint("token_endpoint"), form=form, headers=headers)
        claims = await self._claims(given.get("id_token"), trip)
        told: dict[str, Any] = {}
        if not _verified_emails(claims) and "userinfo_endpoint" in described:
            told = await self._more(given.get("access_token"), claims["sub"])
        return self._identity_of(claims, told)

    def close(self) -> None:
        """Let its connections go."""
        self._web.close()

    async def _claims(self, token: object, trip: Trip) -> dict[str, Any]:
        """What an id token says, once everything about it is right."""
        if not isinstance(token, str):
            raise ProviderError("there is no id token")
        try:
            key = await self._key(jwt.get_unverified_header(token))
            claims = jwt.decode(
                token,
                key,
                algorithms=ALGORITHMS,
                audience=self._client,
                issuer=self._issuer,
                leeway=CLOCKS_DIFFER_SECONDS,
                options={"require": list(CLAIMS)},
            )
        except jwt.PyJWTError as error:
            raise ProviderError(f"the id token is not right: {error}") from error
        # One that is for several has to say that it was made for us (OpenID Connect Core, 3.1.3.7).
        alone = claims["aud"] in (self._client, [self._client])
        if claims.get("azp", self._client if alone else None) != self._client:
            raise ProviderError("the id token was made for another server")
        nonce = claims.get("nonce")
        if not isinstance(nonce, str) or not hmac.compare_digest(nonce.encode(), trip.nonce.encode()):
            raise ProviderError("the id token was made for another log-in: its nonce is another one")
        return claims

    async def _key(self, header: Mapping[str, Any]) -> jwt.PyJWK:
        """The key that a token says it was signed with."""
        wanted = header.get("kid")
        for patience in (KEPT_SECONDS, KEYS_AGAIN_SECONDS):
            keys = await self._keys_no_older_than(patience)
            found = [key for key in keys if key.key_id == wanted] if wanted is not None else keys
            if len(found) == 1:
                return found[0]
        raise ProviderError(f"the id token was signed with a key that is not the provider's: {wanted!r:.80}")

    async def _keys_no_older_than(self, seconds: float) -> list[jwt.PyJWK]:
        if self._keys[1] and time.monotonic() - self._keys[0] < seconds:
            return self._keys[1]
        published = await self._web.record(await self._endpoint("jwks_uri"))
        try:
            keys = jwt.PyJWKSet.from_dict(published).keys
        except (jwt.PyJWTError, AttributeError) as error:
            raise ProviderError(f"its keys cannot be read: {error}") from error
        ours = [
            one for one in keys if one.algorithm_name in ALGORITHMS and one.public_key_use in (None, "sig")
        ]
        self._keys = (time.monotonic(), ours)
        return ours

    async def _more(self, token: object, subject: str) -> dict[str, Any]:
        """What the provider tells beside the id token, of the same person."""
        if not isinstance(token, str):
            return {}
        told = await self._web.record(
            await self._endpoint("userinfo_endpoint"), headers={"Authorization": f"Bearer {token}"}
        )
        if told.get("sub") != subject:
            raise ProviderError("it tells of another person than its id token")
        return told

    def _identity_of(self, claims: Mapping[str, Any], told: Mapping[str, Any]) -> Identity:
        emails = _verified_emails(claims) or _verified_emails(told)
        domains = {domain_of(one) for one in emails}
        if self._issuer == GOOGLE_ISSUER:
            # Anybody can have a Google account for an address elsewhere; `hd` says whose organization runs it.
            domains = {str(claims["hd"]).lower()} if "hd" in claims else domains & {"gmail.com"}
        names = [
            claims.get("preferred_username"),
            told.get("preferred_username"),
            *emails,
            claims.get("name"),
        ]
        return Identity(
            subject=subject_of(self._issuer, claims["sub"]),
            name=name_of(names, emails),
            emails=emails,
            groups=frozenset(domains),
        )

    async def _endpoint(self, name: str) -> str:
        found = (await self._description()).get(name)
        if not isinstance(found, str) or not is_safe(found):
            raise ProviderError(f"its {name} is {found!r:.200}, no address of https")
        return found

    async def _description(self) -> dict[str, Any]:
        """What the provider says of itself."""
        made, known = self._described
        if not known or time.monotonic() - made > KEPT_SECONDS:
            known = await self._web.record(f"{self._issuer.rstrip('/')}{WELL_KNOWN}")
            if known.get("issuer") != self._issuer:
                raise ProviderError(f"it calls itself {known.get('issuer')!r:.200}, not {self._issuer!r}")
            self._described = (time.monotonic(), known)
        return known


def _verified_emails(claims: Mapping[str, Any]) -> tuple[str, ...]:
    """The e-mail address, where the provider has made sure that it is theirs."""
    email = claims.get("email")
    sure = claims.get("email_verified") in (True, "true")
    return (
        (email.lower(),) if sure and isinstance(email, str) and email.isprintable() and "@" in email else ()
    )
