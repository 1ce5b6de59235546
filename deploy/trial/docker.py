"""Builds and runs compose.yaml's services with a Docker engine: uses them, stops them amid fits, starts them again."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import yaml

from deploy.trial.compose import variables_of
from deploy.trial.dockerfile import stages
from deploy.trial.image import ROOT, SERVICES, Given, say
from deploy.trial.lab import NAME, PASSWORD, Client, fit, upload, wait_for_health

# A name of its own for containers, volumes and image: a lab that is on this machine keeps its own.
PROJECT = "residua-trial"
HERE = "127.0.0.1"
STAND_INS = {
    "python": "",
    "postgres": 'COPY postgres.sh /usr/local/bin/entry.sh\nSTOPSIGNAL SIGINT\nCMD ["/usr/local/bin/entry.sh"]',
    # Our file goes where that image looks for it; Debian's own site gives way.
    "nginx": "RUN rm -f /etc/nginx/sites-enabled/default\n"
    'STOPSIGNAL SIGQUIT\nCMD ["nginx", "-g", "daemon off;"]',
}


def try_docker(given: Given, torch_index: str, stand_ins: bool) -> None:
    """All of it; with `stand_ins` Debian's packages take the place of images that the engine does not have."""
    versions = docker("version", "--format", "docker {{.Client.Version}}, engine {{.Server.Version}}")
    say(f"{versions}, compose {docker('compose', 'version', '--short')}")
    lab = Lab(given.folder / "docker", torch_index)
    lab.check()
    if stand_ins:
        _stand_ins(given, lab)
    try:
        began = time.monotonic()
        lab.compose("build")
        size = int(docker("image", "inspect", "--format", "{{.Size}}", PROJECT)) / 1e6
        say(f"docker compose build: {time.monotonic() - began:.0f} s, {size:.0f} MB")
        _try_alone()
        lab.use()
    finally:
        lab.compose("down", "--volumes", "--timeout", "5", check=False)
        # Whoever builds here next is to get the real images.
        made = docker("image", "ls", "--filter", f"label={PROJECT}", "--format", "{{.Repository}}:{{.Tag}}")
        docker("image", "rm", "--force", PROJECT, *made.splitlines(), check=False)


def docker(*words: str, text: str = "", check: bool = True) -> str:
    """What `docker ...` writes; SystemExit with its last words when it fails."""
    done = subprocess.run(["docker", *words], input=text, capture_output=True, text=True, check=False)
    if check and done.returncode:
        said = f"{done.stdout}{done.stderr}"[-4000:]
        raise SystemExit(f"docker {' '.join(words)[:300]}\nended with {done.returncode}:\n{said}")
    return done.stdout.strip()


def _try_alone() -> None:
    """`docker run` with everything taken away that can be, and a fit by the command line."""
    limits = ["--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
    name = f"{PROJECT}-alone"
    docker("run", "--detach", "--name", name, *limits, "--volume", f"{name}:/data", PROJECT)
    try:
        say(f"docker run: healthy after {_healthy(name):.0f} s, as {docker('exec', name, 'id')}")
        for path, works in (("/data/x", True), ("/opt/x", False), ("/tmp/x", True)):
            done = subprocess.run(["docker", "exec", name, "touch", path], capture_output=True, check=False)
            if (done.returncode == 0) != works:
                raise SystemExit(f"touch {path} ended with {done.returncode}: {done.stderr.decode()}")
        docker("exec", name, "residua", "example", "seed", "/data/example")
        said = docker("exec", name, "residua", "fit", "/data/example/fit.yaml", "--out", "/data/example/out")
        say(f"docker exec residua fit: {said.splitlines()[-1]}")
        began = time.monotonic()
        docker("stop", "--time", "30", name)
        ended = int(docker("inspect", "--format", "{{.State.ExitCode}}", name))
        say(f"docker stop: it ended with {ended} after {time.monotonic() - began:.0f} s")
        if ended:
            raise SystemExit(docker("logs", "--tail", "30", name))
    finally:
        docker("rm", "--force", name)
        docker("volume", "rm", name)


def _healthy(container: str) -> float:
    """Wait until the engine says so; how long that took."""
    began = time.monotonic()
    while docker("inspect", "--format", "{{.State.Health.Status}}", container) != "healthy":
        if time.monotonic() - began > 120:
            raise SystemExit(
                docker("inspect", "--format", "{{json .State}}", container)
                + docker("logs", "--tail", "30", container)
            )
        time.sleep(0.5)
    return time.monotonic() - began


class Lab:
    """compose.yaml with the variables of deploy/lab.env filled in, and a certificate, below a folder."""

    def __init__(self, folder: Path, torch_index: str) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "tls").mkdir(parents=True)
        self.folder = folder
        subject = ["-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}"]
        make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", *subject]
        make += ["-keyout", str(folder / "tls/key.pem"), "-out", str(folder / "tls/cert.pem")]
        subprocess.run(make, check=True, capture_output=True)
        variables = {
            **variables_of(ROOT / "deploy" / "lab.env"),
            "RESIDUA_HOSTNAME": NAME,
            "POSTGRES_PASSWORD": "letters0and1digits",
            "TLS_FOLDER": str(folder / "tls"),
            "TORCH_INDEX": torch_index,
        }
        (folder / "env").write_text("".join(f"{name}={value}\n" for name, value in variables.items()))
        (folder / "image.yaml").write_text("")
        self.images = {name: str(one["image"]) for name, one in self._described()["services"].items()}
        ours = {name: {"image": PROJECT} for name, image in self.images.items() if image == "residua"}
        (folder / "image.yaml").write_text(yaml.safe_dump({"services": ours}))

    def compose(self, *words: str, text: str = "", check: bool = True) -> str:
        """`docker compose ...` of this lab."""
        files = ["--file", str(ROOT / "compose.yaml"), "--file", str(self.folder / "image.yaml")]
        given = ["--project-name", PROJECT, "--env-file", str(self.folder / "env"), *files]
        return docker("compose", *given, *words, text=text, check=check)

    def _described(self) -> dict[str, Any]:
        command = ["--file", str(ROOT / "compose.yaml"), "--env-file", str(self.folder / "env"), "config"]
        return dict(json.loads(docker("compose", *command, "--format", "json")))

    def check(self) -> None:
        """compose.yaml is what Compose takes, with the GPU's service and without; an .env left as it is is refused."""
        for profile in ([], ["--profile", "gpu"]):
            self.compose(*profile, "config", "--quiet")
        blank = ["docker", "compose", "--file", str(ROOT / "compose.yaml"), "--env-file"]
        done = subprocess.run(
            [*blank, str(ROOT / "deploy/lab.env"), "config"], capture_output=True, text=True, check=False
        )
        if done.returncode == 0 or "POSTGRES_PASSWORD" not in done.stderr:
            raise SystemExit(f"deploy/lab.env was taken without a password: {done.stderr}")
        say("docker compose config: taken, also with --profile gpu; refused without a password")

    def use(self) -> None:
        """docs/lab.md's steps, a fit through nginx, and a stop and a start amid fits."""
        self._up("up", "--detach")
        residua = ["run", "--rm", "--no-TTY", "dashboard", "residua"]
        said = self.compose(
            *residua, "users", "add", "ada", "--admin", "--password-stdin", text=f"{PASSWORD}\n"
        )
        say(f"docker compose run --rm dashboard residua users add ada --admin: {said.splitlines()[-1]}")
        token = self.compose(*residua, "users", "tokens", "ada", "--make", "trial").splitlines()[-1]
        client = Client(self.folder / "tls/cert.pem", token, HERE)
        wait_for_health(client)
        self.compose("exec", "--no-TTY", "dashboard", "residua", "example", "seed", "/data/example")
        example = self.folder / "example"
        self.compose("cp", "dashboard:/data/example", str(example))
        project = upload(client, example)
        fit(client, project, example)
        self._stop_amid_fits(client, project, (example / "fit.yaml").read_text())
        self._other_addresses(client)

    def _up(self, *words: str) -> None:
        began = time.monotonic()
        self.compose(*words)
        say(f"docker compose {' '.join(words)}: {time.monotonic() - began:.0f} s")

    def _stop_amid_fits(self, client: Client, project: str, description: str) -> None:
        """Fits that run and fits that wait all come to their ends after a stop and a start."""
        # Some ten seconds each on a processor that has nothing else to do.
        options = {"chains": 2, "warmup": 100, "draws": 300}
        wanted = json.dumps({"description": description, "fitter": "nuts", "options": options}).encode()
        runs = [client.json("POST", f"/api/projects/{project}/runs", wanted)["run"]["id"] for _ in range(4)]
        before = self._stood(client, runs)
        while "running" not in before and "queued" in before:
            time.sleep(1)
            before = self._stood(client, runs)
        time.sleep(3)
        began = time.monotonic()
        self.compose("stop")
        say(f"docker compose stop amid fits ({', '.join(before)}): {time.monotonic() - began:.0f} s")
        if "running" not in before or "queued" not in before:
            raise SystemExit("There should be fits that run and fits that wait.")
        for name in self.images:
            if container := self.compose("ps", "--all", "--quiet", name):
                ended = int(docker("inspect", "--format", "{{.State.ExitCode}}", container))
                say(f"{name}: it ended with {ended}")
                if ended:
                    raise SystemExit(self.compose("logs", "--tail", "30", name))
        self._up("up", "--detach")
        wait_for_health(client)
        deadline = time.monotonic() + 600
        while set(after := self._stood(client, runs)) & {"queued", "running"}:
            # What a run says that a worker dropped; who stops the server first drops none.
            if said := [one for one in self._stood(client, runs, "message") if "attempt" in one]:
                raise SystemExit(f"The stop cost fits an attempt: {said}")
            if time.monotonic() > deadline:
                raise SystemExit(f"After ten minutes the fits are: {', '.join(after)}")
            time.sleep(1)
        say(f"after a start they came to: {', '.join(after)}")
        if set(after) != {"finished"}:
            raise SystemExit(self.compose("logs", "--tail", "30", "dashboard"))

    def _stood(self, client: Client, runs: list[str], what: str = "status") -> list[str]:
        return [str(client.json("GET", f"/api/runs/{run}")["run"][what]) for run in runs]

    def _other_addresses(self, client: Client) -> None:
        """The proxy finds a dashboard that comes back under another address."""
        find = f'{{{{(index .NetworkSettings.Networks "{PROJECT}_door").IPAddress}}}}'
        before = docker("inspect", "--format", find, f"{PROJECT}-dashboard-1")
        self.compose("stop", "dashboard")
        # Another container of the service takes the address meanwhile, as one for a command would.
        other = self.compose("run", "--detach", "--no-TTY", "dashboard", "sleep", "600").splitlines()[-1]
        self._up("start", "dashboard")
        after = docker("inspect", "--format", find, f"{PROJECT}-dashboard-1")
        docker("rm", "--force", other)
        if after == before:
            raise SystemExit(f"The dashboard should have another address than {before}.")
        wait_for_health(client)
        say(f"the dashboard was at {before}, is at {after}")


def _stand_ins(given: Given, lab: Lab) -> None:
    """Images by the names of those that the engine lacks, of Debian's packages, with a label to find them by."""
    bases = {stage.base for stage in stages(ROOT / "Dockerfile", {}) if ":" in stage.base}
    for image in sorted(bases | {name for name in lab.images.values() if ":" in name}):
        if docker("image", "ls", "--quiet", image):
            continue
        kind = image.partition(":")[0]
        root = given.python() if kind == "python" else given.with_packages("services", SERVICES)
        source = f"{PROJECT}-{root.name}"
        if not docker("image", "ls", "--quiet", source):
            _import(root, source)
        context = lab.folder / kind
        (context / "lent").mkdir(parents=True)
        shutil.copy(Path(__file__).with_name("postgres.sh"), context)
        lines = [f"FROM {source}", STAND_INS[kind]]
        if kind == "python":
            for path, target, _ in given.mounts:
                place = context / "lent" / target.lstrip("/")
                place.parent.mkdir(parents=True, exist_ok=True)
                (shutil.copytree if path.is_dir() else shutil.copy)(path, place)
            lines += ["COPY lent/ /", *(f'ENV {name}="{value}"' for name, value in given.environment.items())]
        (context / "Dockerfile").write_text("\n".join(lines) + "\n")
        docker("build", "--label", PROJECT, "--tag", image, str(context))
        say(f"{image}: a stand-in, of Debian {given.suite}'s packages")


def _import(root: Path, name: str) -> None:
    with subprocess.Popen(["tar", "--directory", root, "--create", "."], stdout=subprocess.PIPE) as packed:
        command = ["docker", "import", "--change", f"LABEL {PROJECT}=", "-", name]
        subprocess.run(command, stdin=packed.stdout, check=True, capture_output=True)
