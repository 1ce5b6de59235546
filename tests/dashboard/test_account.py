"""The account page, sharing and read-only sessions: on a real server, and their states bare."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from dashboard.accounts.account import browser_name
from dashboard.services import Services
from dashboard.settings import Settings
from dashboard.state.session import Session
from dashboard.state.sharing import SharingState
from dashboard.store import Store, Who
from dashboard.store.reach import READ_ONLY
from tests.dashboard.fits import small_project
from tests.dashboard.lab import PASSWORD, Lab, cookie_of, cookies_of, form_of, log_in, on_both
from tests.dashboard.people import World, account, world
from tests.dashboard.server import Answer


def send(lab: Lab, who: str, **fields: str) -> Answer:
    """Open the page of one's account and send one of its forms."""
    page = lab.get("/account", who)
    kept = cookies_of(page)["residua_form"]
    cookie = f"{lab.cookies[who]}; residua_form={kept}"
    return lab.post("/account", {"form": form_of(page), **fields}, Cookie=cookie)


@on_both
def test_a_token_is_made_shown_once_used_and_revoked(lab):
    label = '<script>alert("x")</script>'
    made = send(lab, "writer", do="token", label=label)
    assert made.status == 200
    assert b"<script" not in made.body
    token = re.search(rb'class="secret">([^<]+)<', made.body)[1].decode()
    again = lab.get("/account", "writer")
    assert token.encode() not in again.body
    assert b"&lt;script&gt;" in again.body
    answer = lab.server.upload(lab.project, b"", Authorization=f"Bearer {token}")
    assert answer.json["error"] == "galaxy.fits is empty. Choose another file."
    identifier = re.search(rb'name="id" value="([^"]+)"><button[^>]*Revoke', again.body)[1].decode()
    assert send(lab, "reader", do="revoke", id=identifier).status == 422, "somebody else's"
    assert send(lab, "writer", do="revoke", id=identifier).status == 200
    assert lab.server.upload(lab.project, b"", Authorization=f"Bearer {token}").status == 401


def test_a_form_of_another_page_changes_nothing(lab):
    for form in ("", "x" * 32):
        answer = lab.post("/account", {"do": "token", "label": "stolen", "form": form}, "writer")
        assert answer.status == 403
    assert b"stolen" not in lab.get("/account", "writer").body
    assert send(lab, "writer", do="nonsense").status == 422


@on_both
def test_other_browsers_can_be_logged_out(lab):
    lab.cookies["elsewhere"] = cookie_of(lab.server, "reader")
    page = lab.get("/account", "reader")
    others = re.findall(rb'name="id" value="([0-9a-f]{64})"', page.body)
    assert len(others) == 1
    answer = send(lab, "writer", do="log_out", id=others[0].decode())
    assert answer.status == 422, "somebody else's browser"
    assert lab.get("/learn", "elsewhere").status == 200
    assert send(lab, "reader", do="log_out", id=others[0].decode()).status == 200
    assert lab.get("/learn", "elsewhere").status == 302


def test_a_password_is_changed_by_who_knows_it(lab):
    lab.cookies["elsewhere"] = cookie_of(lab.server, "other")
    new = "another horse battery"
    for old, first, second, sentence in (
        ("wrong", new, new, b"The present password is another one."),
        (PASSWORD, "short", "short", b"must have at least 10"),
        (PASSWORD, new, "another horse staple", b"The two new passwords differ"),
    ):
        answer = send(lab, "other", do="password", old=old, new=first, again=second)
        assert (answer.status, sentence in answer.body) == (422, True)
    assert send(lab, "other", do="password", old=PASSWORD, new=new, again=new).status == 200
    assert lab.get("/learn", "elsewhere").status == 302
    assert lab.get("/learn", "other").status == 200, "the browser in which it was changed stays"
    assert (log_in(lab.server, "other").status, log_in(lab.server, "other", new).status) == (401, 303)


# --- admins


def administer(lab: Lab, who: str, **fields: str) -> Answer:
    page = lab.get("/admin", "admin")
    kept = cookies_of(page)["residua_form"]
    cookie = f"{lab.cookies[who]}; residua_form={kept}"
    return lab.post("/admin", {"form": form_of(page), **fields}, Cookie=cookie)


@on_both
def test_an_admin_adds_somebody_who_chooses_a_password(lab):
    answer = administer(lab, "admin", do="add", name="new-one")
    link = re.search(rb'class="secret">http://[^/]+([^<]+)<', answer.body)[1].decode()
    assert link.startswith("/login/new/")
    assert b"has no password yet" in answer.body
    assert log_in(lab.server, "new-one", "").status == 401
    page = lab.get(link)
    fields = {"form": form_of(page), "password": "a sentence of mine", "again": "a sentence of mine"}
    kept = f"residua_form={cookies_of(page)['residua_form']}"
    assert lab.post(link, fields, Cookie=kept).status == 303
    assert log_in(lab.server, "new-one", "a sentence of mine").status == 303
    assert administer(lab, "admin", do="add", name="new-one").status == 422
    assert administer(lab, "admin", do="add", name="<script>").status == 422


@on_both
def test_an_admin_shuts_out_and_lets_in_again(lab):
    with lab.people() as people:
        identifier = people.accounts.named("writer").id
        admin = people.accounts.named("admin").id
    assert lab.get("/learn", "writer").status == 200
    assert administer(lab, "admin", do="disable", id=identifier).status == 200
    assert lab.get("/learn", "writer").status == 302
    assert administer(lab, "admin", do="enable", id=identifier).status == 200
    assert log_in(lab.server, "writer").status == 303
    for do in ("disable", "user"):
        answer = administer(lab, "admin", do=do, id=admin)
        assert (answer.status, b"admin is the only admin" in answer.body) == (422, True)
    for do in ("reset", "cancel", "nonsense"):
        assert administer(lab, "admin", do=do, id="nosuchthing1").status == 422


def test_nobody_else_administers(lab):
    for who in ("owner", "reader", "link", "anonymous"):
        page = administer(lab, who, do="add", name="intruder")
        assert page.status in (401, 403)
    assert b"intruder" not in lab.get("/admin", "admin").body


def test_the_admin_page_shows_what_goes_on_as_text(lab):
    log_in(lab.server, "<b>nobody</b>\nforged line", "wrong password")
    answer = lab.get("/admin?live=1", "admin")
    assert b"<b>" not in answer.body
    assert b"Failed log-in as &#x27;&lt;b&gt;nobody&lt;/b&gt;" in answer.body
    assert b"\nforged line" not in answer.body
    lab.get(f"/fit/{lab.project}", "owner")
    assert f"/fit/{lab.project}".encode() in lab.get("/admin?live=1", "admin").body


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/156.0 Safari/537.36", "Chrome, Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) Gecko/20100101 Firefox/140.0", "Firefox, Windows"),
        ("curl/8.9", "curl/8.9"),
    ],
)
def test_browsers_are_called_by_their_names(agent, name):
    assert browser_name(agent) == name


# --- sharing, bare


@pytest.fixture
def people(tmp_path: Path, database: str) -> Iterator[World]:
    with closing(Store(tmp_path / "data", database)) as store:
        yield world(store)


def services(store: Store, who: Who, changed: Any = lambda: None) -> Services:
    return Services(store, None, Settings(), changed).seen_by(who)  # type: ignore[arg-type]


def test_an_owner_shares_and_takes_back(people):
    told: list[str] = []
    state = SharingState(services(people.store, people.who["owner"], lambda: told.append("changed")))
    asyncio.run(state.open(people.project))
    assert (state.title, state.owner) == ("lent", "owner")
    assert [(one["name"], one["write"]) for one in state.people] == [
        ("disabled", True),
        ("reader", False),
        ("writer", True),
    ]
    assert state.links[0]["words"].endswith(", not opened yet")
    assert asyncio.run(state.share("Other ", write=True))
    assert ("other", True) in [(one["name"], one["write"]) for one in state.people]
    assert not asyncio.run(state.share("nobody", write=True))
    assert state.error.startswith("Nobody here is called 'nobody'")
    assert not asyncio.run(state.share("  ", write=False))
    asyncio.run(state.unshare(people.who["other"].id))
    assert "other" not in [one["name"] for one in state.people]
    asyncio.run(state.make_link())
    assert re.fullmatch(r"/s/[\w-]{32}", state.made)
    people.store.sharing.opened(state.made.removeprefix("/s/"), "ada")
    asyncio.run(state.open(people.project))
    assert re.search(r", opened once .* by ada$", state.links[1]["words"])
    asyncio.run(state.revoke(state.links[1]["id"]))
    assert len(state.links) == 1
    assert told == ["changed"] * 3


def test_who_may_only_write_cannot_share(people):
    state = SharingState(services(people.store, people.who["writer"]))
    asyncio.run(state.open(people.project))
    assert state.error == "Only its owner may do this to a project."
    assert not services(people.store, people.who["writer"]).may_share(people.project)
    assert services(people.store, people.who["admin"]).may_share(people.project)


# --- a reader at the workbench


def test_a_reader_sees_everything_and_changes_nothing(tmp_path):
    with closing(Store(tmp_path / "data")) as store:
        owner, reader = account(store, "owner"), account(store, "reader")
        mine = store.seen_by(owner)
        project = small_project(mine)
        mine.sharing.share(project.id, "reader")
        session = Session(services(store, reader), project.id)

        async def look() -> list[Any]:
            await session.open()
            problem = session.state.opened.problem
            edited = await session.edit_parameter("disk0.n", "value", "2")
            refusals = [session.state.refused]
            await session.undo()
            refusals.append(session.state.refused)
            return [problem, edited, refusals]

        problem, edited, refusals = asyncio.run(look())
        assert problem is not None
        assert not edited
        assert refusals == [READ_ONLY, READ_ONLY]

        async def show_values() -> bool:
            other = {**session.state.description, "seed": 7}
            return await session.change(lambda _: other, only_shown=True)

        assert asyncio.run(show_values()), "the values of a run can be looked at"
        assert session.state.description["seed"] == 7
        assert "seed" not in (store.project(project.id).description or {})
