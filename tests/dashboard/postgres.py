"""A real Postgres from Debian's package, in a temporary folder, for as long as the tests run."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

START_SECONDS = 60


def binaries() -> Path | None:
    """The folder of initdb and postgres; Debian keeps it out of the path."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in folders if (folder / "postgres").is_file()), None)


@dataclass
class Postgres:
    """A running server; only this machine's users can reach its socket."""

    folder: Path
    binaries: Path
    user: str | None
    process: subprocess.Popen[bytes] | None = None
    count: int = field(default=0)

    def new_database(self) -> str:
        """The URL of an empty database."""
        self.count += 1
        name = f"test{self.count}"
        self._admin(f"CREATE DATABASE {name}")
        return self.url(name)

    def url(self, name: str) -> str:
        return f"postgresql+psycopg://residua@/{name}?host={quote(str(self.folder), safe='')}"

    def start(self) -> None:
        command = [
            self.binaries / "postgres",
            "-D",
            self.folder / "data",
            "-k",
            self.folder,
            "-c",
            "listen_addresses=",
        ]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "-c", "fsync=off"], stdout=log, stderr=log, cwd=self.folder, **self._as_user()
            )
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self._admin("SELECT 1")
            except Exception:
                assert time.monotonic() < deadline, (self.folder / "log").read_text()
                time.sleep(0.1)
            else:
                return

    def stop(self) -> None:
        """End it at once, as a crash would; its clients are cut off."""
        if self.process is not None:
            self.go_on()
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(START_SECONDS)
            self.process = None

    def pause(self) -> None:
        """Let it hang with all its processes: connections stay open, nothing is answered."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """End a pause."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        assert self.process is not None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        for process in (self.process.pid, *map(int, children)):
            os.kill(process, number)

    def initialize(self) -> None:
        command = [
            self.binaries / "initdb",
            "-D",
            self.folder / "data",
            "-U",
            "residua",
            "--auth=trust",
            "--no-sync",
        ]
        subprocess.run(
            [*command, "--encoding=UTF8", "--locale=C"],
            check=True,
            capture_output=True,
            cwd=self.folder,
            **self._as_user(),
        )

    def _admin(self, statement: str) -> None:
        import psycopg

        with psycopg.connect(
            host=str(self.folder), user="residua", dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(statement)

    def _as_user(self) -> dict[str, object]:
        # Postgres refuses to run as root.
        return (
            {}
            if self.user is None
            else {"user": self.user, "group": pwd.getpwnam(self.user).pw_gid, "extra_groups": []}
        )


@contextmanager
def running(folder_of_binaries: Path) -> Iterator[Postgres]:
    """A server of its own."""
    user = None
    if os.geteuid() == 0:
        names = {one.pw_name for one in pwd.getpwall()}
        user = "postgres" if "postgres" in names else "nobody"
    # Not below pytest's folders, which only their owner may enter; short, for sockets have short names.
    with tempfile.TemporaryDirectory(prefix="residua-pg-") as name:
        folder = Path(name)
        if user is not None:
            os.chown(folder, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
        server = Postgres(folder, folder_of_binaries, user)
        server.initialize()
        server.start()
        try:
            yield server
        finally:
            server.stop()
