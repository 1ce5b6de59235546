"""How a run ends, or does not: from what a worker's task came to, to the record and the sentence on screen."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from distributed import Future
from distributed.scheduler import KilledWorker

from dashboard.jobs.keeper import CHECKPOINT
from dashboard.jobs.worker import LOST, Outcome
from dashboard.store import RunStatus
from engine.checkpoint import read_checkpoint

STOPPED_SERVER = "Residua was stopped in the middle of this fit."
KILLED_WORKER = "The worker process ended in the middle of this fit."
WORKERS_AWAY = "The workers went away in the middle of this fit."
LOST_SCHEDULER = "The scheduler went away in the middle of this fit."
LOST_DATABASE = "The database went away as this fit was given to a worker."
SILENT = "Its worker gave no sign of life any more."
OUT_OF_MEMORY = (
    "The worker process ended in the middle of this fit for want of memory. Take a smaller window, fewer "
    "components or, of a sampler, fewer draws (raise thin)."
)
MEMORY_HINT = ": most likely it takes more memory than there is. Try a smaller window or fewer components."
ENDED_WORKER = "Stopped on request. The fit did not answer, so its worker was ended and no values were kept."
NOT_STARTED = "Cancelled before it started."
PUT_BACK = "Residua was stopped in the middle of this fit. It goes on from where it was."
LEFT_WORKER = (
    "Its worker was stopped in the middle of this fit. It goes on from where it was when a worker is free."
)
NO_SCHEDULER = (
    "The scheduler does not answer, so fits wait. It is looked for every few seconds; whoever cares for the server can "
    "start it again."
)

logger = logging.getLogger("residua.jobs")


@dataclass(frozen=True)
class End:
    """How an attempt ended: with an outcome, or because something went away."""

    outcome: Outcome | None
    why: str = ""
    # Another attempt would end in the same way.
    hopeless: bool = False


@dataclass(frozen=True)
class Verdict:
    """What becomes of a run, for its record; queued when it is tried again."""

    status: RunStatus
    message: str
    error: str | None = None
    converged: bool | None = None
    chi2_dof: float | None = None


def verdict(
    end: End, attempts: int, retries: int, *, cancelled: bool, kept_step: int | None = None
) -> Verdict:
    """What becomes of a run after so many attempts, of which the first and ``retries`` more may be lost.

    ``kept_step`` is the step of its last checkpoint, None where there is none.
    """
    outcome = end.outcome
    if outcome is not None and outcome["status"] != LOST:
        return of_outcome(outcome)
    why = end.why or (outcome["message"] if outcome is not None else WORKERS_AWAY)
    if cancelled:
        return Verdict(RunStatus.CANCELLED, ENDED_WORKER)
    if end.hopeless:
        return Verdict(RunStatus.FAILED, why, error=why)
    if attempts > retries:
        times = {1: "once", 2: "twice"}.get(attempts, f"{attempts} times")
        return Verdict(
            RunStatus.FAILED,
            f"{why} That happened {times}, so it is not tried again{MEMORY_HINT if why == KILLED_WORKER else '.'}",
            error=why,
        )
    goes_on = (
        "It begins again"
        if kept_step is None
        else f"It goes on from its last checkpoint, at step {kept_step},"
    )
    return Verdict(
        RunStatus.QUEUED, f"{why} {goes_on} when a worker is free (attempt {attempts + 1} of {retries + 1})."
    )


def fitting(attempts: int, retries: int) -> str:
    """What a run says that is started after so many attempts."""
    return f"Fitting again, attempt {attempts + 1} of {retries + 1}." if attempts else "Fitting."


def of_future(future: Future[Outcome], out_of_memory: Collection[str] = ()) -> End:
    """How a Dask task ended; ``out_of_memory`` are addresses of workers that were ended for want of memory."""
    if future.status == "finished":
        try:
            return End(future.result(timeout=30))
        except Exception:  # the result was lost on its way here
            logger.exception("The result of %s was lost", future.key)
            return End(None, WORKERS_AWAY)
    error = future.exception(timeout=30) if future.status == "error" else None
    if isinstance(error, KilledWorker):
        if getattr(error.last_worker, "address", None) in out_of_memory:
            return End(None, OUT_OF_MEMORY, hopeless=True)
        return End(None, KILLED_WORKER)
    if error is None:
        return End(None, WORKERS_AWAY)
    code = secrets.token_hex(4)
    logger.error("[%s] %s failed outside the fit", code, future.key, exc_info=error)
    return End(None, f"The fit could not be run. The server's log has it as {code}.", hopeless=True)


def of_outcome(outcome: Outcome) -> Verdict:
    """What becomes of a run that came to an end of its own."""
    return Verdict(
        RunStatus(outcome["status"]),
        outcome["message"],
        outcome["error"],
        outcome["converged"],
        outcome["chi2_dof"],
    )


def kept_step(folder: Path) -> int | None:
    """The step of the last checkpoint of a run; None where there is none."""
    found = read_checkpoint(folder / CHECKPOINT)
    return None if found is None else found.step.number
