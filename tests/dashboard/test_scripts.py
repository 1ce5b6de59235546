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
    others_project: str
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
        others_project = small_project(store.seen_by(people["other"])).id
        tokens = {name: store.logins.make_token(who.id, "test") for name, who in people.items()}
    server = start(folder / "data", "--accounts=local", "--workers=2", "--max-running-per-user=1")
    yield Scripts(server, project, others_project, tokens)
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
    (theirs,) = scripts.ask("other", "GET", "/api/projects").json["projects"]
    assert theirs["id"] == scripts.others_project


def test_the_fits_of_one_person_do_not_take_every_worker(scripts):
    """Of two workers, with one fit at a time for each person; the next begins when one is cancelled."""

    def begin(who: str, project: str) -> str:
        content = {"fitter": "metropolis", "options": {"draws": 1_000_000}}
        return scripts.ask(who, "POST", f"/api/projects/{project}/runs", content).json["run"]["id"]

    def running() -> set[str]:
        found = scripts.ask("owner", "GET", f"/api/projects/{scripts.project}/runs").json["runs"]
        found += scripts.ask("other", "GET", f"/api/projects/{scripts.others_project}/runs").json["runs"]
        return {one["id"] for one in found if one["status"] == "running"}

    def wait_for(wanted: set[str]) -> None:
        deadline = time.monotonic() + 60
        while (now := running()) != wanted:
            assert time.monotonic() < deadline, now
            assert len(now & set(mine)) <= 1
            time.sleep(0.1)

    mine = [begin("owner", scripts.project) for _ in range(3)]
    wait_for({mine[0]})
    time.sleep(1)
    assert running() == {mine[0]}, "a worker is free, but not for the same person"
    other = begin("other", scripts.others_project)
    wait_for({mine[0], other})
    scripts.ask("owner", "POST", f"/api/runs/{mine[0]}/cancel", "")
    wait_for({mine[1], other})
    for who, run in (("owner", mine[2]), ("owner", mine[1]), ("other", other)):
        assert scripts.ask(who, "POST", f"/api/runs/{run}/cancel", "").status == 202
    wait_for(set())


def test_a_script_makes_projects_of_its_own(scripts):
    made = scripts.ask("other", "POST", "/api/projects", {"title": "M 51"})
    assert (made.status, made.json["project"]["title"]) == (201, "M 51")
    example = scripts.ask("other", "POST", "/api/projects", {"example": "seed"}).json["project"]["id"]
    listed = scripts.ask("other", "GET", "/api/projects").json["projects"]
    assert {one["id"] for one in listed} >= {made.json["project"]["id"], example}
    assert scripts.ask("owner", "GET", f"/api/projects/{example}/runs").status == 404
    for content, words in (
        ({"example": "none"}, "none"),
        ({}, "A new project needs a title, or an example to open."),
        ({"title": 1}, "The body is an object with title (text) and example (text)."),
        ({"fitter": "lm"}, "'fitter' is not known. Known are: title, example."),
    ):
        refused = scripts.ask("other", "POST", "/api/projects", content)
        assert refused.status == 422
        assert words in refused.json["error"]


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
