"""What scripts do with a token: list, start, follow and cancel fits, and only those that are theirs."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest

from dashboard.store import Store
from tests.dashboard.fits import small_project
from tests.dashboard.people import account
from tests.dashboard.server import Answer, Server, start


@dataclass
class Scripts:
    server: Server
    project: str
    tokens: dict[str, str]

    def ask(self, who: str, method: str, path: str, content: Any = None) -> Answer:
        body = None if content is None else content if isinstance(content, str) else json.dumps(content)
        return self.server.request(method, path, body, Authorization=f"Bearer {self.tokens[who]}")


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scripts]:
    folder = tmp_path_factory.mktemp("scripts")
    with closing(Store(folder / "data")) as store:
        people = {name: account(store, name) for name in ("owner", "reader", "other")}
        mine = store.seen_by(people["owner"])
        project = small_project(mine).id
        mine.sharing.share(project, "reader")
        tokens = {name: store.logins.make_token(who.id, "test") for name, who in people.items()}
    server = start(folder / "data", "--accounts", "local")
    yield Scripts(server, project, tokens)
    server.stop()
    log = (folder / "server.log").read_text()
    assert "Traceback" not in log, log


def test_a_script_fits_and_follows(scripts):
    (found,) = scripts.ask("owner", "GET", "/api/projects").json["projects"]
    assert found["id"] == scripts.project
    runs = f"/api/projects/{scripts.project}/runs"
    answer = scripts.ask("owner", "POST", runs, {"fitter": "lm", "options": {"max_steps": 50}})
    assert answer.status == 201, answer.body
    run = answer.json["run"]
    deadline = time.monotonic() + 60
    while run["status"] in ("queued", "running"):
        assert time.monotonic() < deadline
        time.sleep(0.2)
        run = scripts.ask("reader", "GET", f"/api/runs/{run['id']}").json["run"]
    assert (run["status"], run["converged"], run["options"]) == ("finished", True, {"max_steps": 50})
    assert scripts.ask("owner", "GET", f"{run['files']}result.json").json["chi2_dof"] == run["chi2_dof"]
    assert [one["id"] for one in scripts.ask("reader", "GET", runs).json["runs"]] == [run["id"]]
    assert scripts.ask("owner", "POST", f"/api/runs/{run['id']}/cancel", "").status == 202
    for who, status in (("reader", 403), ("other", 404)):
        assert scripts.ask(who, "POST", runs, {}).status == status
        assert scripts.ask(who, "POST", f"/api/runs/{run['id']}/cancel", "").status == status
    assert scripts.ask("other", "GET", f"/api/runs/{run['id']}").status == 404
    assert scripts.ask("other", "GET", "/api/projects").json == {"projects": []}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{", "The body is not JSON."),
        ([], "The body is an object"),
        ({"fitter": 3}, "The body is an object"),
        ({"fiter": "lm"}, "'fiter' is not known"),
        ({"fitter": "lmm"}, "There is no fitter 'lmm'"),
        ({"options": {"max_step": 3}}, "max_step"),
        ({"description": "a: 1"}, "the fit description"),
        ({"description": "residua: 1\nimages: [{data: /etc/passwd}]"}, "/etc/passwd"),
    ],
)
def test_what_cannot_be_fitted_is_refused_with_a_sentence(scripts, content, sentence):
    answer = scripts.ask("owner", "POST", f"/api/projects/{scripts.project}/runs", content)
    assert (answer.status, sentence in answer.json["error"]) == (422, True), answer.json
