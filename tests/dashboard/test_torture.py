"""Every broken file of the shared set: through the command line, and all at once through the upload route."""

from __future__ import annotations

import asyncio
import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml
from typer.testing import CliRunner

from dashboard.cli import app
from dashboard.services import Services
from dashboard.settings import Settings
from dashboard.state.session import Session
from dashboard.store import Store, file_reference
from tests.dashboard.server import Server, projects_of, start

ROLES = ("sigma", "variance", "mask", "psf")
SKIP = "The shared test data are not here; RESIDUA_SHARED can name their folder."


def description_of(folder: Path, item: dict[str, Any]) -> dict[str, Any]:
    """One galaxy with the item in its role and its companions in theirs."""
    entry: dict[str, Any] = {"name": "r", "data": str(folder / "base_image.fits")}
    for companion in item.get("with", []):
        for role in ROLES:
            if companion.endswith(f"{role}.fits") and (folder / companion).is_file():
                entry[role] = str(folder / companion)
    if item["role"] in ROLES:
        if item["role"] == "variance":
            entry.pop("sigma", None)
        entry[item["role"]] = str(folder / item["file"])
    else:
        entry["data"] = str(folder / item["file"])
    parts = [
        {"name": "sky", "model": "flat sky"},
        {"name": "galaxy", "model": "sersic", "parameters": {"center": [30, 22]}},
    ]
    return {"residua": 1, "images": [entry], "components": parts}


def allowed(item: dict[str, Any]) -> set[int]:
    """Exit codes the manifest leaves open: 0 accepts, 2 refuses."""
    words = {item["expect"], *item["also_ok"]}
    codes = {2} if "reject" in words else set()
    return codes | ({0} if words - {"reject"} else set()) | ({2} if "ask" in words else set())


def test_check_accepts_or_refuses(torture_item, shared_data, tmp_path):
    if torture_item is None:
        pytest.skip(SKIP)
    path = tmp_path / "fit.yaml"
    path.write_text(yaml.safe_dump(description_of(shared_data / "torture" / "files", torture_item)))
    result = CliRunner().invoke(app, ["check", str(path)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code in allowed(torture_item), result.output
    if result.exit_code == 2:
        assert result.stderr.startswith("residua: ")
        assert len(result.stderr.strip().splitlines()) == 1
        assert result.stdout == ""


@dataclass
class Sent:
    """One item and what became of it: the route's answer, then the page's sentence where it took the file."""

    item: dict[str, Any]
    status: int
    answer: dict[str, Any]
    seconds: float
    refused: str = ""
    said: tuple[str, ...] = ()

    @property
    def words(self) -> set[str]:
        """The manifest's words that describe how it ended."""
        chosen_from = sum(one["kind"] == "image" for one in self.answer.get("extensions", ()))
        asked = {"ask"} if chosen_from > 1 else set()
        if self.refused:
            return {"reject", *asked}
        # A doubt that is spelled out leaves the choice to the person, so it counts as asking too.
        return {"accept", *asked} | ({"accept_warn", "ask"} if self.said else set())


@dataclass
class Flood:
    """All items sent at once to one server."""

    sent: list[Sent]
    health: list[tuple[int, float]]
    left: int
    log: str


def send(server: Server, project: str, item: dict[str, Any], folder: Path) -> Sent:
    path = folder / item["file"]
    role = item["role"] if item["role"] in ROLES else "image"
    query = f"role={role}&name={quote(item.get('upload_as', item['file']), safe='')}"
    data = b"" if path.is_dir() else path.read_bytes()  # what a browser sends for a folder
    began = time.monotonic()
    answer = server.upload(project, data, query)
    return Sent(item, answer.status, answer.json, time.monotonic() - began)


def page_opens(store: Store, companions: dict[str, dict[str, Any]], sent: Sent) -> None:
    """What the page does with a file that the route took: give it its role beside its companions."""
    base, item = companions["base_image.fits"], sent.item
    project = store.create_project(item["file"])
    session = Session(Services(store, None, Settings()), project.id)  # type: ignore[arg-type]
    arrived = [companions[name] for name in item.get("with", []) if name in companions]
    if sent.answer["file"]["role"] != "image":
        arrived = [
            base,
            *(one for one in arrived if one["role"] not in ("image", sent.answer["file"]["role"])),
        ]
        if item["role"] == "variance":
            arrived = [one for one in arrived if one["role"] != "sigma"]
    answers = []
    for file in [*arrived, sent.answer["file"]]:
        kept = store.add_file(project.id, file["role"], file["name"], store.file(file["id"]).path)
        answers.append({"file": {"id": kept.id, "role": kept.role, "reference": file_reference(kept)}})

    async def arrive() -> None:
        await session.open()
        await session.files_arrived(answers[:-1])
        assert not session.state.refused, session.state.refused
        answers[-1]["file"]["reference"] = sent.answer["file"]["reference"].replace(
            sent.answer["file"]["id"], answers[-1]["file"]["id"]
        )
        await session.files_arrived(answers[-1:])

    asyncio.run(arrive())
    state = session.state
    sent.refused = state.refused or state.error
    image = state.opened.image
    notices = () if image is None else image.notices
    sent.said = tuple(one for one in notices if not one.startswith("No noise was given"))


@pytest.fixture(scope="module")
def flood(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Flood:
    folder = shared_data / "torture" / "files"
    items = json.loads((folder.parent / "manifest.json").read_text())["items"]
    data_dir = tmp_path_factory.mktemp("torture") / "data"
    server = start(data_dir)
    health: list[tuple[int, float]] = []
    try:
        (project,) = projects_of(server)
        with ThreadPoolExecutor(len(items)) as senders:
            waiting = [senders.submit(send, server, project, item, folder) for item in items]
            while not all(one.done() for one in waiting):
                began = time.monotonic()
                health.append((server.request("GET", "/api/health").status, time.monotonic() - began))
                time.sleep(0.2)
            sent = [one.result() for one in waiting]
        health.append((server.request("GET", "/api/health").status, 0.0))
        left = len(server.leftovers)
    finally:
        server.stop()
    by_name = {one.item["file"]: one.answer["file"] for one in sent if one.status == 201}
    companions = {name: by_name[name] for name in by_name if name.startswith("base_")}
    with closing(Store(data_dir)) as store:
        for one in sent:
            if one.status == 201:
                page_opens(store, companions, one)
            else:
                one.refused = one.answer["error"]
    return Flood(sent, health, left, (data_dir.parent / "server.log").read_text())


@pytest.fixture
def sent(flood: Flood, torture_item: dict[str, Any]) -> Sent:
    return next(one for one in flood.sent if one.item == torture_item)


def test_each_upload_ends_as_its_manifest_says(torture_item, request):
    if torture_item is None:
        pytest.skip(SKIP)
    sent: Sent = request.getfixturevalue("sent")
    assert sent.status in (201, 422), sent.answer
    assert sent.words & {torture_item["expect"], *torture_item["also_ok"]}, (sent.refused, sent.said)
    if sent.refused:
        assert "Traceback" not in sent.refused
        assert "/files/" not in sent.refused
        assert len(sent.refused.splitlines()) == 1
    if sent.status == 201:
        shown = sent.answer["file"]["name"]
        assert shown
        assert len(shown) <= 120
        assert "/" not in shown
        assert all(letter.isprintable() for letter in shown)


def test_the_server_lives_through_all_of_them_at_once(flood):
    assert {status for status, _ in flood.health} == {200}
    assert max(one.seconds for one in flood.sent) < 60
    assert flood.left == 0
    assert "Traceback" not in flood.log, flood.log
