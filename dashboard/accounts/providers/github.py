"""GitHub, which has OAuth but no id tokens: it is asked who the person is, with the token that it gave us."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from dashboard.accounts.providers.identity import (
    Identity,
    ProviderAway,
    ProviderError,
    domain_of,
    name_of,
    subject_of,
)
from dashboard.accounts.providers.trip import Trip
from dashboard.accounts.providers.web import Web

GITHUB_URL = "https://github.com"
_API_URL = "https://api.github.com"


class GitHub:
    """github.com, or a server of GitHub Enterprise. `organizations` are those that it is asked about."""

    def __init__(
        self, url: str, client: str, secret: str, name: str, organizations: Iterable[str] = ()
    ) -> None:
        self.name = name
        self._url = url.rstrip("/")
        self._api = _API_URL if self._url == GITHUB_URL else f"{self._url}/api/v3"
        self._client = client
        self._secret = secret
        self._organizations = tuple(organizations)
        self._web = Web()

    async def address(self, trip: Trip, back: str) -> str:
        """Where to send a browser, which is to come back to `back`."""
        scope = "read:user user:email" + (" read:org" if self._organizations else "")
        query = trip.asking(self._client, back) | {"scope": scope}
        return f"{self._url}/login/oauth/authorize?{urlencode(query)}"

    def came_from(self, arguments: Mapping[str, str]) -> bool:
        """Whether an answer is this provider's, where it says whose it is (RFC 9207)."""
        return arguments.get("iss", self._url) in (self._url, f"{self._url}/login/oauth")

    async def identity(self, code: str, trip: Trip, back: str) -> Identity:
        """Who came back with this code. ProviderError for whatever does not fit."""
        form = trip.redeeming(code, back) | {"client_id": self._client, "client_secret": self._secret}
        given = await self._web.record(f"{self._url}/login/oauth/access_token", form=form)
        token = given.get("access_token")
        if not isinstance(token, str):  # GitHub says with status 200 that a code is used up
            raise ProviderError(f"it gave no token: {given.get('error')!r:.80}")
        headers = {"Authorization": f"Bearer {token}"}
        person = await self._web.record(f"{self._api}/user", headers=headers)
        emails = _verified(await self._web.json(f"{self._api}/user/emails?per_page=100", headers=headers))
        groups = {domain_of(one) for one in emails}
        groups |= {one for one in self._organizations if await self._is_member(one, headers)}
        return Identity(
            # Names are given up and taken by others; the number stays with the person.
            subject=subject_of(self._url, person.get("id")),
            name=name_of([person.get("login"), *emails], emails),
            emails=emails,
            groups=frozenset(groups),
        )

    def close(self) -> None:
        """Let its connections go."""
        self._web.close()

    async def _is_member(self, organization: str, headers: Mapping[str, str]) -> bool:
        address = f"{self._api}/user/memberships/orgs/{quote(organization, safe='')}"
        try:
            return (await self._web.record(address, headers=headers)).get("state") == "active"
        except ProviderAway:
            raise
        except ProviderError:  # 404, or 403 where the organization does not let us ask
            return False


def _verified(told: dict[str, Any] | list[Any]) -> tuple[str, ...]:
    """The addresses that GitHub has made sure of, the one they use first."""
    known = [one for one in told if isinstance(one, dict) and one.get("verified") is True]
    known.sort(key=lambda one: one.get("primary") is not True)
    return tuple(str(one["email"]).lower() for one in known if "@" in str(one.get("email", "")))
