"""Log-in on a real server: wrong passwords, locks, fixation, forged forms, being shut out of open pages."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from urllib.parse import quote

import pytest
from sqlalchemy import delete

from dashboard.store.attempts import FREE_BY_NAME, wait_after
from dashboard.store.database import connect
from dashboard.store.models import LinkRow
from tests.dashboard.lab import (
    PASSWORD,
    Lab,
    WebSocket,
    cookie_of,
    cookies_of,
    form_of,
    log_in,
    on_both,
    page_token,
)


@pytest.fixture
def people(lab):
    with lab.people() as people:
        yield people


def test_the_page_needs_no_scripts_and_loads_nothing_from_elsewhere(lab):
    answer = lab.get("/login")
    assert answer.status == 200
    assert b"<script" not in answer.body
    assert b"http" not in answer.body.replace(b"http://www.w3.org/2000/svg", b"")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"


def test_who_is_not_logged_in_is_asked_to_and_comes_back_to_where_they_wanted(lab):
    wanted = f"/compare?runs={lab.run}"
    answer = lab.get(wanted)
    assert (answer.status, answer.headers["location"]) == (302, f"/login?next={quote(wanted, safe='')}")
    assert log_in(lab.server, "owner", after=wanted).headers["location"] == wanted


@pytest.mark.parametrize(
    "after",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "\t//evil.example",
        "evil",
    ],
)
def test_log_in_leads_nowhere_else(lab, after):
    answer = log_in(lab.server, "owner", after=after)
    assert (answer.status, answer.headers["location"]) == (303, "/")
    page = lab.get(f"/login?next={quote(after)}")
    assert b'name="next" value="/"' in page.body


def test_the_cookie_is_for_this_server_alone(lab):
    answer = log_in(lab.server, "owner")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie
    assert "Secure" in log_in(lab.server, "owner", X_Forwarded_Proto="https").headers["set-cookie"]


def test_a_cookie_that_was_there_before_is_not_taken_over(lab):
    chosen = "x" * 32
    page = lab.get("/login")
    form = cookies_of(page)["residua_form"]
    answer = lab.post(
        "/login",
        {"name": "owner", "password": PASSWORD, "form": form_of(page)},
        Cookie=f"residua_form={form}; residua_session={chosen}",
    )
    secret = cookies_of(answer)["residua_session"]
    assert secret != chosen
    assert lab.get("/learn", Cookie=f"residua_session={chosen}").status == 302
    assert lab.get("/learn", Cookie=f"residua_session={secret}").status == 200


@on_both
def test_logging_in_again_and_out_ends_what_was_before(lab):
    first = cookie_of(lab.server, "reader")
    page = lab.get("/login", Cookie="")
    form = cookies_of(page)["residua_form"]
    answer = lab.post(
        "/login",
        {"name": "reader", "password": PASSWORD, "form": form_of(page)},
        Cookie=f"{first}; residua_form={form}",
    )
    second = f"residua_session={cookies_of(answer)['residua_session']}"
    assert (lab.get("/learn", Cookie=first).status, lab.get("/learn", Cookie=second).status) == (302, 200)
    assert lab.post("/logout", {}, Cookie=second).headers["location"] == "/login"
    assert lab.get("/learn", Cookie=second).status == 302


@pytest.mark.parametrize("sent", [{}, {"form": ""}, {"form": "x" * 32}])
def test_a_form_from_elsewhere_logs_nobody_in(lab, sent):
    page = lab.get("/login")
    kept = cookies_of(page)["residua_form"]
    fields = {"name": "owner", "password": PASSWORD, **sent}
    for cookie in ("", f"residua_form={kept}", "residua_form="):
        answer = lab.post("/login", fields, Cookie=cookie)
        assert answer.status == 403
        assert "residua_session" not in cookies_of(answer)


def test_what_was_typed_is_shown_as_text(lab):
    answer = log_in(lab.server, '"><script>alert(1)</script>', "wrong password", X_Forwarded_For="10.0.0.9")
    assert answer.status == 401
    assert b"<script>" not in answer.body
    assert b"&quot;&gt;&lt;script&gt;" in answer.body


def test_what_a_browser_says_of_itself_is_shown_as_text(lab):
    agent = '"><script>alert(1)</script>' + "x" * 500
    answer = log_in(lab.server, "reader", User_Agent=agent, X_Forwarded_For="<b>10.0.0.8</b>")
    cookie = f"residua_session={cookies_of(answer)['residua_session']}"
    for page in (lab.get("/account", Cookie=cookie), lab.get("/admin", "admin")):
        assert b"&quot;&gt;&lt;script&gt;alert" in page.body
        assert b"<script>alert" not in page.body
        assert b"<b>10" not in page.body


def test_a_name_that_does_not_exist_is_answered_alike_and_as_late(lab):
    """Medians of a few, each from an address of its own and below the limit of its name."""
    answers: dict[str, list[float]] = {"reader": [], "nobody-of-this-name": []}
    bodies = set()
    for number in range(3):
        for name, times in answers.items():
            begun = time.perf_counter()
            answer = log_in(lab.server, name, "not the password", X_Forwarded_For=f"10.1.0.{number}")
            times.append(time.perf_counter() - begun)
            assert answer.status == 401
            bodies.add(answer.body.replace(name.encode(), b"NAME").replace(form_of(answer).encode(), b"FORM"))
    assert len(bodies) == 1
    known, unknown = (statistics.median(times) for times in answers.values())
    assert unknown > 0.4 * known


@on_both
@pytest.mark.parametrize("name", ["writer", "nobody-at-all"])
def test_failures_lock_a_name_for_a_while(lab, people, name):
    statuses = [
        log_in(lab.server, name, "wrong password", X_Forwarded_For=f"10.2.0.{number}").status
        for number in range(5)
    ]
    assert statuses == [401] * 5
    for _ in range(2):  # so that the wait is longer than a busy machine takes to answer
        people.attempts._failed(name, "10.2.0.98")
    answer = log_in(lab.server, name, X_Forwarded_For="10.2.0.99")
    assert answer.status == 429
    assert b"Too many failed attempts. Try again in " in answer.body
    assert int(answer.headers["retry-after"]) <= wait_after(7, FREE_BY_NAME) + 1
    assert (name in people.attempts.locked([name])) is True
    people.attempts.forget(name)
    assert log_in(lab.server, name, X_Forwarded_For="10.2.0.99").status == (303 if name == "writer" else 401)


@on_both
def test_many_attempts_at_once_are_not_all_let_through(lab, people):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(12) as threads:
        answers = list(
            threads.map(
                lambda number: (
                    log_in(lab.server, "admin", "wrong password", X_Forwarded_For=f"10.3.0.{number}").status
                ),
                range(12),
            )
        )
    people.attempts.forget("admin")
    assert answers.count(401) <= 6
    assert answers.count(429) >= 6


def test_the_disabled_cannot_log_in(lab):
    assert log_in(lab.server, "disabled").status == 401


# --- shut out


def closed_after(lab: Lab, who: str, path: str, act: Callable[[], object]) -> tuple[int, bool]:
    """Open a page with its websocket and act: the code it is closed with, and whether that was within 10 s."""
    token = page_token(lab.get(path, who))
    with WebSocket(lab, f"{path}/ws", token, who) as socket:
        assert socket.read()[0] == 1
        begun = time.monotonic()
        act()
        return socket.end(), time.monotonic() - begun < 10


@on_both
def test_who_is_disabled_loses_open_pages_within_seconds(lab, people):
    account = people.accounts.named("writer")
    assert closed_after(
        lab, "writer", f"/fit/{lab.project}", lambda: people.accounts.set_disabled(account.id, True)
    ) == (1008, True)
    assert lab.get(f"/fit/{lab.project}", "writer").status == 302


def test_who_logs_out_loses_open_pages_at_once(lab):
    lab.cookies["leaving"] = cookie_of(lab.server, "reader")
    assert closed_after(
        lab, "leaving", f"/fit/{lab.project}", lambda: lab.post("/logout", {}, "leaving")
    ) == (1008, True)


@on_both
def test_a_link_that_is_revoked_closes_the_pages_that_it_opened(lab, people):
    def revoke() -> None:
        database = connect(lab.server.data_dir, lab.database)
        with database.begin() as connection:
            connection.execute(delete(LinkRow))
        database.dispose()

    assert closed_after(lab, "link", f"/fit/{lab.project}", revoke) == (1008, True)
    assert lab.get(f"/fit/{lab.project}", "link").status == 302
    assert lab.get(f"/s/{lab.link}").status == 404


@pytest.mark.parametrize("token", ["x", "0" * 32, "%2e%2e", "a'OR'1'='1"])
def test_guessed_links_open_nothing(lab, token):
    answer = lab.get(f"/s/{token}")
    assert answer.status == 404
    assert "residua_link" not in cookies_of(answer)


# --- a new password


@on_both
def test_a_reset_link_works_once_and_logs_out_everywhere(lab, people):
    before = cookie_of(lab.server, "other")
    link = people.logins.make_token(people.accounts.named("other").id, "reset", "reset")
    page = lab.get(f"/login/new/{link}")
    assert b"A password for other" in page.body
    kept, form = f"residua_form={cookies_of(page)['residua_form']}", form_of(page)
    for password, again, sentence in (
        ("short", "short", b"must have at least 10"),
        ("aaaaaaaaaaaa", "aaaaaaaaaaaa", b"too easy to guess"),
        ("another horse battery", "another horse staple", b"The two passwords differ"),
    ):
        fields = {"password": password, "again": again, "form": form}
        answer = lab.post(f"/login/new/{link}", fields, Cookie=kept)
        assert (answer.status, sentence in answer.body) == (422, True)
    fields = {"password": "another horse battery", "again": "another horse battery", "form": form}
    assert lab.post(f"/login/new/{link}", fields, Cookie=kept).status == 303
    assert lab.post(f"/login/new/{link}", fields, Cookie=kept).status == 404
    assert lab.get("/learn", Cookie=before).status == 302
    assert log_in(lab.server, "other", X_Forwarded_For="10.5.0.1").status == 401
    assert log_in(lab.server, "other", "another horse battery", X_Forwarded_For="10.5.0.1").status == 303


def test_a_reset_link_is_no_token_for_scripts(lab, people):
    link = people.logins.make_token(people.accounts.named("owner").id, "reset", "reset")
    assert lab.get("/learn", Authorization=f"Bearer {link}").status == 401


# --- scripts


@on_both
def test_a_token_lets_a_script_do_what_its_account_may(lab, people):
    account = people.accounts.named("owner")
    token = people.logins.make_token(account.id, "script")
    answer = lab.server.upload(lab.project, b"", Authorization=f"Bearer {token}")
    assert (answer.status, answer.json["error"]) == (422, "galaxy.fits is empty. Choose another file.")
    assert lab.server.upload(lab.others_project, b"", Authorization=f"Bearer {token}").status == 404
    for wrong in ("Bearer wrong", "Basic b3duZXI6eA==", f"Bearer {token}x", "Bearer", token):
        assert lab.server.upload(lab.project, b"", Authorization=wrong).status == 401
    people.logins.revoke_token(account.id, people.logins.tokens(account.id)[0].id)
    time.sleep(2.2)  # the command line revokes in a process of its own
    assert lab.server.upload(lab.project, b"", Authorization=f"Bearer {token}").status == 401


@on_both
def test_only_admins_measure(lab, people):
    token = people.logins.make_token(people.accounts.named("admin").id, "prometheus")
    answer = lab.get("/metrics", Authorization=f"Bearer {token}")
    assert (answer.status, b"residua_healthy" in answer.body) == (200, True)
