"""Providers and whom they let in, without a server of ours: GitHub, Google, names, settings, accounts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import closing
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from dashboard.accounts.providers.identity import Admission, Identity, ProviderError, name_of, subject_of
from dashboard.accounts.providers.openid import KEYS_AGAIN_SECONDS, OpenId
from dashboard.accounts.providers.provider import admission_of, provider_of
from dashboard.accounts.providers.trip import Trip
from dashboard.accounts.providers.web import is_safe
from dashboard.settings import SettingError, Settings
from dashboard.store import Role, Store, StoreError
from tests.dashboard.provider import CLIENT, KEY_ID, SECRET, Provider, providing


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with providing() as provider:
        yield provider


@pytest.mark.parametrize(
    ("login", "groups"), [("stranger", {"elsewhere.org", "my-lab"}), ("ada", {"example.org"})]
)
def test_github_tells_who_somebody_is_and_of_which_organization(provider, login, groups):
    """It has no id tokens: it is asked, with the token that it gave for the code."""
    settings = Settings(
        accounts="github",
        provider_url=provider.url,
        provider_client_id=CLIENT,
        provider_client_secret=SECRET,
        provider_admits="my-lab, example.org",
    )
    github = provider_of(settings)
    back = "http://127.0.0.1:5006/login/provider/back"

    async def visit() -> Identity:
        trip = Trip()
        address = await github.address(trip, back)
        assert parse_qs(urlsplit(address).query)["scope"] == ["read:user user:email read:org"]
        code = parse_qs(urlsplit(provider.agree(address, login)).query)["code"][0]
        with pytest.raises(ProviderError, match="it gave no token: 'bad_verification_code'"):
            await github.identity(code, Trip(), back)  # with the verifier of another log-in
        with pytest.raises(ProviderError, match="it gave no token"):
            await github.identity(code, trip, back)  # that used it up
        code = parse_qs(urlsplit(provider.agree(address, login)).query)["code"][0]
        try:
            return await github.identity(code, trip, back)
        finally:
            github.close()

    identity = asyncio.run(visit())
    assert (identity.subject, identity.name) == (f"{provider.url} {sum(login.encode())}", login)
    assert identity.groups == groups
    assert admission_of(settings).admits(identity)


# --- OpenID Connect

BACK = "http://127.0.0.1:5006/login/provider/back"


def visits(provider: Provider, *between: Callable[[OpenId], None]) -> list[Identity]:
    """Log in once, and again after each of these has happened."""
    openid = OpenId(provider.url, CLIENT, SECRET, "Example ID")

    async def visit() -> Identity:
        trip = Trip()
        address = provider.agree(await openid.address(trip, BACK), "ada")
        return await openid.identity(parse_qs(urlsplit(address).query)["code"][0], trip, BACK)

    async def all_of_them() -> list[Identity]:
        try:
            found = [await visit()]
            for happen in between:
                happen(openid)
                found.append(await visit())
            return found
        finally:
            openid.close()

    return asyncio.run(all_of_them())


def test_a_key_that_is_new_is_looked_for_but_not_at_every_token(provider):
    def rotate(_: OpenId) -> None:
        provider.key, provider.key_id = rsa.generate_private_key(65537, 2048), "key-2"

    def some_time_passes(openid: OpenId) -> None:
        openid._keys = (openid._keys[0] - KEYS_AGAIN_SECONDS, openid._keys[1])

    with pytest.raises(ProviderError, match="signed with a key that is not the provider's: 'key-2'"):
        visits(provider, rotate)
    provider.key_id = KEY_ID
    first, second = visits(provider, lambda openid: (rotate(openid), some_time_passes(openid)))
    assert first == second
    provider.key_id = KEY_ID


def test_a_provider_is_who_it_says_it_is_and_is_asked_in_private(provider):
    for name, value, sentence in (
        ("own_issuer", "https://evil.example", "calls itself 'https://evil.example'"),
        (
            "own_token_url",
            "http://evil.example/token",
            "its token_endpoint is 'http://evil.example/token', no address",
        ),
    ):
        setattr(provider, name, value)
        with pytest.raises(ProviderError, match=sentence):
            visits(provider)
        provider.honest()


# --- what needs no provider


@pytest.mark.parametrize(
    ("wanted", "emails", "name"),
    [
        (["Ada.Lovelace"], [], "ada.lovelace"),
        ([None, "ada@example.org"], ["ada@example.org"], "ada@example.org"),
        (["root@example.org"], ["ada@example.org"], "root"),
        (["José Müller"], [], "jose-muller"),
        (["аdmin"], [], "dmin"),  # the first letter is Cyrillic
        (["<script>", "x"], [], "script"),
        (["...", {}, ""], [], "somebody"),
        (["\u202eada"], [], "ada"),
    ],
)
def test_a_name_that_can_be_an_accounts(wanted, emails, name):
    assert name_of(wanted, emails) == name


def test_who_gets_an_account():
    person = Identity(subject="x 1", name="x", emails=("a@b.org",), groups=frozenset({"b.org"}))
    assert not Admission().admits(person)
    assert Admission(everybody=True).admits(person)
    assert Admission(groups=frozenset({"b.org"})).admits(person)
    assert not Admission(groups=frozenset({"sub.b.org", "org"})).admits(person)
    admins = Admission(admins=frozenset({"a@b.org"}))
    assert (admins.admits(person), admins.makes_admin(person)) == (True, True)


def test_secrets_go_over_https_or_nowhere():
    assert is_safe("https://id.example.org/x")
    assert is_safe("http://127.0.0.1:8080/x")
    for url in ("http://id.example.org", "ftp://127.0.0.1", "https://", "file:///etc/passwd", ""):
        assert not is_safe(url)


GIVEN = {
    "accounts": "oidc",
    "provider_client_id": "x",
    "provider_client_secret": "y",
    "provider_url": "https://id.org",
}


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"provider_client_secret": ""}, "provider_client_secret is empty, but accounts is oidc"),
        ({"provider_client_id": ""}, "provider_client_id is empty"),
        ({"provider_url": ""}, "provider_url is empty, but accounts is oidc"),
        ({"provider_url": "http://id.org"}, "provider_url is http://id.org, but must begin with https"),
        ({"accounts": "google"}, "Google has its own"),
        ({"provider_admits": "my-lab"}, "provider_admits names 'my-lab', but must name e-mail domains"),
        ({"provider_admits": "ada@example.org"}, "provider_admits names 'ada@example.org'"),
        ({"provider_admins": "ada"}, "provider_admins names 'ada', which is no e-mail address"),
        (
            {"provider_client_secret_file": "/nowhere"},
            "provider_client_secret_file is /nowhere, which cannot be",
        ),
        (
            {"public_url": "residua.example.org"},
            "public_url is 'residua.example.org', but must begin with https",
        ),
    ],
)
def test_settings_that_cannot_be_used_are_refused(changed, sentence):
    def read() -> None:
        settings = Settings(**{**GIVEN, **changed})
        provider_of(settings), admission_of(settings)

    with pytest.raises(SettingError, match=sentence):
        read()


def test_a_secret_stays_one(tmp_path):
    kept = tmp_path / "secret"
    kept.write_text("from a file\n")
    settings = Settings(**GIVEN, provider_client_secret_file=str(kept))
    assert settings.client_secret() == "from a file"
    assert "yyyyyy" not in repr(Settings(**{**GIVEN, "provider_client_secret": "yyyyyy"}))


@pytest.mark.parametrize("domain", [None, "example.org"])
def test_google_says_whose_organization_somebody_is_of(domain):
    """An account of Google's for an address elsewhere is not of the organization there."""
    google = provider_of(Settings(accounts="google", provider_client_id="x", provider_client_secret="y"))
    claims = {"sub": "1", "email": "ada@example.org", "email_verified": True, "hd": domain}
    told = {name: value for name, value in claims.items() if value is not None}
    assert google._identity_of(told, {}).groups == ({"example.org"} if domain else set())
    home = google._identity_of({"sub": "1", "email": "ada@gmail.com", "email_verified": True}, {})
    assert home.groups == {"gmail.com"}


def test_joining_on_both_databases(tmp_path, database):
    with closing(Store(tmp_path / "data", database)) as store:
        first = store.accounts.join(subject_of("https://a.org", 1), "ada")
        assert store.accounts.join(subject_of("https://a.org", 1), "other name").id == first.id
        second = store.accounts.join(subject_of("https://b.org", 1), "ada", Role.ADMIN)
        assert (second.name, second.is_admin) == ("ada-2", True)
        with pytest.raises(StoreError, match="This log-in is that of ada here"):
            store.accounts.tie(second.id, "https://a.org 1")
        with pytest.raises(StoreError, match="Without a password there would be no way in"):
            store.accounts.tie(first.id, None)
        assert store.accounts.tie(first.id, "https://c.org 9").has_provider
        assert store.accounts.of_subject("https://a.org 1") is None
