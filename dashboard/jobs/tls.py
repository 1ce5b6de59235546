"""Certificates for the cluster: whoever can talk to a scheduler or a worker can run programs there."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from urllib.parse import urlsplit

from distributed import Security

from dashboard.jobs.cluster import JobsError


def security_of(ca: str, certificate: str, key: str) -> Security | None:
    """Dask's own security with these PEM files, for all three roles; None where none are given.

    JobsError when some are missing: half of it would be none.
    """
    files = {"--tls-ca": ca, "--tls-cert": certificate, "--tls-key": key}
    if not any(files.values()):
        return None
    for option, path in files.items():
        if not path:
            raise JobsError(
                f"{option} is empty. TLS needs --tls-ca, --tls-cert and --tls-key, or none of them."
            )
        if not Path(path).is_file():
            raise JobsError(f"{option} is {path}, but there is no such file. Give a file in PEM format.")
    return Security(
        require_encryption=True,
        tls_ca_file=ca,
        **{f"tls_{role}_cert": certificate for role in ("client", "scheduler", "worker")},
        **{f"tls_{role}_key": key for role in ("client", "scheduler", "worker")},
    )


def is_local(address: str) -> bool:
    """Whether an address (of a host, or with a scheme and port) is this machine's own, which no other can reach."""
    name = urlsplit(address if "//" in address else f"//{address}").hostname or ""
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def check_exposure(address: str, security: Security | None, insecure: bool) -> None:
    """JobsError where others could reach the cluster without a certificate, unless that is asked for."""
    if security is None and not insecure and not is_local(address):
        raise JobsError(
            f"At {address} others could reach the cluster, and whoever does can run programs on its machines. Give "
            "--tls-ca, --tls-cert and --tls-key, or --insecure where only trusted machines are on that network."
        )
