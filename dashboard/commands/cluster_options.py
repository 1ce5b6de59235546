"""The options of `residua scheduler` and `residua worker`; dashboard.commands.cluster carries them out."""

from __future__ import annotations

from typing import Annotated

import typer

from dashboard.commands import talk

TlsCa = Annotated[str, typer.Option("--tls-ca", envvar="RESIDUA_TLS_CA", help="PEM file of the authority.")]
TlsCert = Annotated[str, typer.Option("--tls-cert", envvar="RESIDUA_TLS_CERT", help="PEM file: certificate.")]
TlsKey = Annotated[str, typer.Option("--tls-key", envvar="RESIDUA_TLS_KEY", help="PEM file: its key.")]
Insecure = Annotated[
    bool, typer.Option("--insecure", help="Without TLS on a network where all machines are trusted.")
]


def cluster_commands(app: typer.Typer) -> None:
    """Add both to the command line."""
    app.command()(scheduler)
    app.command()(worker)


def scheduler(
    host: Annotated[
        str, typer.Option("--host", envvar="RESIDUA_SCHEDULER_HOST", help="Address to listen on.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port to listen on.")] = 8786,
    tls_ca: TlsCa = "",
    tls_cert: TlsCert = "",
    tls_key: TlsKey = "",
    insecure: Insecure = False,
) -> None:
    """Run the scheduler of a cluster, for `residua serve --scheduler` and `residua worker`."""
    with talk.sentences():
        from dashboard.commands import cluster as command

        command.scheduler(host, port, (tls_ca, tls_cert, tls_key), insecure)


def worker(
    scheduler: Annotated[
        str, typer.Option("--scheduler", envvar="RESIDUA_SCHEDULER", help="Address of the scheduler.")
    ] = "tcp://127.0.0.1:8786",
    workers: Annotated[
        int, typer.Option("--workers", min=1, max=256, help="Processes, each for one fit at a time.")
    ] = 1,
    gpu: Annotated[
        bool, typer.Option("--gpu", help="Work on this machine's GPUs: one process a GPU, or as many as fit.")
    ] = False,
    gpu_memory_mb: Annotated[
        int,
        typer.Option(
            "--gpu-memory-mb",
            min=0,
            help="GPU memory of one fit: several share a GPU that has more. 0: one a GPU.",
        ),
    ] = 0,
    memory_limit: Annotated[
        int,
        typer.Option(
            "--memory-limit",
            min=0,
            metavar="MB",
            help="At which a process is ended. 0: its share of the machine's.",
        ),
    ] = 0,
    torch_threads: Annotated[
        int,
        typer.Option(
            "--torch-threads", envvar="RESIDUA_TORCH_THREADS", min=1, help="Threads of each process."
        ),
    ] = 1,
    tls_ca: TlsCa = "",
    tls_cert: TlsCert = "",
    tls_key: TlsKey = "",
    insecure: Insecure = False,
) -> None:
    """Run worker processes for a scheduler; they see the server's data folder under the same path.

    A scheduler that goes away is looked for until it is back.
    """
    with talk.sentences():
        from dashboard.commands import cluster as command

        command.worker(
            scheduler,
            processes=workers,
            gpu=gpu,
            fit_gpu_memory=gpu_memory_mb * 1_000_000,
            memory=memory_limit * 1_000_000,
            torch_threads=torch_threads,
            tls=(tls_ca, tls_cert, tls_key),
            insecure=insecure,
        )
