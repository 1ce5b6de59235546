"""`residua` in a process of its own: begun from nothing, or forked from one that has loaded everything.

Loading takes a server some ten times as long as all else that it does at its start, and the tests start dozens. What is
forked runs the same command, on the same allocator, with its own environment, output and exit code; it shares the
process that fits are forked from with the others. Tests that are about processes begin from nothing.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from multiprocessing import forkserver
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 120


class Forked:
    """A process that was forked for us, with what the tests use of subprocess.Popen."""

    def __init__(self, pid: int, told: int, stdout: IO[str]) -> None:
        self.pid = pid
        self.stdout = stdout
        self.returncode: int | None = None
        self._told = told

    def poll(self) -> int | None:
        """The exit code, None while it runs."""
        if self.returncode is None and select.select([self._told], [], [], 0)[0]:
            text = os.read(self._told, 20)
            os.close(self._told)
            self.returncode = int(text) if text else 255
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; subprocess.TimeoutExpired after so many seconds."""
        if self.returncode is None and not select.select([self._told], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired("residua", timeout or 0.0)
        code = self.poll()
        assert code is not None
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


Process = subprocess.Popen[str] | Forked
Way = Callable[[list[str], dict[str, str], IO[str] | int], Process]


def begun(arguments: list[str], environment: dict[str, str], errors: IO[str] | int) -> subprocess.Popen[str]:
    """`residua` with these arguments, begun from nothing."""
    return subprocess.Popen(
        [sys.executable, "-m", "dashboard.cli", *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
    )


def forked(arguments: list[str], environment: dict[str, str], errors: IO[str] | int) -> Process:
    """The same, forked; begun from nothing where that cannot be done."""
    if sys.platform != "linux":
        return begun(arguments, environment, errors)
    return _source().fork(arguments, environment, errors)


class Source:
    """The process that has loaded everything; it ends with this one."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.dashboard.launch", str(theirs.fileno())],
                cwd=ROOT,
                # The allocator that `residua serve` begins itself anew for.
                env={**os.environ, "PYTHONMALLOC": "malloc"},
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )
        self._line = ours
        self._line.settimeout(START_SECONDS)

    def fork(self, arguments: list[str], environment: dict[str, str], errors: IO[str] | int) -> Forked:
        out, stdout = os.pipe()
        told, tell = os.pipe()
        error = (
            stdout if errors == subprocess.STDOUT else errors if isinstance(errors, int) else errors.fileno()
        )
        wanted = json.dumps([arguments, environment]).encode()
        try:
            socket.send_fds(self._line, [len(wanted).to_bytes(4)], [stdout, error, tell])
            self._line.sendall(wanted)
            pid = int.from_bytes(_received(self._line, 4))
        finally:
            os.close(stdout)
            os.close(tell)
        return Forked(pid, told, open(out))

    def close(self) -> None:
        self._line.close()
        self._process.wait(START_SECONDS)


_sources: list[Source] = []


def _source() -> Source:
    if not _sources:
        _sources.append(Source())
        atexit.register(_sources[0].close)
    return _sources[0]


def _received(line: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        more = line.recv(size - len(found))
        if not more:
            raise EOFError
        found += more
    return found


# --- in the process that has loaded everything


def serve_forks(line: socket.socket) -> list[str] | None:
    """Fork a process for each that is asked for. Returns in those, with the arguments; at the end None."""
    first = dict(os.environ)
    while True:
        try:
            size, files, _, _ = socket.recv_fds(line, 4, 3)
            if not size:
                return None
            arguments, environment = json.loads(_received(line, int.from_bytes(size)))
        except EOFError:
            return None
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:  # those that waited for one that has ended
                pass
        if _fork(line, files):
            for name in first.keys() - environment.keys():
                os.environ.pop(name, None)
            os.environ.update(environment)
            return list(arguments)


def _fork(line: socket.socket, files: list[int]) -> bool:
    """Fork a process, and one that waits for it and tells its exit code; True in the first."""
    stdout, error, tell = files
    if os.fork():
        for file in files:
            os.close(file)
        return False
    pid = os.fork()
    if pid:
        line.sendall(pid.to_bytes(4))
        for file in (line.fileno(), stdout, error, 1, 2):
            os.close(file)
        status = os.waitpid(pid, 0)[1]
        os.write(tell, str(os.waitstatus_to_exitcode(status)).encode())
        os._exit(0)
    line.close()
    os.dup2(stdout, 1)
    os.dup2(error, 2)
    for file in files:
        os.close(file)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    return True


def load() -> None:
    """Load what a server needs, and start the process that the fits of all of them are forked from."""
    import dashboard.app
    import dashboard.cli
    import dashboard.commands.serve  # noqa: F401
    from dashboard import forks

    forks.begin(1)
    # It is this process's child, so those that are forked from here could not wait for it, and would start another.
    forkserver._forkserver.ensure_running = forkserver.ensure_running = lambda: None  # type: ignore[method-assign]


def main() -> Any:
    load()
    arguments = serve_forks(socket.socket(fileno=int(sys.argv[1])))
    if arguments is None:
        return 0
    sys.argv = ["residua", *arguments]
    from dashboard.cli import main as residua

    return residua()


if __name__ == "__main__":
    sys.exit(main())
