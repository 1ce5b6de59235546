"""`residua scheduler` and `residua worker`: a lab's cluster, out of Dask's own parts."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from distributed import Scheduler, Security

from dashboard.commands import talk
from dashboard.jobs.cluster import BareNanny, JobsError, configure
from dashboard.jobs.tls import check_exposure, security_of
from dashboard.jobs.worker import GPU, GPU_SHARE, LEAVE, LEAVE_SECONDS

RETRY_SECONDS = 2.0

logger = logging.getLogger("residua.cluster")


def scheduler(host: str, port: int, tls: tuple[str, str, str], insecure: bool) -> None:
    """Run a scheduler until it is told to stop."""
    security = _checked(f"//{host}", tls, insecure)
    _log()
    configure(1)

    async def run(stop: asyncio.Event) -> None:
        protocol = "tls" if security else "tcp"
        try:
            async with Scheduler(
                host=host,
                port=port,
                protocol=protocol,
                security=security,
                dashboard=False,
                # Dask opens a status port whatever is asked: keep it on this machine, and empty.
                dashboard_address="127.0.0.1:0",
            ) as found:
                print(f"The scheduler is at {found.address}", flush=True)
                await stop.wait()
        except OSError as error:
            talk.refuse(
                f"Port {port} of {host} cannot be had ({error.strerror or error}). Choose another with --port."
            )

    asyncio.run(_until_told(run))


def worker(
    address: str,
    *,
    processes: int,
    gpu: bool,
    fit_gpu_memory: int,
    memory: int,
    torch_threads: int,
    tls: tuple[str, str, str],
    insecure: bool,
) -> None:
    """Run worker processes for a scheduler, and look for it again when it goes away, until told to stop."""
    security = _checked(address, tls, insecure)
    _log()
    configure(torch_threads)
    places = gpu_places(_gpu_memory(), fit_gpu_memory) if gpu else [Place()] * processes

    async def run(stop: asyncio.Event) -> None:
        print(f"{len(places)} worker process{'es' if len(places) > 1 else ''} for {address}", flush=True)
        keeping = [asyncio.create_task(_keep(address, place, memory, security)) for place in places]
        await stop.wait()
        for one in keeping:
            one.cancel()
        await asyncio.gather(*keeping, return_exceptions=True)

    asyncio.run(_until_told(run))


@dataclass(frozen=True)
class Place:
    """Where a worker process works: the number of a GPU and its share of that one's memory; "" for none."""

    device: str = ""
    share: float = 1.0


def gpu_places(memory: list[int], fit_memory: int) -> list[Place]:
    """The places on GPUs of so many bytes each, for fits that take so many (0: one fit a GPU)."""
    found = []
    for number, total in enumerate(memory):
        count = 1 if not fit_memory else total // fit_memory
        if not count:
            talk.refuse(
                f"GPU {number} has {total / 1e9:.1f} GB, less than the {fit_memory / 1e9:.1f} GB of --gpu-memory-mb "
                "for one fit. Lower it."
            )
        found += [Place(str(number), 1 / count)] * count
    return found


def _gpu_memory() -> list[int]:
    """Bytes of each GPU that PyTorch can use."""
    import torch

    if not torch.cuda.is_available():
        talk.refuse(
            "PyTorch finds no GPU here. Install its CUDA build and the driver (nvidia-smi shows the GPU), or leave "
            "--gpu out."
        )
    return [
        torch.cuda.get_device_properties(number).total_memory for number in range(torch.cuda.device_count())
    ]


async def _keep(address: str, place: Place, memory: int, security: Security | None) -> None:
    """One worker process, made again whenever it or the scheduler has gone."""
    while True:
        nanny = BareNanny(
            address,
            nthreads=1,
            memory_limit=memory or "auto",
            security=security,
            resources={GPU: 1} if place.device else {},
            env={"CUDA_VISIBLE_DEVICES": place.device, GPU_SHARE: str(place.share)},
            dashboard_address="127.0.0.1:0",
            local_directory=os.environ.get("DASK_TEMPORARY_DIRECTORY"),
            death_timeout=30,
        )
        try:
            await nanny
            await nanny.finished()
            logger.warning("The scheduler at %s went away; it is looked for again", address)
        except asyncio.CancelledError:
            with contextlib.suppress(Exception):  # it may not have begun, or hang
                leaving = getattr(nanny.rpc(nanny.worker_address), LEAVE)()
                await asyncio.wait_for(leaving, LEAVE_SECONDS + 1)
            raise
        except Exception as error:
            logger.warning("No worker for %s yet: %s", address, str(error).partition("\n")[0])
        finally:
            with contextlib.suppress(Exception):
                await nanny.close(timeout=2)
        await asyncio.sleep(RETRY_SECONDS)


def _checked(address: str, tls: tuple[str, str, str], insecure: bool) -> Security | None:
    """The security of the cluster; what cannot be used, or should not, is refused with a sentence."""
    try:
        security = security_of(*tls)
        check_exposure(address, security, insecure)
    except JobsError as error:
        talk.refuse(str(error))
    return security


def _log() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for name in ("distributed", "tornado"):
        logging.getLogger(name).setLevel(logging.WARNING)


async def _until_told(run: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await run(stop)
