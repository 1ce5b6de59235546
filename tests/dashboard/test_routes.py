"""A real server on a free port, as `residua serve` starts it, and the requests of people, scripts and strangers."""

from __future__ import annotations

import bz2
import gzip
import http.client
import io
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote, urlsplit

import numpy as np
import pytest
from astropy.io import fits

from tests.dashboard.fits import fits_bytes, galaxy
from tests.dashboard.server import ROOT, START_SECONDS, Server, projects_of, start


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    data_dir = tmp_path_factory.mktemp("server") / "data"
    server = start(data_dir, "--max-upload-mb", "1")
    yield server
    server.stop()
    log = (data_dir.parent / "server.log").read_text()
    assert "Traceback" not in log, log


@pytest.fixture(scope="module")
def project(server: Server) -> str:
    found = projects_of(server)
    assert len(found) == 1, "an empty data folder starts with the example"
    return found[0]


def test_it_is_healthy(server):
    answer = server.request("GET", "/api/health")
    assert answer.status == 200
    said = answer.json
    assert said.pop("disk_free_bytes") > 0
    assert said == {"status": "ok", "problems": [], "database": True, "workers": 1}
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/", "/fit/{project}"])
def test_pages_load_nothing_from_elsewhere(server, project, path):
    answer = server.request("GET", path.format(project=project))
    assert answer.status == 200
    assert answer.headers["x-frame-options"] == "SAMEORIGIN"
    text = answer.body.decode()
    for attribute in ('src="http', "src='http", 'href="http', "href='http"):
        assert attribute not in text


@pytest.mark.parametrize(
    "path", ["/admin", "/liveness", "/rest/session_info", "/fit", "/fit/x/y", "/nothing/ws"]
)
def test_an_address_without_a_rule_does_not_exist(server, path):
    answer = server.request("GET", path)
    assert (answer.status, answer.body) == (404, b"There is nothing at this address.\n")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "server" not in answer.headers


def test_a_missing_project_has_a_page_that_says_so(server):
    answer = server.request("GET", "/fit/nosuchthing1")
    assert answer.status == 200
    assert b"Traceback" not in answer.body


def test_static_files_are_served(server):
    assert server.request("GET", "/assets/logo.svg").status == 200
    assert server.request("GET", "/assets/../pyproject.toml").status in (403, 404)
    assert server.request("GET", "/assets/%2e%2e/pyproject.toml").status in (403, 404)


def test_an_upload_is_kept_and_described(server, project):
    answer = server.upload(
        project, fits_bytes(galaxy(), OBJECT="M 51"), f"role=image&name={quote('../m51 ü.fits')}"
    )
    assert answer.status == 201, answer.body
    file = answer.json["file"]
    assert file["name"] == "m51 ü.fits"
    assert file["role"] == "image"
    assert file["reference"] == f"file:{file['id']}[0]"
    assert answer.json["extensions"][0]["shape"] == [48, 48]
    stored = server.data_dir / "files" / file["sha256"][:2] / file["sha256"]
    assert stored.stat().st_size == file["size"]
    assert server.leftovers == []


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("ngc1_psf.fits", "psf"),
        ("ngc1-sigma.fits", "sigma"),
        ("ngc1.weight.fits", "weight"),
        ("ngc1.fits", "image"),
    ],
)
def test_a_role_that_is_not_given_is_guessed(server, project, name, role):
    answer = server.upload(project, fits_bytes(galaxy(16)), f"role=&name={name}")
    assert answer.json["file"]["role"] == role


def test_the_same_origin_may_upload(server, project):
    origin = server.url.rstrip("/")
    answer = server.upload(project, fits_bytes(galaxy()), Origin=origin, Sec_Fetch_Site="same-origin")
    assert answer.status == 201


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:1"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
    ],
)
def test_other_sites_may_not_upload(server, project, headers):
    answer = server.upload(project, fits_bytes(galaxy()), **headers)
    assert answer.status == 403
    assert answer.json == {"error": "This request came from another site, so it was refused."}


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:5006", "127.0.0.1.evil.example", "[::2]", "a b"]
)
@pytest.mark.parametrize("path", ["/", "/api/health", "/ws", "/assets/logo.svg"])
def test_other_host_names_are_refused(server, host, path):
    answer = server.request("GET", path, Host=host)
    assert answer.status in (400, 421)
    assert b"Residua</title>" not in answer.body


def test_a_websocket_from_another_site_is_refused(server):
    upgrade = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec_WebSocket_Version": "13",
        "Sec_WebSocket_Key": "x" * 22 + "==",
    }
    assert server.request("GET", "/ws", Origin="https://evil.example", **upgrade).status == 403


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "galaxy.fits is empty"),
        (b"hello", "galaxy.fits"),
        (b"PK\x03\x04" + b"\0" * 3000, "zip"),
    ],
)
def test_a_bad_file_is_refused_with_a_sentence(server, project, data, sentence):
    answer = server.upload(project, data)
    assert answer.status == 422
    assert sentence in answer.json["error"]
    assert "/incoming/" not in answer.json["error"]
    assert "in-" not in answer.json["error"]
    assert server.leftovers == []


@pytest.mark.parametrize("chunked", [False, True])
def test_a_file_over_the_limit_is_refused(server, project, chunked):
    body = iter([b"x" * 100_000] * 30) if chunked else b"x" * 1_000_001
    answer = server.upload(project, body)
    assert answer.status == 413
    assert "galaxy.fits is larger than the 1 MB this server takes" in answer.json["error"]
    assert server.leftovers == []


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress])
def test_a_packed_file_may_not_hold_more_than_the_limit(server, project, pack):
    data = pack(fits_bytes(np.zeros((600, 600))))
    assert len(data) < 100_000
    answer = server.upload(project, data)
    assert answer.status == 422
    assert "galaxy.fits is too large: unpacked, its size passes the limit of 1 MB" in answer.json["error"]


def test_a_file_without_usable_pixels_is_refused(server, project):
    answer = server.upload(project, fits_bytes(np.full((20, 20), np.nan)))
    assert answer.status == 422
    assert "All 400 pixels of galaxy.fits are NaN" in answer.json["error"]


def test_a_sender_who_hangs_up_leaves_nothing(server, project):
    address = urlsplit(server.url)
    connection = http.client.HTTPConnection(address.hostname, address.port)
    connection.putrequest("POST", f"/api/projects/{project}/files?role=image&name=a.fits")
    connection.putheader("Content-Length", "500000")
    connection.endheaders()
    connection.send(b"x" * 1000)
    time.sleep(0.3)
    connection.close()
    deadline = time.monotonic() + 10
    while server.leftovers and time.monotonic() < deadline:
        time.sleep(0.05)
    assert server.leftovers == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/api/projects/nosuchthing1/files?role=image&name=a.fits", 404),
        ("POST", "/api/projects/..%2f..%2fx/files?role=image&name=a.fits", 404),
        ("POST", "/api/projects/{project}/files?role=flat&name=a.fits", 422),
        ("GET", "/api/projects/{project}/files", 405),
        ("GET", "/api/runs/nosuchthing1/files/result.json", 404),
        ("GET", "/api/runs/%2e%2e/files/result.json", 404),
        ("GET", "/api/nothing", 404),
        ("DELETE", "/api/health", 405),
        ("POST", "/api/projects/{project}/files?role=%ff&name=%ff%fe", 400),
    ],
)
def test_what_is_not_there_is_told_as_json(server, project, method, path, status):
    answer = server.request(method, path.format(project=project), b"x" if method == "POST" else None)
    assert answer.status == status
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.json["error"]
    assert "Traceback" not in answer.json["error"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, str]]:
    """A server that was started with a fit waiting in its queue and somebody over their quota, and that fit."""
    from dashboard.services import import_fit
    from dashboard.store import Store
    from engine import write_example

    folder = tmp_path_factory.mktemp("run")
    store = Store(folder / "data")
    project = import_fit(store, write_example("seed", folder), "Seed")
    waiting = store.create_run(project.id, project.description, "lm", {})
    store.add_file(project.id, "image", "large.fits", b"x" * 1_500_000)
    store.close()
    server = start(folder / "data", "--quota-mb", "1")
    deadline = time.monotonic() + 60
    while server.request("GET", f"/api/runs/{waiting.id}/files/result.json").status != 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    yield server, waiting.id
    assert server.stop(signal.SIGINT) == 0


def test_an_upload_over_the_quota_is_refused_and_leaves_nothing(run):
    server, _ = run
    (project,) = projects_of(server)
    answer = server.upload(project, fits_bytes(galaxy()))
    assert (answer.status, "one person may keep 1 MB" in answer.json["error"]) == (422, True)
    assert server.leftovers == []


def test_uploads_that_come_at_once_share_the_room_that_is_left(tmp_path):
    server = start(tmp_path / "data", "--quota-mb", "1")
    try:
        (project,) = projects_of(server)
        images = [fits_bytes(galaxy(300, seed)) for seed in range(6)]  # of 360 kB, beside the example
        with ThreadPoolExecutor(6) as threads:
            answers = list(threads.map(lambda image: server.upload(project, image), images))
        kept = [one for one in answers if one.status == 201]
        assert len(kept) == 2
        assert {one.status for one in answers} == {201, 422}
        assert all("--quota-mb" in one.json["error"] for one in answers if one.status == 422)
        assert server.leftovers == []
        large = [
            one
            for one in (tmp_path / "data" / "files").rglob("*")
            if one.is_file() and one.stat().st_size > 300_000
        ]
        assert len(large) == 2
    finally:
        assert server.stop() == 0


def test_the_files_of_a_run_can_be_downloaded(run):
    server, identifier = run
    answer = server.request("GET", f"/api/runs/{identifier}/files/images.fits")
    assert answer.headers["content-disposition"] == f'attachment; filename="residua-{identifier}-images.fits"'
    with fits.open(io.BytesIO(answer.body)) as hdus:
        assert [hdu.name for hdu in hdus][1:5] == ["DATA", "MODEL", "RESIDUAL", "PULL"]
    record = server.request("GET", f"/api/runs/{identifier}/files/result.json").json
    assert record["chi2_dof"] <= 1.0127
    for _ in range(2):
        answer = server.request("GET", f"/api/runs/{identifier}/files/all.zip")
        entries = zipfile.ZipFile(io.BytesIO(answer.body)).infolist()
        assert {entry.external_attr >> 16 & 0o777 for entry in entries} == {0o644}, "to be worked with"
        assert {Path(entry.filename).name for entry in entries} == {
            "result.json",
            "images.fits",
            "parameters.ecsv",
            "fit.yaml",
        }


@pytest.mark.parametrize(
    "name", ["cancel", "..", "%2e%2e%2fresidua.db", "../../residua.db", "result.json%00", "RESULT.JSON"]
)
def test_nothing_else_can_be_downloaded(run, name):
    server, identifier = run
    assert server.request("GET", f"/api/runs/{identifier}/files/{name}").status in (400, 404)


def test_a_second_server_on_the_same_folder_is_refused(run):
    server, _ = run
    finished = subprocess.run(
        [sys.executable, "-m", "dashboard.cli", "serve", "--port", "0", "--data-dir", str(server.data_dir)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
    )
    assert finished.returncode == 2
    assert "already uses the data folder" in finished.stderr


def test_a_port_in_use_is_told(run, tmp_path):
    server, _ = run
    port = str(urlsplit(server.url).port)
    finished = subprocess.run(
        [sys.executable, "-m", "dashboard.cli", "serve", "--port", port, "--data-dir", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
    )
    assert finished.returncode == 2
    assert f"Cannot listen on 127.0.0.1, port {port}: another program uses it" in finished.stderr
