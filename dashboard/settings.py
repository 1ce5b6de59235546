"""Every setting of `residua serve`, declared once: name, default, limits, environment variable, help.

The command line's options, what environment variables and files may say (dashboard.configuration), the checks and the
page docs/settings.md are all made from these fields.
"""

from __future__ import annotations

import os
from dataclasses import Field, dataclass, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from dashboard.setting import SettingError as SettingError
from dashboard.setting import setting
from dashboard.settings_provider import PROVIDERS, ProviderSettings, listed

HOST_NAMES_OF_THIS_MACHINE = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, kw_only=True)
class Settings(ProviderSettings):
    """How one `residua serve` runs. The defaults are the local mode: one person, this machine only."""

    host: str = setting(
        "127.0.0.1",
        "Address to listen on. Without accounts, only 127.0.0.1 keeps others out.",
        environment=("RESIDUA_HOST",),
    )
    port: int = setting(
        5006,
        "Port to listen on; 0 takes a free one.",
        environment=("RESIDUA_PORT", "PORT"),
        low=0,
        high=65535,
    )
    data_dir: str = setting(
        "~/.local/share/residua",
        "Folder for projects, images and results. Made when missing.",
        environment=("RESIDUA_DATA",),
    )
    database: str = setting(
        "",
        "Postgres database to keep the records in, in place of SQLite in the data folder: "
        "postgresql+psycopg://user:password@host/name. Processes of this machine can read options, so a password "
        "belongs into the environment variable or the file.",
        environment=("RESIDUA_DATABASE",),
    )
    workers: int = setting(
        0,
        "Fits that may run at once, each in its own process; 0 takes one per core, at most 4.",
        environment=("RESIDUA_WORKERS",),
        low=0,
        high=256,
    )
    torch_threads: int = setting(
        1,
        "Threads each worker computes with. More than one pays only with fewer workers than cores.",
        environment=("RESIDUA_TORCH_THREADS",),
        low=1,
        high=256,
    )
    scheduler: str = setting(
        "",
        "Address of a Dask scheduler (tls://host:port, tcp:// without certificates) to use, not workers of our own. "
        "Its workers must see the data folder under the same path.",
        environment=("RESIDUA_SCHEDULER",),
    )
    tls_ca: str = setting(
        "",
        "PEM file of the authority whose certificates server, scheduler and workers accept from each other.",
        environment=("RESIDUA_TLS_CA",),
    )
    tls_cert: str = setting(
        "", "PEM file with this machine's certificate for the cluster.", environment=("RESIDUA_TLS_CERT",)
    )
    tls_key: str = setting("", "PEM file with the key of that certificate.", environment=("RESIDUA_TLS_KEY",))
    max_upload_mb: int = setting(
        512,
        "Largest file that can be uploaded, in megabytes.",
        environment=("RESIDUA_MAX_UPLOAD_MB",),
        low=1,
        high=1_000_000,
    )
    upload_seconds: int = setting(
        3600,
        "Seconds that sending one file may take in all; then it is cut off.",
        environment=("RESIDUA_UPLOAD_SECONDS",),
        low=1,
        high=1_000_000,
    )
    upload_stall_seconds: int = setting(
        30,
        "Seconds over which a file must come with 1 kB a second at least; a slower one is cut off.",
        environment=("RESIDUA_UPLOAD_STALL_SECONDS",),
        low=1,
        high=3600,
    )
    inspect_seconds: int = setting(
        60,
        "Seconds that reading an uploaded file may take before it is refused.",
        environment=("RESIDUA_INSPECT_SECONDS",),
        low=1,
        high=3600,
    )
    inspect_memory_mb: int = setting(
        4000,
        "Memory, in megabytes, that reading an uploaded file may take before it is refused.",
        environment=("RESIDUA_INSPECT_MEMORY_MB",),
        low=100,
        high=1_000_000,
    )
    min_free_mb: int = setting(
        500,
        "Room on the disk of the data folder, in megabytes, below which /api/health says that something is wrong.",
        environment=("RESIDUA_MIN_FREE_MB",),
        low=0,
        high=1_000_000_000,
    )
    allowed_hosts: str = setting(
        "",
        "Further host names, separated by commas, under which browsers may open this server "
        "(behind a proxy or in a container), each with its port if that is not the usual one.",
        environment=("RESIDUA_ALLOWED_HOSTS",),
    )
    accounts: str = setting(
        "none",
        "Who may come in: none (whoever reaches the port, without log-in); local (people with a password here, made by "
        "residua users add); or they and people for whom a provider elsewhere vouches: oidc (any that speaks OpenID "
        "Connect), github, google.",
        environment=("RESIDUA_ACCOUNTS",),
        choices=("none", "local", *PROVIDERS),
    )
    session_days: float = setting(
        14.0,
        "Days until a browser has to log in again.",
        environment=("RESIDUA_SESSION_DAYS",),
        low=0.01,
        high=365,
    )
    trusted_proxies: str = setting(
        "",
        "Addresses, separated by commas, of proxies in front of this server. What they say of the sender's address and "
        "of https (X-Forwarded-For, X-Forwarded-Proto) is believed.",
        environment=("RESIDUA_TRUSTED_PROXIES",),
    )
    cancel_grace: float = setting(
        3.0,
        "Seconds a cancelled fit has to notice that before its worker process is ended.",
        environment=("RESIDUA_CANCEL_GRACE",),
        low=0.1,
        high=3600,
    )
    worker_memory_mb: int = setting(
        0,
        "Memory, in megabytes, at which a worker process of our own is ended; 0 takes its share of the machine's.",
        environment=("RESIDUA_WORKER_MEMORY_MB",),
        low=0,
        high=100_000_000,
    )
    retries: int = setting(
        2,
        "How often a fit is started again, from its last checkpoint, when its worker or the server went away.",
        environment=("RESIDUA_RETRIES",),
        low=0,
        high=20,
    )
    heartbeat_seconds: float = setting(
        60.0,
        "Seconds without a sign of life after which a worker is given up and its fit started again.",
        environment=("RESIDUA_HEARTBEAT_SECONDS",),
        low=5,
        high=86_400,
    )
    max_running_per_user: int = setting(
        0,
        "Fits of one person that may run at once; the others wait. 0: as many as there are workers.",
        environment=("RESIDUA_MAX_RUNNING_PER_USER",),
        low=0,
        high=10_000,
    )
    max_queued_per_user: int = setting(
        0,
        "Fits of one person that may wait; further ones are refused. 0: no limit.",
        environment=("RESIDUA_MAX_QUEUED_PER_USER",),
        low=0,
        high=1_000_000,
    )
    max_fit_seconds: int = setting(
        0,
        "Seconds that one fit may take; then it is stopped, and its best values are kept. 0: no limit.",
        environment=("RESIDUA_MAX_FIT_SECONDS",),
        low=0,
        high=10_000_000,
    )
    max_fit_memory_mb: int = setting(
        0,
        "Memory, in megabytes, that the process of a fit may take (some 400 of them are its libraries); then it is "
        "stopped, and its best values are kept. 0: no limit but the worker's.",
        environment=("RESIDUA_MAX_FIT_MEMORY_MB",),
        low=0,
        high=100_000_000,
    )
    quota_mb: int = setting(
        0,
        "Room on the disk, in megabytes, for the files and results of one person. 0: no limit.",
        environment=("RESIDUA_QUOTA_MB",),
        low=0,
        high=1_000_000_000,
    )
    short_places: int = setting(
        0,
        "Workers that are kept free for fits that are expected to take less than half a minute.",
        environment=("RESIDUA_SHORT_PLACES",),
        low=0,
        high=10_000,
    )
    share_half_life: int = setting(
        3600,
        "Seconds after which worker time that somebody has had counts half in the order of the queue.",
        environment=("RESIDUA_SHARE_HALF_LIFE",),
        low=60,
        high=10_000_000,
    )
    open_browser: bool = setting(
        False, "Open the page in a browser once the server is up.", environment=("RESIDUA_OPEN_BROWSER",)
    )
    example: bool = setting(
        True,
        "Put the seed example into an empty data folder, where nobody logs in.",
        environment=("RESIDUA_EXAMPLE",),
    )
    config: str = setting(
        "",
        "TOML file with settings: one line each, by the names of this table.",
        environment=("RESIDUA_CONFIG",),
    )

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            low, high = one.metadata["low"], one.metadata["high"]
            if (low is not None and value < low) or (high is not None and value > high):
                raise SettingError(f"{one.name} is {value}, but must lie between {low} and {high}.")
            choices = one.metadata["choices"]
            if choices and value not in choices:
                raise SettingError(f"{one.name} is {value!r}, but must be one of: {', '.join(choices)}.")
        if not self.host.strip():
            raise SettingError("host is empty. Give an address to listen on, such as 127.0.0.1.")
        if self.public_url and urlsplit(self.public_url).scheme not in ("http", "https"):
            raise SettingError(
                f"public_url is {self.public_url!r}, but must begin with https:// (or http://)."
            )

    @property
    def data_path(self) -> Path:
        """The data folder as an absolute path."""
        return Path(self.data_dir).expanduser().resolve()

    @property
    def max_upload_bytes(self) -> int:
        """The upload limit in bytes (a megabyte is 10**6 bytes)."""
        return self.max_upload_mb * 1_000_000

    @property
    def n_workers(self) -> int:
        """The number of worker processes after the default is filled in."""
        return self.workers or max(1, min(4, os.cpu_count() or 1))

    @property
    def host_names(self) -> tuple[str, ...]:
        """Host names a browser may use for this server, lower case, without ports."""
        own = [] if self.host in ("0.0.0.0", "::") else [self.host.lower()]
        extra = [name if name.startswith("[") else name.partition(":")[0] for name in self._extra_hosts]
        return tuple(dict.fromkeys([*HOST_NAMES_OF_THIS_MACHINE, *own, *extra]))

    def origins(self, port: int) -> list[str]:
        """`name:port` of the pages that may open a websocket here, when the server listens on this port."""
        # A name of one's own without a port is that of a proxy, on the web's usual ports.
        extra = [f"{name}{suffix}" for name in self._extra_hosts for suffix in _ports(name, port)]
        own = [name for name in self.host_names[: len(HOST_NAMES_OF_THIS_MACHINE) + 1] if ":" not in name]
        return list(dict.fromkeys([*(f"{name}:{port}" for name in own), *extra]))

    @property
    def has_accounts(self) -> bool:
        """Whether people log in."""
        return self.accounts != "none"

    @property
    def has_provider(self) -> bool:
        """Whether people may log in through a provider elsewhere."""
        return self.accounts in PROVIDERS

    @property
    def proxies(self) -> list[str]:
        """The addresses of `trusted_proxies`."""
        return listed(self.trusted_proxies)

    @property
    def is_open_to_others(self) -> bool:
        """Whether the server listens where others than this machine's people may reach it."""
        return self.host.lower() not in HOST_NAMES_OF_THIS_MACHINE

    @property
    def _extra_hosts(self) -> list[str]:
        own = urlsplit(self.public_url).netloc
        return list(dict.fromkeys([*listed(self.allowed_hosts), *([own.lower()] if own else [])]))


def declared() -> tuple[Field[Any], ...]:
    """The declarations, for whoever builds options or a documentation page from them."""
    others = {one.name for one in fields(ProviderSettings)}
    return tuple(sorted(fields(Settings), key=lambda one: one.name in others))


def _ports(name: str, port: int) -> tuple[str, ...]:
    return ("",) if ":" in name else (f":{port}", ":80", ":443")
