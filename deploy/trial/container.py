"""Runs programs in a root folder as an engine would: own mounts and processes, no rights, a read-only root."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
DEVICES = ("null", "zero", "full", "random", "urandom")


@dataclass
class Container:
    """A root folder and how programs in it are started.

    `mounts` are (folder here, folder there, read only); `tmpfs` are folders there; `user` is a name of its passwd, ""
    for root with all its rights.
    """

    root: Path
    environment: dict[str, str] = field(default_factory=dict)
    folder: str = "/"
    user: str = ""
    read_only: bool = False
    mounts: list[tuple[Path, str, bool]] = field(default_factory=list)
    tmpfs: list[str] = field(default_factory=list)

    def command(self, program: list[str]) -> list[str]:
        """What starts a program in there, from out here."""
        for source, target, _ in self.mounts:
            place = self.root / target.lstrip("/")
            if source.is_dir():
                place.mkdir(parents=True, exist_ok=True)
            else:
                place.parent.mkdir(parents=True, exist_ok=True)
                place.touch()
        for name in ("proc", "dev", *(one.lstrip("/") for one in self.tmpfs)):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        root = shlex.quote(str(self.root))
        lines = [
            "mount --make-rprivate /",
            f"mount --bind {root} {root}",
            f"mount -t proc proc {root}/proc",
            f"mount -t tmpfs -o mode=755 tmpfs {root}/dev",
            *(f"touch {root}/dev/{one} && mount --bind /dev/{one} {root}/dev/{one}" for one in DEVICES),
            f"ln -s /proc/self/fd {root}/dev/fd && ln -s fd/1 {root}/dev/stdout && ln -s fd/2 {root}/dev/stderr",
            f"mkdir {root}/dev/shm && mount -t tmpfs -o mode=1777,size=64m tmpfs {root}/dev/shm",
        ]
        for source, target, fixed in self.mounts:
            place = shlex.quote(str(self.root / target.lstrip("/")))
            lines.append(f"mount --bind {shlex.quote(str(source))} {place}")
            lines += [f"mount -o remount,bind,ro {place}"] if fixed else []
        lines += [f"mount -t tmpfs -o mode=1777 tmpfs {root}{one}" for one in self.tmpfs]
        lines += [f"mount -o remount,bind,ro {root}"] if self.read_only else []
        given = [f"{name}={value}" for name, value in {"PATH": PATH, **self.environment}.items()]
        start = ["exec", "chroot", str(self.root), "/usr/bin/env", "-i", "-C", self.folder, *given]
        if self.user:
            user, group = _ids(self.root, self.user)
            start += ["/usr/bin/setpriv", "--reuid", user, "--regid", group, "--clear-groups"]
            start += ["--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"]
        lines.append(shlex.join([*start, *program]))
        apart = ["unshare", "--mount", "--pid", "--fork", "--kill-child=KILL"]
        return [*apart, "/bin/sh", "-ec", "\n".join(lines)]

    def run(self, program: list[str], *, seconds: float, text: str = "", check: bool = True) -> str:
        """Run a program to its end and return what it wrote; SystemExit with its last words when it fails."""
        done = subprocess.run(
            self.command(program),
            input=text,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds,
            check=False,
        )
        if check and done.returncode:
            raise SystemExit(
                f"{shlex.join(program)[:300]}\nended with {done.returncode}:\n{done.stdout[-4000:]}"
            )
        return done.stdout

    def start(self, program: list[str], log: Path) -> Service:
        """Start a program that goes on."""
        with log.open("w") as stream:
            process = subprocess.Popen(
                self.command(program), stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT
            )
        return Service(self, process, log)


@dataclass
class Service:
    """A program that goes on in a container; the first process there, as under an engine."""

    container: Container
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        """The program's own number, out here."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return int(children[0])

    def stop(self, seconds: float = 30, number: int = signal.SIGTERM) -> int:
        """End it as an engine does: ask, and kill it when it has not gone after so long."""
        if self.process.poll() is None:
            os.kill(self.pid, number)
            try:
                return self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                return -signal.SIGKILL
        return self.process.returncode

    def wait_for(self, program: list[str], seconds: float) -> float:
        """Ask again and again until a program in the same container ends well; how long that took."""
        began = time.monotonic()
        while True:
            answer = subprocess.run(
                self.container.command(program), capture_output=True, text=True, timeout=60, check=False
            )
            if answer.returncode == 0:
                return time.monotonic() - began
            if time.monotonic() - began > seconds or self.process.poll() is not None:
                said = f"{answer.stdout}{answer.stderr}"[-2000:]
                raise SystemExit(
                    f"{shlex.join(program)[:200]} never ended well:\n{said}\n{self.log.read_text()[-3000:]}"
                )
            time.sleep(1)


def _ids(root: Path, user: str) -> tuple[str, str]:
    for line in (root / "etc/passwd").read_text().splitlines():
        name, _, uid, gid, *_ = line.split(":")
        if user in (name, uid):
            return uid, gid
    raise SystemExit(f"The image has no user {user}.")
