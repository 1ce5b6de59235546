"""What every provider does, and which one a server has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol
from urllib.parse import urlsplit

from dashboard.accounts.providers.github import GITHUB_URL, GitHub
from dashboard.accounts.providers.identity import Admission, Identity
from dashboard.accounts.providers.openid import GOOGLE_ISSUER, OpenId
from dashboard.accounts.providers.trip import Trip
from dashboard.accounts.providers.web import is_safe
from dashboard.settings import SettingError, Settings
from dashboard.settings_provider import GITHUB, GOOGLE, OIDC, listed

EVERYBODY = "*"


class Provider(Protocol):
    """Sends people to somewhere they have an account, and learns there who they are."""

    name: str

    async def address(self, trip: Trip, back: str) -> str:
        """Where to send a browser, which is to come back to `back`. ProviderError."""

    def came_from(self, arguments: Mapping[str, str]) -> bool:
        """Whether an answer is this provider's, where it says whose it is (RFC 9207)."""

    async def identity(self, code: str, trip: Trip, back: str) -> Identity:
        """Who came back with this code. ProviderError for whatever does not fit."""

    def close(self) -> None:
        """Let its connections go."""


def provider_of(settings: Settings) -> Provider | None:
    """The provider of a server, or None where people log in with passwords only; SettingError for what is missing."""
    if not settings.has_provider:
        return None
    kind, url = settings.accounts, settings.provider_url.strip()
    client, secret = settings.provider_client_id.strip(), settings.client_secret()
    if not client or not secret:
        missing = "provider_client_secret" if client else "provider_client_id"
        raise SettingError(
            f"{missing} is empty, but accounts is {kind}. The provider gives both when this server is registered there."
        )
    if kind == OIDC and not url:
        raise SettingError(
            "provider_url is empty, but accounts is oidc. Give the issuer, such as https://id.example.org."
        )
    if kind == GOOGLE and url:
        raise SettingError(
            f"provider_url is {url}, but Google has its own. Leave it out, or use --accounts oidc."
        )
    if url and not is_safe(url):
        raise SettingError(f"provider_url is {url}, but must begin with https://: secrets are sent there.")
    groups = _groups(settings)
    if kind == GITHUB:
        organizations = [one for one in groups if "." not in one and one != EVERYBODY]
        return GitHub(url or GITHUB_URL, client, secret, settings.provider_name or "GitHub", organizations)
    if kind == GOOGLE:
        return OpenId(GOOGLE_ISSUER, client, secret, settings.provider_name or "Google")
    return OpenId(url, client, secret, settings.provider_name or str(urlsplit(url).hostname))


def admission_of(settings: Settings) -> Admission:
    """Who gets an account by logging in through the provider; SettingError for what cannot be."""
    if not settings.has_provider:
        return Admission()
    admins = listed(settings.provider_admins)
    for one in admins:
        if "@" not in one:
            raise SettingError(f"provider_admins names {one!r}, which is no e-mail address.")
    groups = _groups(settings)
    return Admission(
        everybody=EVERYBODY in groups,
        groups=frozenset(groups) - {EVERYBODY},
        admins=frozenset(admins),
    )


def _groups(settings: Settings) -> list[str]:
    groups = [one.removeprefix("@") for one in listed(settings.provider_admits)]
    for one in groups:
        if "@" in one or (one != EVERYBODY and "." not in one and settings.accounts != GITHUB):
            raise SettingError(
                f"provider_admits names {one!r}, but must name e-mail domains such as example.org"
                f"{' and organizations' if settings.accounts == GITHUB else ''}, or * for everybody."
            )
    return groups
