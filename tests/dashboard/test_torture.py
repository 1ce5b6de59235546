"""Every broken file of the shared set, through the command line and through the upload route."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml
from typer.testing import CliRunner

from dashboard.cli import app
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


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory):
    server = start(tmp_path_factory.mktemp("torture") / "data")
    yield server
    server.stop()


def test_the_upload_route_survives(torture_item, shared_data, server: Server):
    if torture_item is None:
        pytest.skip(SKIP)
    name = torture_item.get("upload_as", torture_item["file"])
    path: Path = shared_data / "torture" / "files" / torture_item["file"]
    data = b"" if path.is_dir() else path.read_bytes()  # what a browser sends for a folder
    (project,) = projects_of(server)
    answer = server.upload(project, data, f"name={quote(name, safe='')}")
    assert answer.status in (201, 422), answer.body
    if answer.status == 201:
        shown = answer.json["file"]["name"]
        assert shown
        assert len(shown) <= 120
        assert "/" not in shown
        assert all(letter.isprintable() for letter in shown)
    else:
        assert allowed(torture_item) & {2}, answer.json
        assert "Traceback" not in answer.json["error"]
        assert str(server.data_dir) not in answer.json["error"]
        assert len(answer.json["error"].splitlines()) == 1
    assert server.request("GET", "/api/health").status == 200
    assert server.leftovers == []
