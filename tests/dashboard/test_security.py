"""Who gets what from a real server: every rule of dashboard.access for everybody there is, new rules too."""

from __future__ import annotations

import io
import sqlite3
import tarfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from itertools import product
from pathlib import Path
from urllib.parse import quote

import pytest

from dashboard.access import RULES, Access, Rule, Verdict, decide
from dashboard.store import LOCAL, NOBODY, Account, Reach, Role, Who
from dashboard.store.attempts import FREE_BY_ADDRESS
from dashboard.store.people import RESET
from tests.dashboard.fits import fits_bytes, galaxy
from tests.dashboard.lab import Lab, WebSocket, log_in, make_lab, opens, page_token
from tests.dashboard.people import FAR


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    lab = make_lab(tmp_path_factory.mktemp("lab"))
    yield lab
    lab.server.stop()
    log = (lab.server.data_dir.parent / "server.log").read_text()
    assert "Traceback" not in log, log


# --- the decision, bare


def somebody(role: Role) -> Who:
    from datetime import UTC, datetime

    made = datetime(2026, 1, 1, tzinfo=UTC)
    return Who(account=Account(id="b" * 12, name="b", role=role, disabled=False, created=made))


LINK = Who(links=("hash",))
USER, ADMIN = somebody(Role.USER), somebody(Role.ADMIN)
A, L, N, F = Verdict.ALLOW, Verdict.LOG_IN, Verdict.NOT_HERE, Verdict.FORBIDDEN
# By reach: NONE, READ, WRITE, OWN.
DECISIONS = {
    (Access.PUBLIC, "nobody"): (A, A, A, A),
    (Access.PUBLIC, "user"): (A, A, A, A),
    (Access.USER, "nobody"): (L, L, L, L),
    (Access.USER, "link"): (L, L, L, L),
    (Access.USER, "user"): (A, A, A, A),
    (Access.USER, "admin"): (A, A, A, A),
    (Access.READ, "nobody"): (L, A, A, A),
    (Access.READ, "link"): (L, A, A, A),
    (Access.READ, "user"): (N, A, A, A),
    (Access.WRITE, "nobody"): (L, F, A, A),
    (Access.WRITE, "link"): (L, F, A, A),
    (Access.WRITE, "user"): (N, F, A, A),
    (Access.OWNER, "nobody"): (L, F, F, A),
    (Access.OWNER, "user"): (N, F, F, A),
    (Access.ADMIN, "nobody"): (L, L, L, L),
    (Access.ADMIN, "link"): (L, L, L, L),
    (Access.ADMIN, "user"): (F, F, F, F),
    (Access.ADMIN, "admin"): (A, A, A, A),
}


@pytest.mark.parametrize(("access", "person"), DECISIONS)
def test_the_decision(access, person):
    who = {"nobody": NOBODY, "link": LINK, "user": USER, "admin": ADMIN}[person]
    assert tuple(decide(access, who, reach) for reach in Reach) == DECISIONS[access, person]


@pytest.mark.parametrize("access", Access)
def test_without_accounts_everything_is_open(access):
    assert decide(access, LOCAL) is Verdict.ALLOW


# --- every rule, asked for real


def path_of(rule: Rule, lab: Lab) -> str:
    names = {"project": lab.project, "run": lab.run, "page": "lm", "name": "result.json", "kind": "pdf"}
    files = {
        "/assets/{file*}": "logo.svg",
        "/static/{file*}": "js/bokeh.min.js",
        "/components/{file*}": "x.js",
    }
    path = rule.route.replace("{file*}", files.get(rule.route, ""))
    for name, value in {**names, "token": "0" * 32}.items():
        path = path.replace(f"{{{name}}}", value)
    for name, kind in rule.query[:1]:
        path += f"?{name}={names[kind]}"
    return path


def expected(rule: Rule, who: str) -> Verdict:
    """What the table says, in words that are not those of `decide`."""
    reach = FAR[who]
    has_account = who not in ("anonymous", "link", "disabled")
    if rule.access is Access.PUBLIC:
        return Verdict.ALLOW
    if rule.access in (Access.USER, Access.ADMIN):
        if not has_account:
            return Verdict.LOG_IN
        return Verdict.ALLOW if rule.access is Access.USER or who == "admin" else Verdict.FORBIDDEN
    need = {Access.READ: Reach.READ, Access.WRITE: Reach.WRITE, Access.OWNER: Reach.OWN}[rule.access]
    if reach >= need:
        return Verdict.ALLOW
    if reach is Reach.NONE:
        return Verdict.NOT_HERE if has_account else Verdict.LOG_IN
    return Verdict.FORBIDDEN


SENTENCES = {
    Verdict.LOG_IN: (401, b"Log in first"),
    Verdict.NOT_HERE: (404, b"or it is not shared with you"),
    Verdict.FORBIDDEN: (403, b"for reading only"),
}


def verdict_of(lab: Lab, path: str, who: str, method: str = "GET") -> Verdict:
    """What the gate made of a request, by its answer."""
    answer = lab.server.request(method, path, **lab.headers(who))
    if answer.status == 302 and path != "/login":
        assert answer.headers["location"].startswith("/login?next=%2F")
        return Verdict.LOG_IN
    for verdict, (status, sentence) in SENTENCES.items():
        if answer.status == status and sentence in answer.body:
            return verdict
    assert answer.status not in (401, 403), (path, who, answer.status, answer.body)
    return Verdict.ALLOW


@pytest.mark.parametrize("who", FAR)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.route)
def test_a_route_is_for_those_whom_its_rule_names(lab, rule, who):
    path = path_of(rule, lab)
    if rule.page and who in ("admin", "writer", "other"):
        # Its websocket follows the same rule, and no page has to be made for it: those of the others are.
        base, _, query = path.partition("?")
        assert verdict_of(lab, f"{base.rstrip('/')}/ws?{query}", who) is expected(rule, who)
        return
    assert verdict_of(lab, path, who) is expected(rule, who)
    if rule.page:
        for beside in ("/metadata", "/autoload.js?bokeh-autoload-element=x", "/ws"):
            base, _, query = path.partition("?")
            other = f"{base.rstrip('/')}{beside}" + (
                f"{'&' if '?' in beside else '?'}{query}" if query else ""
            )
            if expected(rule, who) is not Verdict.ALLOW:
                assert verdict_of(lab, other, who) is expected(rule, who), other


CHANGING = ("POST", "PUT", "PATCH", "DELETE")


def records(lab: Lab) -> list[str]:
    """All that the database holds, but when people were seen last."""
    with closing(sqlite3.connect(lab.server.data_dir / "residua.db")) as connection:
        lines = list(connection.iterdump())
    return [line for line in lines if not line.startswith(('INSERT INTO "login"', 'INSERT INTO "token"'))]


@pytest.mark.parametrize("who", [who for who in FAR if FAR[who] < Reach.WRITE])
def test_who_may_only_read_changes_nothing_by_any_method(lab, who):
    before = records(lab)
    for rule, method in product([rule for rule in RULES if rule.route != "/logout"], CHANGING):
        answer = lab.server.request(method, path_of(rule, lab), b"{}", **lab.headers(who))
        if expected(rule, who) is not Verdict.ALLOW:
            assert answer.status == SENTENCES[expected(rule, who)][0], (rule.route, method)
        else:
            assert answer.status in (403, 404, 405, 422), (rule.route, method, answer.body)
    assert records(lab) == before


def test_other_sites_change_nothing_anywhere(lab):
    """Whatever a page of theirs makes the browser of the project's owner send."""
    before = records(lab)
    for rule, headers in product(RULES, ({"Origin": "null"}, {"Sec_Fetch_Site": "same-site"})):
        for method in CHANGING:
            answer = lab.server.request(method, path_of(rule, lab), b"{}", **lab.headers("owner"), **headers)
            assert (answer.status, b"from another site" in answer.body) == (403, True), (rule.route, method)
    assert records(lab) == before
    assert lab.get("/", "owner").status == 200


def test_a_token_of_somebody_disabled_or_none_opens_nothing(lab):
    with lab.people() as people:
        disabled = people.accounts.named("disabled")
        tokens = [
            people.logins.make_token(disabled.id, "old"),
            people.logins.make_token(disabled.id, "r", RESET),
        ]
    for rule, token in product(RULES, [*tokens, "x" * 32]):
        answer = lab.get(path_of(rule, lab), Authorization=f"Bearer {token}")
        assert (answer.status, b"opens nothing" in answer.body) == (401, True), rule.route


@pytest.mark.parametrize(
    "rule", [rule for rule in RULES if rule.touches or rule.query], ids=lambda r: r.route
)
def test_what_does_not_exist_is_answered_like_what_is_not_ones_own(lab, rule):
    path = path_of(rule, lab)
    missing = path.replace(lab.project, "bbbbbbbbbbbb").replace(lab.run, "bbbbbbbbbbbb")
    for who in ("other", "anonymous", "link"):
        theirs = (
            path
            if who != "link"
            else path.replace(lab.project, lab.others_project).replace(lab.run, lab.others_run)
        )
        one, two = (lab.server.request("GET", each, **lab.headers(who)) for each in (theirs, missing))
        assert (one.status, one.body) == (two.status, two.body)


@pytest.mark.parametrize(
    "path",
    [
        "/liveness",
        "/liveness?endpoint=/fit/x",
        "/rest/session_info",
        "/rest/state",
        "/admin/x",
        "/auth",
        "/oauth",
    ],
)
@pytest.mark.parametrize("who", ["anonymous", "admin"])
def test_what_the_framework_would_serve_beside_is_not_there(lab, path, who):
    answer = lab.get(path, who)
    assert (answer.status, answer.body) == (404, b"There is nothing at this address.\n")


def test_extensions_static_files_are_no_way_round(lab):
    assert lab.get("/static/extensions/panel/panel.min.js").status == 200
    for path in (
        "/static/extensions/../../residua.db",
        "/static/%2e%2e/%2e%2e/residua.db",
        "/assets//etc/passwd",
    ):
        assert lab.get(path).status in (403, 404)


# --- ids that come beside the path


def test_a_comparison_shows_nothing_of_runs_that_are_not_ones_own(lab):
    both = f"/compare?runs={lab.run},{lab.others_run}"
    assert lab.get(both, "other").status == 200
    assert lab.get(both, "reader").status == 200
    assert lab.get(f"/compare?runs={lab.run}", "other", Accept="application/json").status == 404
    assert lab.get(f"/compare?project={lab.project}", "other").status == 404


def test_a_corner_plot_takes_no_run_of_another_project(lab):
    answer = lab.get(f"/api/runs/{lab.run}/corner.pdf?with={lab.others_run}", "owner")
    assert answer.status in (404, 422)
    assert "error" in answer.json


# --- sessions of pages


def test_a_page_opens_its_websocket_and_nobody_elses(lab):
    path = f"/fit/{lab.project}"
    token = page_token(lab.get(path, "owner"))
    assert opens(lab, f"{path}/ws", token, "other") == 404
    assert opens(lab, f"{path}/ws", token, "anonymous") == 401
    # Somebody who may read the project still has no business in the session of its owner.
    assert opens(lab, f"{path}/ws", token, "reader") == 404
    assert opens(lab, f"{path}/ws", token, "link") == 404
    # Nor by another page that they may open.
    assert opens(lab, f"/fit/{lab.others_project}/ws", token, "other") == 404
    assert opens(lab, f"{path}/ws", token, "owner") is True


def test_another_site_opens_no_websocket_with_a_visitors_cookies(lab):
    path = f"/fit/{lab.project}"
    token = page_token(lab.get(path, "owner"))
    for origin in ("https://evil.example", "null", "http://127.0.0.1.evil.example"):
        with WebSocket(lab, f"{path}/ws", token, "owner", origin) as socket:
            assert socket.status == 403, origin


def test_a_token_that_was_changed_opens_nothing(lab):
    path = f"/fit/{lab.project}"
    token = page_token(lab.get(path, "reader"))
    assert opens(lab, f"{path}/ws", token, "reader") is True
    for changed in (token[:-8] + "AAAAAAAA", "A" + token[1:], token.partition(".")[0], "x", "."):
        assert opens(lab, f"{path}/ws", changed, "reader") == 404, changed


@pytest.mark.parametrize(
    "path", ["/fit/{project}?bokeh-session-id=abc", "/fit/{project}?bokeh-token=abc", "/?bokeh-session-id=a"]
)
def test_nobody_chooses_the_id_of_a_session(lab, path):
    assert lab.get(path.format(project=lab.project), "owner").status == 404
    assert (
        lab.get(path.partition("?")[0].format(project=lab.project), "owner", Bokeh_Session_Id="abc").status
        == 404
    )


def test_a_page_does_not_hold_the_secrets_of_its_browser(lab):
    import base64

    answer = lab.get(f"/fit/{lab.project}", "owner")
    secret = lab.cookies["owner"].partition("=")[2]
    payload = page_token(answer).split(".")[0]
    decoded = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    for text in (answer.body, decoded):
        assert secret.encode() not in text
    assert b"residua_session" not in decoded


# --- who sends what from where


def test_an_address_that_is_no_proxys_word_is_not_believed(lab):
    """Of a server without --trusted-proxies: what is said of another address locks this one."""
    with lab.people() as people:
        for number in range(FREE_BY_ADDRESS):
            people.attempts.begin(f"name{number}", "127.0.0.1")
    assert log_in(lab.server, "name99", "wrong password", X_Forwarded_For="10.4.0.99").status == 429


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Sec_Fetch_Site": "cross-site"}])
def test_other_sites_make_a_browser_change_nothing(lab, headers):
    answer = lab.server.upload(lab.project, b"x" * 100, **lab.headers("owner"), **headers)
    assert (answer.status, answer.json["error"][:36]) == (403, "This request came from another site,")
    assert lab.post("/logout", {}, "owner", **headers).status == 403
    assert lab.get("/", "owner").status == 200, "still logged in"


def test_a_refused_upload_is_answered_and_leaves_nothing(lab):
    body = iter([b"x" * 100_000] * 30)
    answer = lab.server.upload(lab.project, body, **lab.headers("reader"))
    assert answer.status == 403
    assert lab.server.leftovers == []


@pytest.mark.parametrize("path", ["/login", "/logout", "/s/x", "/nothing"])
def test_a_body_that_never_ends_is_cut_off(lab, path):
    sent = 0
    with closing(lab.connect()) as connection:
        connection.sendall(
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        )
        with suppress(ConnectionError):
            while sent < 200_000_000:
                connection.sendall(b"186a0\r\n" + b"x" * 100_000 + b"\r\n")
                sent += 100_000
    assert sent < 100_000_000


def test_slow_clients_keep_nobody_waiting(lab):
    """A hundred that never finish their headers, and some that never finish a form."""
    with ExitStack() as stack:
        for number in range(120):
            connection = stack.enter_context(closing(lab.connect()))
            connection.sendall(b"GET /login HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")
            if number % 6 == 0:
                form = stack.enter_context(closing(lab.connect()))
                form.sendall(b"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\nname=")
        begun = time.monotonic()
        assert lab.get("/login").status == 200
        assert time.monotonic() - begun < 5


def test_a_page_may_load_from_and_send_to_this_server_only(lab):
    policy = lab.get(f"/fit/{lab.project}", "owner").headers["content-security-policy"]
    directives = dict(one.strip().partition(" ")[::2] for one in policy.split(";"))
    assert directives["default-src"] == "'self'"
    assert directives["object-src"] == "'none'"
    for sources in directives.values():
        assert "http" not in sources
        assert "*" not in sources


# --- names and texts that want to be more


HOSTILE = (
    "../../../../etc/passwd",
    "..\\..\\windows",
    "a\x00b.fits",
    "<script>alert(1)</script>.fits",
    "\u202egnp.fits",
    "x" * 5000 + ".fits",
    "{{7*7}} ${7*7} %(x)s %s",
    "'; DROP TABLE project; --",
)


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_names_of_files_are_only_ever_shown(lab, name):
    before = sorted(path for path in lab.server.data_dir.parent.rglob("*") if "files/" not in str(path))
    data = fits_bytes(galaxy(16), OBJECT="<script>alert(1)</script>")
    answer = lab.server.upload(lab.project, data, f"role=image&name={quote(name)}", **lab.headers("owner"))
    assert answer.status == 201, answer.body
    kept = answer.json["file"]["name"]
    assert not {"/", "\\", "\x00", "\u202e", "\n"} & set(kept)
    assert len(kept) <= 120
    after = sorted(path for path in lab.server.data_dir.parent.rglob("*") if "files/" not in str(path))
    assert {path.name for path in set(after) - set(before)} <= {"residua.db-wal", "residua.db-shm"}
    if "<" in name:
        assert b"<script>alert" not in lab.get(f"/fit/{lab.project}", "owner").body


def archive(kind: str) -> bytes:
    """Files with names that lead elsewhere, in one file."""
    stream, image = io.BytesIO(), fits_bytes(galaxy(16))
    names = ("../../strayed.fits", "/tmp/strayed.fits", "strayed.fits")
    if kind == "zip":
        with zipfile.ZipFile(stream, "w") as packed:
            for name in names:
                packed.writestr(name, image)
    else:
        with tarfile.open(fileobj=stream, mode=f"w:{kind}") as packed:
            for name in names:
                entry = tarfile.TarInfo(name)
                entry.size = len(image)
                packed.addfile(entry, io.BytesIO(image))
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["zip", "", "gz"])
def test_an_archive_is_no_image_and_nothing_is_unpacked(lab, kind):
    answer = lab.server.upload(lab.project, archive(kind), **lab.headers("owner"))
    assert answer.status == 422, answer.body
    assert lab.server.leftovers == []
    assert list(lab.server.data_dir.parents[1].rglob("strayed*")) == []
    assert not Path("/tmp/strayed.fits").exists()
