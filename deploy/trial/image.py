"""Carries out the Dockerfile's stages in root folders made by debootstrap."""

from __future__ import annotations

import fnmatch
import json
import shutil
import subprocess
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from deploy.trial.container import PATH, Container
from deploy.trial.dockerfile import Stage, command, pairs, stages, substituted

ROOT = Path(__file__).resolve().parents[2]
# Of python:*-slim an image has this, in Debian's own version; Docker's has its Python in /usr/local too.
PYTHON = ["python3", "python3-venv", "ca-certificates"]
SERVICES = ["postgresql", "nginx-light", "openssl"]


def say(text: str) -> None:
    """A line of the protocol."""
    print(text, flush=True)


@dataclass
class Given:
    """What this machine needs to install packages: folders and variables that are lent to RUN lines."""

    folder: Path
    suite: str
    mirror: str
    mounts: list[tuple[Path, str, bool]] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)

    def bare(self) -> Path:
        """A root folder with the smallest Debian in it, made at the first call."""
        base = self.folder / "base"
        if not (base / "etc/debian_version").exists():
            began = time.monotonic()
            shutil.rmtree(base, ignore_errors=True)
            subprocess.run(
                ["debootstrap", "--variant=minbase", self.suite, base, self.mirror],
                check=True,
                capture_output=True,
            )
            say(f"debootstrap {self.suite}: {time.monotonic() - began:.0f} s")
        return base

    def copy(self, base: Path, name: str) -> Path:
        """A copy of a root folder, in place of an earlier one."""
        target = self.folder / name
        if target.exists():
            shutil.rmtree(target)
        subprocess.run(["cp", "-a", "--reflink=auto", base, target], check=True)
        shutil.copy("/etc/resolv.conf", target / "etc/resolv.conf")
        return target

    def with_packages(self, name: str, packages: list[str]) -> Path:
        """A root folder with Debian's packages, made at the first call."""
        made, ready = self.folder / name, self.folder / f"{name}.ready"
        if not ready.exists():
            began = time.monotonic()
            container = Container(self.copy(self.bare(), name), {"DEBIAN_FRONTEND": "noninteractive"})
            # Debian starts a service when its package arrives; an image's service is started by its command.
            (made / "usr/sbin/policy-rc.d").write_text("#!/bin/sh\nexit 101\n")
            (made / "usr/sbin/policy-rc.d").chmod(0o755)
            install = (
                f"apt-get update -qq && apt-get install -y -qq --no-install-recommends {' '.join(packages)}"
            )
            container.run(["/bin/sh", "-ec", install], seconds=1200)
            ready.touch()
            say(f"{name}, with {' '.join(packages)}: {time.monotonic() - began:.0f} s")
        return made

    def python(self) -> Path:
        """A root folder that stands in for python:*-slim."""
        base = self.with_packages("python", PYTHON)
        for name, old in (("python", "python3"), ("pip", "pip3")):
            link = base / "usr/local/bin" / name
            if not link.is_symlink():
                link.symlink_to(f"/usr/bin/{old}")
        return base

    def lent(self, container: Container) -> Container:
        """The container with what this machine lends to it."""
        container.mounts += [one for one in self.mounts if one[0].exists()]
        container.environment |= self.environment
        return container


@dataclass
class Image:
    """What a Dockerfile comes to."""

    root: Path
    environment: dict[str, str] = field(default_factory=lambda: {"PATH": PATH})
    user: str = ""
    folder: str = "/"
    volumes: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    check: list[str] = field(default_factory=list)

    def container(self, **more: str) -> Container:
        """A container of it."""
        return Container(self.root, {**self.environment, **more}, self.folder, self.user)


def build(given: Given, arguments: dict[str, str]) -> Image:
    """Every stage of the Dockerfile, line by line; :func:`kept` finds it again."""
    made: dict[str, Image] = {}
    base = given.python()
    image = Image(base)
    for number, stage in enumerate(stages(ROOT / "Dockerfile", arguments)):
        say(f"FROM {stage.base}: a stand-in, Debian {given.suite}'s own Python")
        image = Image(given.copy(made[stage.base].root if stage.base in made else base, f"stage-{number}"))
        _carry_out(stage, image, given, made, arguments)
        made[stage.name] = image
    (given.folder / "image.json").write_text(json.dumps(asdict(image), default=str))
    return image


def kept(given: Given) -> Image:
    """The image that was built last."""
    found = json.loads((given.folder / "image.json").read_text())
    return Image(**{**found, "root": Path(found["root"])})


def _carry_out(
    stage: Stage, image: Image, given: Given, made: dict[str, Image], arguments: dict[str, str]
) -> None:
    variables: dict[str, str] = {}
    for one in stage.instructions:
        began = time.monotonic()
        text = substituted(one.text, {**variables, **image.environment}) if one.word != "RUN" else one.text
        match one.word:
            case "ARG":
                name, _, value = text.partition("=")
                variables[name] = arguments.get(name, value.strip('"'))
            case "ENV":
                image.environment |= pairs(text)
            case "WORKDIR":
                image.folder = text
                (image.root / text.lstrip("/")).mkdir(parents=True, exist_ok=True)
            case "USER":
                image.user = text
            case "VOLUME":
                image.volumes.append(text)
            case "COPY":
                _copy(text, image, made)
            case "RUN":
                container = given.lent(image.container(**variables))
                # The PATH of the image goes before what is lent.
                container.environment |= image.environment
                container.run(["/bin/sh", "-c", text], seconds=3600)
            case "HEALTHCHECK":
                image.check = command(text.partition("CMD ")[2])
            case "CMD":
                image.command = command(text)
        say(f"{one.word} {one.text[:100]}: {time.monotonic() - began:.1f} s")


def _copy(text: str, image: Image, made: dict[str, Image]) -> None:
    *sources, target = text.split()
    start = ROOT
    if sources[0].startswith("--from="):
        start = made[sources.pop(0).removeprefix("--from=")].root
    place = image.root / (target if target.startswith("/") else f"{image.folder}/{target}").lstrip("/")
    for source in sources:
        found = start / source.lstrip("/")
        if start == ROOT and not _is_sent(source):
            raise SystemExit(f"COPY {source}: .dockerignore leaves it out.")
        if not found.exists():
            raise SystemExit(f"COPY {source}: there is no such file.")
        if found.is_dir():
            shutil.copytree(
                found, place, symlinks=True, dirs_exist_ok=True, ignore=_compiled if start == ROOT else None
            )
        else:
            into = place / found.name if target.endswith("/") else place
            into.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(found, into)


def _compiled(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name == "__pycache__" or name.endswith(".pyc")]


def _is_sent(source: str) -> bool:
    """Whether .dockerignore lets a name at the top of the repository through."""
    sent = True
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.strip()
        if pattern and not pattern.startswith(("#", "**")):
            keeps = pattern.startswith("!")
            if fnmatch.fnmatch(source.split("/")[0], pattern.lstrip("!")):
                sent = keeps
    return sent
