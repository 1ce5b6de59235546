"""`residua scheduler` and `residua worker` as processes of their own, over TLS, and what happens when they go."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import typer
from distributed import Security

from dashboard.commands.cluster import Place, gpu_places
from dashboard.jobs import Jobs, JobsError, Limits, endings
from dashboard.jobs.tls import check_exposure, is_local, security_of
from dashboard.jobs.workers import Workers
from dashboard.store import RunStatus, Store
from tests.dashboard import launch
from tests.dashboard.fits import small_project
from tests.dashboard.server import ROOT
from tests.dashboard.test_faults import LONG
from tests.dashboard.waiting import ended, wait_for


@dataclass
class Certificates:
    ca: str
    certificate: str
    key: str

    @property
    def options(self) -> list[str]:
        return ["--tls-ca", self.ca, "--tls-cert", self.certificate, "--tls-key", self.key]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """As docs/lab.md says to make them."""
    if shutil.which("openssl") is None:
        pytest.skip("There is no openssl here.")
    folder = tmp_path_factory.mktemp("tls")
    for command in (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=ca -keyout ca-key.pem -out ca.pem",
        "openssl req -newkey rsa:2048 -nodes -subj /CN=cluster -keyout key.pem -out request.pem",
        "openssl x509 -req -in request.pem -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 2 -out cert.pem",
    ):
        subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
    return Certificates(*(str(folder / name) for name in ("ca.pem", "cert.pem", "key.pem")))


def start(*arguments: str, way: launch.Way = launch.forked) -> launch.Process:
    """A scheduler or worker; most are forked from a process that has loaded everything, as servers are."""
    with open(os.devnull, "w") as nowhere:
        process = way([*arguments], {**os.environ, "PYTHONPATH": str(ROOT)}, nowhere)
    assert process.stdout is not None
    assert process.stdout.readline().strip(), "it says what it is before it works"
    return process


def stop(process: launch.Process, number: int = signal.SIGTERM) -> int:
    process.send_signal(number)
    code = process.wait(30)
    assert process.stdout is not None
    process.stdout.close()
    return code


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "data")
    yield store
    store.close()


def test_a_fit_outlives_its_scheduler(store, certificates):
    port = free_port()
    scheduler = start("scheduler", "--port", str(port), *certificates.options, way=launch.begun)
    address = f"tls://127.0.0.1:{port}"
    worker = start("worker", "--scheduler", address, *certificates.options, way=launch.begun)
    security = security_of(certificates.ca, certificates.certificate, certificates.key)
    jobs = Jobs(store, scheduler=address, security=security, limits=Limits(checkpoint_seconds=0.1))
    try:
        wait_for(lambda: jobs.workers == 1)
        project = small_project(store)
        assert ended(jobs, store, jobs.submit(project.id, project.description)).converged
        run = jobs.submit(project.id, project.description, "metropolis", {**LONG, "draws": 3_000})
        wait_for(lambda: any(event["type"] == "step" for event in jobs.events(run.id)))

        stop(scheduler, signal.SIGKILL)
        waiting = jobs.submit(project.id, project.description)
        wait_for(lambda: "The scheduler does not answer" in jobs.dispatcher.trouble)
        wait_for(lambda: store.run(run.id).status is RunStatus.QUEUED)
        assert "went away in the middle of this fit" in store.run(run.id).message

        scheduler = start("scheduler", "--port", str(port), *certificates.options)
        for one in (run, waiting):
            assert ended(jobs, store, one).status is RunStatus.FINISHED, store.run(one.id).message
        assert store.run(run.id).attempts == 2
        assert jobs.dispatcher.trouble == ""
    finally:
        jobs.close()
        codes = stop(worker), stop(scheduler)
    assert codes == (0, 0)


def test_a_worker_that_is_stopped_lets_its_fit_go_on_elsewhere(store):
    """And its attempt does not count."""
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    scheduler, worker = start("scheduler", "--port", str(port)), start("worker", "--scheduler", address)
    jobs = Jobs(store, scheduler=address, limits=Limits(checkpoint_seconds=1000))
    try:
        wait_for(lambda: jobs.workers == 1)
        project = small_project(store)
        run = jobs.submit(project.id, project.description, "metropolis", {**LONG, "draws": 500})
        last = lambda: max((e["number"] for e in jobs.events(run.id) if e["type"] == "step"), default=0)  # noqa: E731
        wait_for(lambda: last() > 100)
        assert stop(worker) == 0
        wait_for(lambda: store.run(run.id).status is RunStatus.QUEUED)
        left = store.run(run.id)
        assert left.message == endings.LEFT_WORKER
        assert left.attempts == 0
        step = endings.kept_step(store.run_folder(run.id))
        assert step is not None
        assert step >= last()
        worker = start("worker", "--scheduler", address)
        assert ended(jobs, store, run).status is RunStatus.FINISHED, store.run(run.id).message
        assert store.run(run.id).attempts == 1
    finally:
        jobs.close()
        stop(worker)
        stop(scheduler)


def test_a_client_without_a_certificate_is_not_let_in(store, certificates):
    port = free_port()
    scheduler = start("scheduler", "--port", str(port), *certificates.options)
    try:
        for address in (f"tcp://127.0.0.1:{port}", f"tls://127.0.0.1:{port}"):
            with pytest.raises(JobsError, match="No Dask scheduler answers"):
                Jobs(store, scheduler=address)
    finally:
        stop(scheduler)


def test_nobody_else_on_the_host_gets_into_a_cluster_of_our_own():
    """Its messages are pickles, so whoever gets in runs programs: asked with and without a certificate of their own."""
    theirs = Security.temporary().get_connection_args("client")["ssl_context"]
    without = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for context in (theirs, without):
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    workers = Workers(n_workers=1)
    try:
        wait_for(lambda: workers.count == 1)
        for address in (workers.client.scheduler.address, workers.seen()[0].address):
            parts = urlsplit(address)
            assert (parts.scheme, parts.hostname) == ("tls", "127.0.0.1")
            for context in (theirs, without):
                plain = socket.create_connection((parts.hostname, parts.port), timeout=30)
                with (
                    pytest.raises(ssl.SSLError, match=r"certificate.required|unknown.ca|decrypt.error"),
                    context.wrap_socket(plain) as secure,
                ):
                    secure.recv(1)
            with socket.create_connection((parts.hostname, parts.port), timeout=30) as plain:
                plain.sendall(b"\0" * 64)
                answer = b""
                with suppress(ConnectionError):
                    answer = plain.recv(1)
                assert answer in (b"", b"\x15"), "nothing but TLS is spoken: hung up, or an alert"
    finally:
        workers.close()


def test_a_server_that_stops_while_its_workers_start_is_quiet():
    """They are cut off in the middle of loading, and of what Dask asks of them."""
    code = (
        "import time\nfrom dashboard.jobs.workers import Workers\n"
        "for seconds in (0, 0.5):\n    one = Workers(n_workers=2)\n    time.sleep(seconds)\n    one.close()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_half_of_the_files_for_tls_is_refused(tmp_path):
    assert security_of("", "", "") is None
    with pytest.raises(JobsError, match=r"--tls-key is empty. TLS needs --tls-ca, --tls-cert and --tls-key"):
        security_of(__file__, __file__, "")
    with pytest.raises(JobsError, match=r"--tls-cert is .*none.pem, but there is no such file"):
        security_of(__file__, str(tmp_path / "none.pem"), __file__)


@pytest.mark.parametrize(
    ("address", "local"),
    [
        ("tcp://127.0.0.1:8786", True),
        ("//localhost", True),
        ("tls://[::1]:8786", True),
        ("//0.0.0.0", False),
        ("tcp://gpu.example.org:8786", False),
        ("//", False),
    ],
)
def test_a_cluster_that_others_can_reach_needs_certificates(address, local):
    assert is_local(address) is local
    check_exposure(address, None, insecure=True)
    if not local:
        with pytest.raises(JobsError, match="whoever does can run programs on its machines"):
            check_exposure(address, None, insecure=False)


def test_places_on_gpus_follow_their_memory(capsys):
    assert gpu_places([80_000_000_000, 24_000_000_000], 0) == [Place("0"), Place("1")]
    assert gpu_places([24_000_000_000], 8_000_000_000) == [Place("0", 1 / 3)] * 3
    with pytest.raises(typer.Exit, match="2"):
        gpu_places([4_000_000_000], 8_000_000_000)
    assert "GPU 0 has 4.0 GB, less than the 8.0 GB of --gpu-memory-mb" in capsys.readouterr().err


def test_a_fit_for_a_gpu_goes_only_where_one_is_promised(store):
    """A worker that promises a GPU and has none ends the fit with the way out; others go on beside it."""
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    scheduler, worker = start("scheduler", "--port", str(port)), start("worker", "--scheduler", address)
    command = "-m distributed.cli.dask_worker --nthreads 1 --resources GPU=1 --no-dashboard"
    promising = subprocess.Popen(
        [sys.executable, *command.split(), address],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""},
        stderr=subprocess.DEVNULL,
    )
    jobs = Jobs(store, scheduler=address)
    try:
        wait_for(lambda: jobs.workers == 2 and jobs.has_gpu)
        told = jobs.seen_workers()
        assert sorted(one.for_gpu for one in told) == [False, True]
        assert {one.gpu for one in told} == {""}
        project = small_project(store)
        asked = jobs.submit(project.id, {**project.description, "device": "cuda:1"})
        beside = jobs.submit(project.id, {**project.description, "precision": "float32"}, device="cpu")
        failed = ended(jobs, store, asked)
        assert failed.status is RunStatus.FAILED
        assert "asks for a GPU, but its worker has none that PyTorch can use" in failed.message
        assert "Choose the device cpu or auto" in failed.message
        assert ended(jobs, store, beside).converged
        record = json.loads((store.run_folder(beside.id) / "result.json").read_text())
        assert [record[key] for key in ("device", "precision", "gpu")] == ["cpu", "float32", ""]
    finally:
        jobs.close()
        promising.terminate()
        promising.wait(30)
        stop(worker)
        stop(scheduler)
