"""Log-in through a provider elsewhere: a real provider, a real server, and every lie that we could think of."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from dashboard.store import Role
from dashboard.store.attempts import FREE_BY_ADDRESS
from dashboard.store.beside import people_of
from tests.dashboard.lab import Lab, cookie_of, cookies_of, form_of, log_in, make_lab
from tests.dashboard.provider import CLIENT, KEY_ID, SECRET, Provider, providing
from tests.dashboard.server import Answer


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with providing() as provider:
        yield provider


@pytest.fixture(autouse=True)
def honest(provider: Provider) -> Iterator[None]:
    yield
    provider.honest()


def with_provider(provider: Provider, kind: str = "oidc", **more: str) -> tuple[list[str], dict[str, str]]:
    """Options and environment of a server that takes a provider's word."""
    options = {
        "accounts": kind,
        "provider-url": provider.url,
        "provider-client-id": CLIENT,
        "provider-name": "Lab <ID>",
        "provider-admits": "example.org",
        "provider-admins": "root@example.org",
        **{name.replace("_", "-"): value for name, value in more.items()},
    }
    words = [f"--{name}={value}" for name, value in options.items()]
    return words, {"RESIDUA_PROVIDER_CLIENT_SECRET": SECRET}


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory, provider: Provider) -> Iterator[tuple[Lab, Answer]]:
    """A server, and what it said when its provider was not there yet."""
    options, environment = with_provider(provider)
    provider.down = True
    lab = make_lab(tmp_path_factory.mktemp("lab"), *options, **environment)
    while_down = lab.get("/login/provider")
    provider.down = False
    yield lab, while_down
    lab.server.stop()
    log = (lab.server.data_dir.parent / "server.log").read_text()
    assert "Traceback" not in log, log
    assert SECRET not in log


@pytest.fixture
def lab(opened: tuple[Lab, Answer]) -> Lab:
    """It begins each test without a failed log-in: all of them come from one address."""
    with closing(sqlite3.connect(opened[0].server.data_dir / "residua.db")) as database, database:
        database.execute("DELETE FROM attempt")
    return opened[0]


@pytest.fixture
def people(lab):
    with people_of(lab.server.data_dir) as people:
        yield people


def begin(lab: Lab, after: str = "/", **headers: str) -> tuple[str, str]:
    """Where a browser is sent, and the cookie that it is given for the way."""
    answer = lab.get(f"/login/provider?next={quote(after, safe='')}", **headers)
    assert answer.status == 302, answer.body
    return answer.headers["location"], f"residua_trip={cookies_of(answer)['residua_trip']}"


def come_back(lab: Lab, address: str, cookie: str, **headers: str) -> Answer:
    parts = urlsplit(address)
    assert parts.path == "/login/provider/back"
    return lab.get(f"{parts.path}?{parts.query}", Cookie=cookie, **headers)


def sign_on(lab: Lab, provider: Provider, login: str, after: str = "/", also: str = "") -> Answer:
    there, cookie = begin(lab, after)
    return come_back(lab, provider.agree(there, login), "; ".join(filter(None, [cookie, also])))


def session_of(answer: Answer) -> str:
    assert answer.status == 303, (answer.status, answer.body)
    return f"residua_session={cookies_of(answer)['residua_session']}"


# --- as it should be


def test_somebody_gets_a_session_of_ours_and_an_account(lab, provider, people):
    page = lab.get("/login?next=/learn").body
    assert b'href="/login/provider?next=%2Flearn">Log in with Lab &lt;ID&gt;</a>' in page
    answer = sign_on(lab, provider, "ada", after="/learn")
    assert answer.headers["location"] == "/learn"
    cookie = session_of(answer)
    assert lab.get("/learn", Cookie=cookie).status == 200
    account = people.accounts.named("ada")
    assert (account.role, account.has_password, account.has_provider) == (Role.USER, False, True)
    assert len(people.logins.all(account.id)) == 1
    again = session_of(sign_on(lab, provider, "ada"))
    assert again != cookie
    assert people.accounts.of_subject(f"{provider.url} id-of-ada").id == account.id
    assert lab.post("/logout", {}, Cookie=again).status == 303
    assert (lab.get("/learn", Cookie=again).status, lab.get("/learn", Cookie=cookie).status) == (302, 200)


def test_what_goes_along_is_new_each_time_and_says_nothing(lab):
    (one, cookie), (two, _) = begin(lab), begin(lab)
    asked, other = (parse_qs(urlsplit(each).query) for each in (one, two))
    assert asked["scope"] == ["openid email profile"]
    assert asked["redirect_uri"] == [f"{lab.server.url}login/provider/back"]
    assert SECRET not in one
    for name in ("state", "nonce", "code_challenge"):
        assert asked[name] != other[name]
        assert len(asked[name][0]) >= 32
    assert asked["state"][0] not in cookie, "it is signed, and encoded"


def test_cookies_are_for_this_server_alone(lab, provider):
    answer = lab.get("/login/provider", X_Forwarded_Proto="https")
    for header in (answer.headers["set-cookie"], sign_on(lab, provider, "ada").headers["set-cookie"]):
        assert "HttpOnly" in header
        assert "SameSite=Lax" in header


def test_who_is_named_as_admin_is_one(lab, provider, people):
    session_of(sign_on(lab, provider, "root"))
    assert people.accounts.named("root@example.org").is_admin


def test_what_only_userinfo_tells_counts_too(lab, provider):
    provider.in_userinfo_only = True
    assert session_of(sign_on(lab, provider, "ada"))


# --- who is not let in


@pytest.mark.parametrize("login", ["stranger", "liar"])
def test_who_is_not_of_the_lab_gets_no_account(lab, provider, people, login):
    answer = sign_on(lab, provider, login)
    assert answer.status == 403
    assert b"and have no account here. Ask an admin to add you." in answer.body
    assert "residua_session" not in cookies_of(answer)
    assert people.accounts.of_subject(f"{provider.url} id-of-{login}") is None


def test_names_from_elsewhere_are_cut_short_and_shown_as_text(lab, provider, people):
    cookie = session_of(sign_on(lab, provider, "hostile"))
    account = people.accounts.of_subject(f"{provider.url} id-of-hostile")
    assert re.fullmatch(r"img-src-x-onerror-alert-1-x{23}", account.name), account.name
    for page in (lab.get("/account", Cookie=cookie), lab.get("/admin", "admin"), lab.get("/", Cookie=cookie)):
        assert page.status == 200
        assert b"<img src=x" not in page.body
        assert b"<script>alert" not in page.body


def test_who_is_disabled_stays_out_and_is_cut_off(lab, provider, people):
    cookie = session_of(sign_on(lab, provider, "ada"))
    account = people.accounts.named("ada")
    people.accounts.set_disabled(account.id, True)
    answer = sign_on(lab, provider, "ada")
    assert (answer.status, b"your account here is disabled. Ask an admin." in answer.body) == (403, True)
    time.sleep(2.2)  # done by another process
    assert lab.get("/learn", Cookie=cookie).status == 302
    people.accounts.set_disabled(account.id, False)


def test_the_same_name_or_address_is_not_the_same_person(lab, provider, people):
    """An account with a password is not had by somebody whom the provider calls the same."""
    provider.claims = {"sub": "another", "preferred_username": "owner"}
    cookie = session_of(sign_on(lab, provider, "ada"))
    account = people.accounts.of_subject(f"{provider.url} another")
    assert account.name == "owner-2"
    assert lab.get(f"/fit/{lab.project}", Cookie=cookie).status == 404
    assert people.accounts.of_subject(f"{provider.url} id-of-ada").name == "ada", "the same e-mail address"


# --- lies


def other_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def unsigned(provider: Provider, claims: dict[str, Any]) -> str:
    return jwt.encode(claims, None, "none", headers={"kid": KEY_ID})


def by_the_public_key(provider: Provider, claims: dict[str, Any]) -> str:
    """HS256, with what everybody knows as the secret."""

    def text(value: bytes) -> str:
        return base64.urlsafe_b64encode(value).decode().rstrip("=")

    parts = [text(json.dumps(one).encode()) for one in ({"alg": "HS256", "kid": KEY_ID}, claims)]
    mark = hmac.new(provider.public_pem, ".".join(parts).encode(), hashlib.sha256).digest()
    return ".".join([*parts, text(mark)])


def by_another_key(provider: Provider, claims: dict[str, Any]) -> str:
    return jwt.encode(claims, other_key(), "RS256", headers={"kid": KEY_ID})


def by_a_key_it_brings(provider: Provider, claims: dict[str, Any]) -> str:
    key = other_key()
    own = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return jwt.encode(claims, key, "RS256", headers={"kid": "mine", "jwk": own})


def changed(provider: Provider, claims: dict[str, Any]) -> str:
    head, body, mark = provider.signed(claims).split(".")
    return ".".join([head, body[:-2] + ("A" if body[-2] != "A" else "B") + body[-1], mark])


SIGNATURES = (unsigned, by_the_public_key, by_another_key, by_a_key_it_brings, changed, lambda *_: "a.b.c")


@pytest.mark.parametrize("sign", SIGNATURES, ids=lambda one: one.__name__)
def test_a_token_that_the_provider_did_not_sign_opens_nothing(lab, provider, sign):
    provider.sign = sign
    refused(sign_on(lab, provider, "ada"))


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"aud": "another-client"},
        {"aud": [CLIENT, "another-client"]},
        {"aud": [CLIENT, "another-client"], "azp": "another-client"},
        {"aud": None},
        {"iss": "https://evil.example"},
        {"iss": None},
        {"exp": 1_000_000_000},
        {"exp": None},
        {"iat": 4_000_000_000},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": "x" * 500},
        {"sub": "two\nlines"},
    ],
    ids=str,
)
def test_a_token_for_another_time_place_or_person_opens_nothing(lab, provider, claims):
    provider.claims = claims
    refused(sign_on(lab, provider, "ada"))


def refused(answer: Answer) -> None:
    assert answer.status == 401, answer.body
    assert b"did not confirm who you are. Begin again; if that does not help, ask an admin." in answer.body
    assert "residua_session" not in cookies_of(answer)


def test_answers_that_are_made_up_lock_their_address_for_a_while(lab, provider, people):
    """And nothing is asked of the provider for one who must wait, nor is anybody locked out by its absence."""
    there, cookie = begin(lab)
    back = provider.agree(there, "ada")
    made_up = re.sub(r"code=[^&]+", "code=x", back)
    provider.down = True
    for _ in range(FREE_BY_ADDRESS + 1):
        assert come_back(lab, made_up, cookie).status == 503
    provider.down = False
    refused(come_back(lab, made_up, cookie))
    for _ in range(FREE_BY_ADDRESS - 1):
        people.attempts.begin("", "127.0.0.1")
    asked = len(provider.asked)
    answer = come_back(lab, made_up, cookie)
    assert (answer.status, b"Too many failed attempts. Try again in 5 seconds." in answer.body) == (429, True)
    assert 1 <= int(answer.headers["retry-after"]) <= 6
    assert come_back(lab, back, cookie).status == 429, "even a true one"
    assert len(provider.asked) == asked
    assert log_in(lab.server, "owner").status == 429, "by password too"
    time.sleep(5.2)
    assert session_of(come_back(lab, back, cookie))


def test_whom_the_provider_knows_and_we_do_not_lets_others_be(lab, provider, people):
    for _ in range(3):
        assert sign_on(lab, provider, "stranger").status == 403
    assert people.attempts.waits("", "127.0.0.1") == 0
    with closing(sqlite3.connect(lab.server.data_dir / "residua.db")) as database:
        assert database.execute("SELECT sum(failed) FROM attempt").fetchone()[0] == 0


def test_only_the_browser_that_was_sent_can_come_back(lab, provider):
    there, cookie = begin(lab)
    back = provider.agree(there, "ada")
    _, others = begin(lab)
    for other in ("", others, "residua_trip=x", cookie.replace("|", "!"), f"{cookie}x"):
        answer = come_back(lab, back, other)
        assert answer.status == 400
        assert b"This log-in was begun in another browser, or more than ten minutes ago" in answer.body
    for state in ("", "x" * 32):
        other = re.sub(r"state=[^&]+", f"state={state}", back)
        assert come_back(lab, other, cookie).status == 400
    assert session_of(come_back(lab, back, cookie)), "none of that used it up"


def test_a_code_works_once(lab, provider):
    there, cookie = begin(lab)
    back = provider.agree(there, "ada")
    first = come_back(lab, back, cookie)
    assert session_of(first)
    assert re.search(r'residua_trip=""', first.headers["set-cookie"]), "forgotten by the browser"
    refused(come_back(lab, back, cookie))


def test_a_code_of_somebody_else_does_not_fit(lab, provider):
    """What was asked for in one browser and is given to another fails for want of the verifier."""
    mine, cookie = begin(lab)
    others, _ = begin(lab)
    stolen = parse_qs(urlsplit(provider.agree(others, "root")).query)["code"][0]
    back = re.sub(r"code=[^&]+", f"code={stolen}", provider.agree(mine, "ada"))
    refused(come_back(lab, back, cookie))


def test_a_provider_that_says_no_is_told_as_that(lab):
    there, cookie = begin(lab)
    state = parse_qs(urlsplit(there).query)["state"][0]
    words = quote("<script>alert(1)</script> Call 555-1234 to log in")
    back = f"/login/provider/back?state={state}&error=access_denied&error_description={words}"
    answer = lab.get(back, Cookie=cookie)
    refused(answer)
    assert b"555-1234" not in answer.body
    there, cookie = begin(lab)
    state = parse_qs(urlsplit(there).query)["state"][0]
    refused(lab.get(f"/login/provider/back?state={state}&code=x&iss=https://evil.example", Cookie=cookie))


def test_a_provider_that_is_away_keeps_nobody_else_out(opened, provider):
    lab, while_down = opened
    there, cookie = begin(lab)
    back = provider.agree(there, "ada")
    provider.down = True
    for answer in (while_down, come_back(lab, back, cookie)):
        assert answer.status == 503
        assert (
            b"Lab &lt;ID&gt; does not answer now. Try again in a minute, or log in with a password."
            in answer.body
        )
        assert b'name="password"' in answer.body
    assert cookie_of(lab.server, "reader")


@pytest.mark.parametrize(
    "after", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_the_way_leads_to_this_server_only(lab, provider, after):
    assert sign_on(lab, provider, "ada", after=after).headers["location"] == "/"


def test_a_session_that_was_there_before_is_not_taken_over(lab, provider):
    chosen = "residua_session=" + "x" * 32
    cookie = session_of(sign_on(lab, provider, "ada", also=chosen))
    assert cookie != chosen
    assert lab.get("/learn", Cookie=chosen).status == 302
    before = cookie_of(lab.server, "reader")
    there, trip = begin(lab)
    assert session_of(come_back(lab, provider.agree(there, "ada"), f"{trip}; {before}"))
    assert lab.get("/learn", Cookie=before).status == 302, (
        "what the browser was logged in as before has ended"
    )


# --- tied to an account that there is


def tie(
    lab: Lab, provider: Provider, login: str, form: Answer, cookies: str, fields: dict[str, str]
) -> Answer:
    """Send a form of ours that leads to the provider, agree there, and come back."""
    cookies = f"residua_form={cookies_of(form)['residua_form']}; {cookies}"
    page = lab.post("/login/provider", {"form": form_of(form), **fields}, Cookie=cookies)
    assert page.status == 200, page.body
    address = re.search(rb'content="0; url=([^"]+)"', page.body)[1].decode().replace("&amp;", "&")
    trip = f"residua_trip={cookies_of(page)['residua_trip']}"
    return come_back(lab, provider.agree(address, login), f"{trip}; {cookies}")


def test_somebody_whom_an_admin_added_comes_in_by_the_link(lab, provider, people):
    account = people.accounts.add("newcomer", "the hash of a password that is lost")
    link = people.logins.make_token(account.id, "reset", "reset")
    page = lab.get(f"/login/new/{link}")
    assert b"Use Lab &lt;ID&gt;" in page.body
    cookie = session_of(tie(lab, provider, "stranger", page, "", {"invited": link}))
    assert lab.get("/learn", Cookie=cookie).status == 200
    assert people.accounts.of_subject(f"{provider.url} id-of-stranger").id == account.id
    assert session_of(sign_on(lab, provider, "stranger")), "from now on without the link"
    assert not people.accounts.named("newcomer").has_password
    assert lab.get(f"/login/new/{link}").status == 404
    answer = tie(lab, provider, "liar", page, "", {"invited": link})
    assert (answer.status, b"The link was used already" in answer.body) == (403, True)


def test_a_password_and_a_provider_for_one_account(lab, provider, people):
    mine = lab.cookies["writer"]
    page = lab.get("/account", Cookie=mine)
    assert b"Connect Lab &lt;ID&gt;" in page.body
    provider.claims = {"sub": "of-writer"}
    assert tie(lab, provider, "ada", page, mine, {}).headers["location"] == "/account"
    tied = lab.get("/account", Cookie=mine).body
    assert b"You can log in with Lab &lt;ID&gt; or with your password." in tied
    assert b">Disconnect Lab &lt;ID&gt;</button>" in tied
    both = session_of(sign_on(lab, provider, "ada"))
    assert lab.get(f"/fit/{lab.project}", Cookie=both).status == 200
    # The same log-in cannot be somebody else's too.
    others = lab.cookies["other"]
    answer = tie(lab, provider, "ada", lab.get("/account", Cookie=others), others, {})
    assert (answer.status, b"This log-in is that of writer here." in answer.body) == (403, True)
    kept = f"residua_form={cookies_of(page)['residua_form']}; {mine}"
    answer = lab.post("/account", {"form": form_of(page), "do": "untie"}, Cookie=kept)
    assert (answer.status, people.accounts.named("writer").has_provider) == (200, False)


def test_nobody_ties_an_account_for_others(lab, provider):
    """Another site's form, or somebody who logged in meanwhile."""
    mine = lab.cookies["reader"]
    page = lab.get("/account", Cookie=mine)
    kept = f"residua_form={cookies_of(page)['residua_form']}"
    for fields, cookie, status in (
        ({}, mine, 403),
        ({"form": "x" * 32}, f"{kept}; {mine}", 403),
        ({"form": form_of(page)}, kept, 401),
    ):
        answer = lab.post("/login/provider", fields, Cookie=cookie)
        assert (answer.status, "residua_trip" in cookies_of(answer)) == (status, False)
    going = lab.post("/login/provider", {"form": form_of(page)}, Cookie=f"{kept}; {mine}")
    address = re.search(rb'content="0; url=([^"]+)"', going.body)[1].decode().replace("&amp;", "&")
    trip = f"residua_trip={cookies_of(going)['residua_trip']}"
    other = lab.cookies["other"]
    answer = come_back(lab, provider.agree(address, "liar"), f"{trip}; {other}")
    assert (answer.status, b"Somebody else is logged in here now." in answer.body) == (403, True)
