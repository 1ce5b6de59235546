"""Every route of the built server has a rule of who may open it, and every rule has a route."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dashboard.access import RULES, WHO, Access, rule_of, template, template_of

ROOT = Path(__file__).resolve().parents[2]

LIST_ROUTES = """
import json, sys
from pathlib import Path
from dashboard import app, ui
from dashboard.accounts.door import Door
from dashboard.accounts.doorkeeper import Doorkeeper
from dashboard.access import routes_of
from dashboard.services import Services
from dashboard.settings import Settings
from dashboard.store import Store

if __name__ == "__main__":
    store = Store(Path(sys.argv[1]))
    ui.setup()
    settings = Settings(
        accounts="oidc",
        provider_url="https://id.example.org",
        provider_client_id="residua",
        provider_client_secret="secret",
    )
    door = Door(store, settings, Doorkeeper(store))
    server = app._serve(Services(store, None, settings), 0, door)
    print(json.dumps(routes_of(server._tornado)))
    server.stop()
    door.close()
    store.close()
"""


@pytest.fixture(scope="module")
def routes(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The routes of a server as app.py builds it, without workers."""
    script = tmp_path_factory.mktemp("routes") / "list.py"
    script.write_text(LIST_ROUTES)
    finished = subprocess.run(
        [sys.executable, str(script), str(script.parent / "data")],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PATH": "", "HOME": str(script.parent), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert finished.returncode == 0, finished.stderr
    return set(json.loads(finished.stdout.splitlines()[-1]))


def test_every_route_has_a_rule(routes: set[str]) -> None:
    missing = routes - {template(rule) for rule in RULES}
    assert not missing, f"say in dashboard/access.py who may open {sorted(missing)}, then run: make docs"


def test_every_rule_has_a_route(routes: set[str]) -> None:
    stale = {template(rule) for rule in RULES} - routes
    assert not stale, f"dashboard/access.py has rules for {sorted(stale)}, which are no routes any more"


def test_every_rule_says_who_and_what() -> None:
    assert set(WHO) == set(Access)
    assert len({template(rule) for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert rule.what.endswith(".")
        assert rule.touches or not re.search(r"\{(project|run)\}", rule.route)


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/", "/"),
        ("/ws", "/"),
        ("/fit/bcd", "/fit/{project}"),
        ("/fit/bcd/", "/fit/{project}"),
        ("/fit/bcd/ws", "/fit/{project}"),
        ("/run/bcd/metadata", "/run/{run}"),
        ("/run/bcd/static/a/b.js", "/run/{run}"),
        ("/api/runs/bcd/files/result.json", "/api/runs/{run}/files/{name}"),
        ("/static/js/bokeh.min.js", "/static/{file*}"),
        ("/fit", None),
        ("/fit/bcd/more", None),
        ("/admin", "/admin"),
        ("/admin/", None),
        ("/login/provider/back", "/login/provider/back"),
        ("/login/provider/x", None),
        ("/api", None),
        ("/api/runs/bcd/files/a/b", None),
        ("/liveness", None),
        ("/rest/session_info", None),
        ("/metrics/", None),
        ("/api/healthy", None),
    ],
)
def test_the_rule_of_an_address(path: str, route: str | None) -> None:
    rule = rule_of(path)
    assert (rule.route if rule else None) == route


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (r"/?$", "/"),
        (r"/fit/(?P<project>[^/]+)/ws$", "/fit/{}"),
        (r"/run/(?:[^/]+)/static/(.*)$", "/run/{}"),
        (r"/api/runs/([^/]+)/corner\.(pdf|png)$", "/api/runs/{}/corner.{}"),
        (r"/new/([^/]+)$", "/new/{}"),
    ],
)
def test_a_routers_pattern_in_the_words_of_the_table(pattern: str, expected: str) -> None:
    assert template_of(pattern) == expected
