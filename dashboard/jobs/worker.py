"""What runs inside a worker process: one fit from its description to its run folder. No web here."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import secrets
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypedDict

import torch
from distributed import Status, get_worker
from distributed.diagnostics.plugin import WorkerPlugin

import engine
from dashboard.jobs.keeper import Keeper, counted_through
from dashboard.jobs.limits import too_large, too_long
from dashboard.jobs.watch import Reason, Watch, claim, is_claimed
from dashboard.store.files import is_full, sha256_of
from dashboard.store.results import keep_results
from engine.checkpoint import Checkpoint, joined

TOPIC = "residua-runs"
# The resource of Dask that a worker for fits on a GPU has.
GPU = "GPU"
# Which part of its GPU's memory a worker may take, where several share one.
GPU_SHARE = "RESIDUA_GPU_SHARE"
# What a worker is asked by whoever stops it.
LEAVE = "leave_fits"
# Under which name a worker tells the scheduler of its GPU.
GPU_METRIC = "residua_gpu"
# The status of a job that came to nothing, and of one that was left in the middle for another worker to go on with.
LOST, LEFT = "lost", "left"
# A worker that stops waits this long for its fits to leave, and for their outcomes to be fetched.
LEAVE_SECONDS = 5.0
NO_ROOM_FOR_RESULT = (
    "The server's disk is full, so the result could not be kept. Delete what is no longer needed, or ask whoever "
    "cares for the server; then start the fit again."
)
STEPS_PER_SECOND = 20
LOOK_FOR_ROOM_SECONDS = 2.0

logger = logging.getLogger("residua.worker")


class Job(TypedDict):
    """One run's work order; plain values only, since it crosses processes.

    `contents` is the folder of contents by their hashes; `seconds` and `memory` (bytes) are what the whole fit may
    take, 0 for no limit; `attempt` counts from 1.
    """

    run: str
    description: dict[str, Any]
    fitter: str
    options: dict[str, Any]
    folder: str
    contents: str
    hashes: dict[str, str]
    names: dict[str, str]
    torch_threads: int
    attempt: int
    device: str
    seconds: float
    memory: int
    checkpoint_seconds: float
    room_seconds: float


class Outcome(TypedDict):
    """How a run ended, for the record in the database."""

    status: str
    message: str
    converged: bool | None
    chi2_dof: float | None
    error: str | None
    last_step: dict[str, Any] | None


class _Left(Exception):
    """The fit is to go on elsewhere: what it has is not worth judging now."""


def run_fit(job: Job) -> Outcome:
    """Carry out one job. Never raises: what went wrong is the outcome's message."""
    try:
        folder = Path(job["folder"])
        if not claim(folder, job["attempt"]):
            return lost("Another worker has this attempt.")
        found = recorded(folder)
        if found is None:
            return _fit(job)
        # The process before came to the end after it was given up, or was killed as soon as it had.
        keep_results(folder, Path(job["contents"]))
        return found
    except engine.EngineError as error:
        return _failure(with_names(str(error), job["names"]))
    except MemoryError:
        return _failure("There was not enough memory for this fit. Use a smaller window or fewer components.")
    except OSError as error:
        code = _log(job, error)
        if is_full(error):
            return _failure(f"{NO_ROOM_FOR_RESULT} Log entry {code}.", code)
        return _failure(
            f"A file could not be read or written ({error.strerror or error}). Log entry {code}.", code
        )
    except Exception as error:  # the worker must live on, whatever the fit ran into
        code = _log(job, error)
        return _failure(f"The fit stopped on an internal error. The server's log has it as {code}.", code)


def _fit(job: Job) -> Outcome:
    torch.set_num_threads(job["torch_threads"])
    for path, expected in job["hashes"].items():
        if sha256_of(Path(path)) != expected:
            name = job["names"].get(path, "a file")
            raise engine.ImageError(f"{name} was changed or damaged on the server's disk. Upload it again.")
    folder = Path(job["folder"])
    send = _sender(job)
    if job["device"] == "cuda":
        take_gpu()
    problem = engine.load(job["description"], device=job["device"])
    keeper = Keeper(folder, problem, job["checkpoint_seconds"], job["attempt"])
    reporter = StepReporter(send, keeper.before)
    options = keeper.resumed(problem, job["fitter"], job["options"])

    left = job["seconds"] and max(1.0, job["seconds"] - keeper.earlier_seconds)
    with Watch(folder, job["attempt"], send, seconds=left, memory=job["memory"]) as watch:

        def on_step(step: engine.Step) -> None:
            reporter(step)
            keeper(step)

        def should_stop() -> bool:
            # Asked after each step: the checkpoint has it where the fit is left, and no result is made.
            stops = watch.should_stop()
            if watch.reason is Reason.LEAVE:
                keeper.write()
            if watch.reason in (Reason.LEAVE, Reason.REPLACED):
                raise _Left
            return stops

        try:
            result = engine.fit(problem, job["fitter"], on_step=on_step, should_stop=should_stop, **options)
            watch.should_stop()  # one that comes now finds the fit at its end
            reporter.finish()
            result = joined(keeper.before, result, job["options"])
            _write(job, watch, problem, result)
        except _Left:
            if watch.reason is Reason.LEAVE:
                return lost("The fit was left for another worker to go on with.", LEFT)
            return lost("Another worker has the fit.")
    keeper.forget()
    cancelled = result.status is engine.Status.CANCELLED
    sentence = (
        {
            Reason.TIME: too_long(int(job["seconds"])),
            Reason.MEMORY: too_large(job["memory"]),
        }.get(watch.reason or Reason.CANCELLED)
        if cancelled
        else None
    )
    return Outcome(
        status="cancelled" if cancelled else "finished",
        message=sentence or with_names(result.message, job["names"]),
        converged=bool(result.converged),
        chi2_dof=float(result.chi2_dof),
        error=None,
        last_step=reporter.last,
    )


def _write(job: Job, watch: Watch, problem: engine.Problem, result: engine.FitResult) -> None:
    """Write what a fit leaves. On a full disk it waits for room: it may be what hours have come to."""
    folder, began = Path(job["folder"]), time.monotonic()
    while True:
        if not is_claimed(folder, job["attempt"]):
            raise _Left
        try:
            engine.write_run(folder, problem, result, source_names=job["names"])
            keep_results(folder, Path(job["contents"]))
            return
        except OSError as error:
            if not is_full(error):
                raise
            if watch.reason in (Reason.LEAVE, Reason.REPLACED):
                raise _Left from error
            # Nobody waits for what a fit that was stopped had come to.
            if watch.reason is not None or time.monotonic() - began > job["room_seconds"]:
                raise
            logger.warning("The result of run %s waits for room on the disk: %s", job["run"], error)
        time.sleep(LOOK_FOR_ROOM_SECONDS)


def recorded(folder: Path) -> Outcome | None:
    """How a run ended that is complete in its folder, whoever saw it end; None when it is not."""
    try:
        record = json.loads((folder / "result.json").read_text(encoding="utf-8"))
        return Outcome(
            status="cancelled" if record["status"] == "cancelled" else "finished",
            message=str(record["message"]),
            converged=record["converged"],
            chi2_dof=record["chi2_dof"],
            error=None,
            last_step=None,
        )
    except (OSError, ValueError, KeyError):
        return None


def take_gpu() -> None:
    """Let this process take its share of its GPU's memory; engine.DeviceError where it has no GPU."""
    if not torch.cuda.is_available():
        raise engine.DeviceError(
            "This fit asks for a GPU, but its worker has none that PyTorch can use. Choose the device cpu or auto, or "
            "start the worker with residua worker --gpu on a host with one."
        )
    torch.cuda.set_per_process_memory_fraction(float(os.environ.get(GPU_SHARE, "1")))


class StepReporter:
    """Sends an engine's steps on, at most 20 a second, and the last one always.

    Those of a fit that goes on from a checkpoint are counted from its very start.
    """

    def __init__(
        self,
        send: Callable[[dict[str, Any]], None],
        before: Checkpoint | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._send = send
        self._before = before
        self._now = now
        self._next = 0.0
        self._held = False
        self.last: dict[str, Any] | None = None

    def __call__(self, step: engine.Step) -> None:
        self.last = step_event(counted_through(self._before, step))
        self._held = self._now() < self._next
        if not self._held:
            self._next = self._now() + 1 / STEPS_PER_SECOND
            self._send(self.last)

    def finish(self) -> None:
        """Send the last step if it was held back."""
        if self._held and self.last is not None:
            self._held = False
            self._send(self.last)


def step_event(step: engine.Step) -> dict[str, Any]:
    """A step as plain values."""
    return {
        "type": "step",
        "number": int(step.number),
        "chi2": float(step.chi2),
        "chi2_dof": float(step.chi2_dof),
        "seconds": float(step.seconds),
        "evaluations": int(step.evaluations),
        "jacobians": int(step.jacobians),
        "values": [float(value) for value in step.values],
        "info": {str(key): _plain(value) for key, value in step.info.items()},
    }


def with_names(sentence: str, names: dict[str, str]) -> str:
    """The sentence with the senders' file names in place of the paths of stored contents."""
    for path, name in names.items():
        sentence = sentence.replace(path, name).replace(Path(path).name, name)
    return sentence


class WarmUp(WorkerPlugin):
    """Makes the first fit of a new (or restarted) worker as fast as the later ones."""

    name = "residua-warm-up"

    def __init__(self, torch_threads: int) -> None:
        self.torch_threads = torch_threads
        self.worker: Any = None

    def setup(self, worker: Any) -> None:
        """Begin, on the thread that fits run on: a fit that comes meanwhile waits for the rest only."""
        self.worker = worker
        worker.handlers[LEAVE] = self.leave
        if worker.state.total_resources.get(GPU):  # others would take memory of a GPU only to look at it
            worker.metrics[GPU_METRIC] = gpu_memory
        worker.executor.submit(self._warm_up)

    async def leave(self) -> None:
        """Have the fits of this worker keep what they have and go, and return when it can be closed."""
        self.worker.status = Status.closing_gracefully  # nothing more is given to it
        Watch.leave()
        deadline = time.monotonic() + LEAVE_SECONDS
        # An outcome lies here until the queue has fetched it.
        while (self.worker.state.executing_count or self.worker.data) and time.monotonic() < deadline:
            await asyncio.sleep(0.02)

    def _warm_up(self) -> None:
        torch.set_num_threads(self.torch_threads)
        try:
            warm_up(self.worker.local_directory)
        except Exception:
            logger.exception("Warming up a worker failed; its first fit will be slow")


def gpu_memory(_: Any = None) -> dict[str, Any] | None:
    """What this worker's GPU is and how much of its memory is in use, in bytes; None where it has none."""
    if not torch.cuda.is_available():
        return None
    free, total = torch.cuda.mem_get_info()
    return {"name": torch.cuda.get_device_name(), "used": int(total - free), "total": int(total)}


def warm_up(scratch: str) -> None:
    """One step of a fit of the seed example, from its files to its run folder, in a folder of the worker's own.

    Of a worker that is killed meanwhile, Dask removes that folder.
    """
    with tempfile.TemporaryDirectory(prefix="warm-up-", dir=scratch) as folder:
        problem = engine.load(engine.write_example("seed", folder))
        engine.write_run(Path(folder) / "run", problem, engine.fit(problem, "lm", max_steps=1))


def ready() -> bool:
    """A task that does nothing: it is done when the worker has nothing before it."""
    return True


def _sender(job: Job) -> Callable[[dict[str, Any]], None]:
    worker = get_worker()
    whose = {"run": job["run"], "attempt": job["attempt"], "address": worker.address}
    return lambda event: worker.log_event(TOPIC, {**whose, **event})


def lost(why: str, status: str = LOST) -> Outcome:
    """The outcome of an attempt that came to nothing, through no fault of the fit."""
    return Outcome(status=status, message=why, converged=None, chi2_dof=None, error=why, last_step=None)


def _failure(message: str, code: str | None = None) -> Outcome:
    return Outcome(
        status="failed", message=message, converged=None, chi2_dof=None, error=code or message, last_step=None
    )


def _log(job: Job, error: Exception) -> str:
    code = secrets.token_hex(4)
    logger.error("[%s] Run %s failed", code, job["run"], exc_info=error)
    return code


def _plain(value: Any) -> Any:
    if isinstance(value, bool | str) or value is None:
        return value
    try:
        return float(value)
    except (TypeError, ValueError):
        return str(value)
