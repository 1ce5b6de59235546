"""Starts what was built: alone as `docker run` would, and with all services of compose.yaml; then uses it."""

from __future__ import annotations

import http.client
import io
import json
import shutil
import socket
import ssl
import subprocess
import time
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

from deploy.trial.compose import services, variables_of
from deploy.trial.container import Container, Service
from deploy.trial.image import ROOT, Given, Image, say

NAME = "lab.example.org"
PASSWORD = "correct horse battery"
# compose.yaml gives nginx this address; the others get those that follow.
NGINX = "172.30.86.10"
UID = "10001"


def try_alone(given: Given, image: Image) -> None:
    """CMD as the image's user, nothing writable but the volume and /tmp, then the health check."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    data = _fresh(given, "alone-data", UID)
    container = image.container()
    container.read_only, container.tmpfs = True, ["/tmp"]
    container.mounts.append((data, image.volumes[0], False))
    service = container.start(image.command, given.folder / "alone.log")
    took = service.wait_for(image.check, 120)
    say(f"CMD {image.command} on a read-only root as {image.user}: healthy after {took:.0f} s")
    for path, ends in (("/data/x", 0), ("/opt/x", 1), ("/tmp/x", 0)):
        done = subprocess.run(container.command(["/usr/bin/touch", path]), capture_output=True, check=False)
        if done.returncode != ends:
            raise SystemExit(f"touch {path} ended with {done.returncode}: {done.stderr.decode()}")
    say(f"SIGTERM: it ended with {service.stop()}")


def try_lab(given: Given, image: Image) -> None:
    """compose.yaml's services, then docs/lab.md's steps and a fit from a script, through nginx."""
    tls = _certificate(given)
    variables = {
        **variables_of(ROOT / "deploy" / "lab.env"),
        "RESIDUA_HOSTNAME": NAME,
        "POSTGRES_PASSWORD": "letters0and1digits",
        "TLS_FOLDER": str(tls),
    }
    described = services(ROOT / "compose.yaml", variables)
    hosts = _network(list(described))
    volumes = {
        "data": _fresh(given, "lab-data", UID),
        "records": _fresh(given, "lab-records", "postgres-of-debian"),
    }
    own = Own(given, image, volumes, hosts)
    running: dict[str, Service] = {}
    for name, one in described.items():
        for before, wanted in (one.get("depends_on") or {}).items():
            if before in running:
                own.wait(running[before], described[before], wanted["condition"])
        running[name] = own.start(name, one)
        say(f"{name}: started")
    dashboard = own.container(described["dashboard"])
    said = dashboard.run(
        ["residua", "users", "add", "ada", "--admin", "--password-stdin"], seconds=120, text=f"{PASSWORD}\n"
    )
    say(f"residua users add ada --admin: {said.strip().splitlines()[-1]}")
    # A line with the token, and one on the other stream with what to do with it.
    said = dashboard.run(["residua", "users", "tokens", "ada", "--make", "trial"], seconds=120)
    token = next(line for line in said.splitlines() if line and " " not in line)
    client = Client(tls / "cert.pem", token)
    wait_for_health(client)
    dashboard.run(["residua", "example", "seed", "/data/example"], seconds=120)
    example = volumes["data"] / "example"
    fit(client, upload(client, example), example)
    for name in reversed(running):
        say(f"{name}: SIGTERM, it ended with {running[name].stop()}")


class Own:
    """The containers of compose.yaml, with stand-ins for the two images that are not ours."""

    def __init__(self, given: Given, image: Image, volumes: dict[str, Path], hosts: str) -> None:
        self.given, self.image, self.volumes = given, image, volumes
        self.debian = given.folder / "services"
        self.addresses = {name: address for address, name in map(str.split, hosts.splitlines())}
        for root in (image.root, self.debian):
            (root / "etc/hosts").write_text(hosts)

    def container(self, described: dict[str, Any]) -> Container:
        """A container of our image as a service describes it."""
        environment = {name: str(value) for name, value in (described.get("environment") or {}).items()}
        container = self.image.container(**environment)
        container.read_only = bool(described.get("read_only"))
        container.tmpfs = list(described.get("tmpfs") or [])
        for line in described.get("volumes") or []:
            source, target, *mode = line.split(":")
            found = self.volumes.get(source) or (ROOT / source).resolve()
            container.mounts.append((found, target, mode == ["ro"]))
        return container

    def start(self, name: str, described: dict[str, Any]) -> Service:
        """Start a service with its own command, or that of the image that it names."""
        log = self.given.folder / f"lab-{name}.log"
        container = self.container(described)
        if described["image"] == "residua":
            return container.start([str(one) for one in described.get("command") or self.image.command], log)
        container.root, container.user, container.folder = self.debian, "", "/"
        if described["image"].startswith("postgres:"):
            return self._postgres(container, log)
        # Our file goes where that image looks for it; Debian's own site gives way. What the networks of compose.yaml
        # do, one address does here: the dashboard sees the proxy under the address that it trusts. The name
        # server that our file asks is Docker's.
        ours, where, fixed = container.mounts[0]
        site = self.given.folder / "lab-nginx.conf"
        site.write_text(ours.read_text().replace("dashboard:", f"{self.addresses['dashboard']}:"))
        container.mounts[0] = site, where, fixed
        (self.debian / "etc/nginx/sites-enabled/default").unlink(missing_ok=True)
        (self.debian / "etc/nginx/conf.d/address.conf").write_text(f"proxy_bind {NGINX};\n")
        container.environment = {}
        return container.start(["nginx", "-g", "daemon off;"], log)

    def _postgres(self, container: Container, log: Path) -> Service:
        """What the image's entry point does, by a script that stands in for it."""
        container.user, container.tmpfs = "postgres", ["/var/run/postgresql", "/tmp"]
        container.mounts.append((Path(__file__).with_name("postgres.sh"), "/usr/local/bin/entry.sh", True))
        return container.start(["/usr/local/bin/entry.sh"], log)

    def wait(self, service: Service, described: dict[str, Any], condition: str) -> None:
        """Wait until a service is what another one waits for."""
        check = described.get("healthcheck") or {}
        program = [str(one) for one in (check.get("test") or [])[1:]] or self.image.check
        if condition == "service_healthy":
            say(f"{program[0]} ...: healthy after {service.wait_for(program, 120):.0f} s")


class Client:
    """A script at work: TLS with the lab's certificate checked, and a token; nginx is at `address`."""

    def __init__(self, certificate: Path, token: str, address: str = NGINX) -> None:
        self._address = address
        self._context = ssl.create_default_context(cafile=str(certificate))
        self._token = token

    def ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        """One request through nginx."""
        plain = socket.create_connection((self._address, 443), timeout=60)
        connection = http.client.HTTPSConnection(NAME, timeout=60)
        connection.sock = self._context.wrap_socket(plain, server_hostname=NAME)
        headers = {"Authorization": f"Bearer {self._token}"}
        connection.request(method, path, body=body, headers=headers)
        answer = connection.getresponse()
        try:
            return answer.status, answer.read()
        finally:
            connection.close()

    def json(self, method: str, path: str, body: bytes | None = None) -> dict[str, Any]:
        """The answer of a request that has to go well."""
        status, text = self.ask(method, path, body)
        if status not in (200, 201, 202):
            raise SystemExit(f"{method} {path}: {status} {text[:500]!r}")
        return dict(json.loads(text))


def upload(client: Client, example: Path) -> str:
    """Make a project and upload the seed example's files; the project's id."""
    project = str(
        client.json("POST", "/api/projects", json.dumps({"title": "Trial"}).encode())["project"]["id"]
    )
    for path in sorted(example.glob("*.fits")):
        client.json("POST", f"/api/projects/{project}/files?name={quote(path.name)}", path.read_bytes())
        say(f"uploaded {path.name} through nginx")
    return project


def fit(client: Client, project: str, example: Path) -> None:
    """The seed example by hand: fit, fetch the result."""
    wanted = {"description": (example / "fit.yaml").read_text(), "fitter": "lm"}
    run = client.json("POST", f"/api/projects/{project}/runs", json.dumps(wanted).encode())["run"]
    deadline = time.monotonic() + 120
    while run["status"] in ("queued", "running") and time.monotonic() < deadline:
        time.sleep(0.5)
        run = client.json("GET", f"/api/runs/{run['id']}")["run"]
    if run["status"] != "finished" or run["chi2_dof"] > 1.0127:
        raise SystemExit(f"The fit came to: {run}")
    _, archive = client.ask("GET", f"/api/runs/{run['id']}/files/all.zip")
    names = zipfile.ZipFile(io.BytesIO(archive)).namelist()
    say(
        f"fit on the worker: {run['status']}, chi2_dof {run['chi2_dof']:.4f}; its archive has {len(names)} files"
    )


def wait_for_health(client: Client) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            status, text = client.ask("GET", "/api/health")
        except OSError as error:
            status, text = 0, str(error).encode()
        if status == 200:
            say(f"https://{NAME}/api/health: {status} {text.decode()}")
            return
        if time.monotonic() > deadline:
            raise SystemExit(f"/api/health says {status} {text!r}")
        time.sleep(1)


def _network(names: list[str]) -> str:
    """An address for each service on the loopback device of this trial's own network; the text of /etc/hosts."""
    lines = ["127.0.0.1 localhost"]
    others = (number for number in range(11, 255))
    for name in names:
        address = NGINX if name == "nginx" else f"172.30.86.{next(others)}"
        subprocess.run(["ip", "address", "add", f"{address}/32", "dev", "lo"], check=True)
        lines.append(f"{address} {name}")
    return "\n".join(lines) + "\n"


def _fresh(given: Given, name: str, user: str) -> Path:
    """An empty folder for a volume, of the user that has it in the image."""
    folder = given.folder / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    if user == "postgres-of-debian":
        lines = (given.folder / "services/etc/passwd").read_text().splitlines()
        user = next(line.split(":")[2] for line in lines if line.startswith("postgres:"))
    shutil.chown(folder, int(user), int(user))
    return folder


def _certificate(given: Given) -> Path:
    """As docs/lab.md makes one for a first try, by Debian's openssl."""
    folder = given.folder / "lab-tls"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    container = Container(given.folder / "services", mounts=[(folder, "/tls", False)])
    subject = ["-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}"]
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", *subject]
    container.run([*make, "-keyout", "/tls/key.pem", "-out", "/tls/cert.pem"], seconds=60)
    return folder
