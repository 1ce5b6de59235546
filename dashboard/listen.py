"""The address to listen on: found out about before anything expensive is started."""

from __future__ import annotations

import errno
import socket


class ListenError(RuntimeError):
    """An address that cannot be listened on; the text says what to do."""


def free_port(host: str) -> int:
    """A port that nobody uses now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def check_port(host: str, port: int) -> None:
    """ListenError when the address cannot be had; port 0 always can."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            reason = {
                errno.EADDRINUSE: "another program uses it",
                errno.EACCES: "ports below 1024 are the system's",
                errno.EADDRNOTAVAIL: "this machine has no such address",
            }.get(error.errno or 0, str(error.strerror))
            raise ListenError(
                f"Cannot listen on {host}, port {port}: {reason}. Choose another with --port."
            ) from error
