"""Looking into strangers' files: each in a process of its own, which gets so much memory and time and no more.

The processes are forked from one that has the engine loaded, so a look costs some milliseconds. What comes back is
JSON: nothing that such a process sends is executed or unpickled here.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import resource
import secrets
import traceback
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import engine
from dashboard import forks
from engine.images import FitsContents, Limits
from engine.images.fits import open_fits
from engine.outputs import plain

AT_ONCE = 2
MAX_ANSWER_BYTES = 32 << 20
_NAME_HINTS = {
    "sigma": {"sigma", "err", "error", "rms", "noise", "uncertainty"},
    "variance": {"var", "variance"},
    "weight": {"weight", "weights", "wht", "wt", "ivar", "invvar"},
    "mask": {"mask", "flag", "flags", "bpm", "badpix", "dq"},
    "psf": {"psf"},
}

logger = logging.getLogger("residua.inspection")


@dataclass(frozen=True)
class Allowance:
    """What looking into one file may cost.

    `seconds` of wall clock and of processor time; `memory_bytes` beyond what the process begins with;
    `unpacked_bytes` that a compressed file or image may grow to.
    """

    seconds: int
    memory_bytes: int
    unpacked_bytes: int


class Inspector:
    """Looks into files, at most `AT_ONCE` at a time; the others wait their turn."""

    def __init__(self, allowance: Allowance) -> None:
        self._allowance = allowance
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def look(self, path: Path, name: str, role: str) -> dict[str, Any]:
        """What a FITS file holds: `role` (guessed where it is ""), `default_index`, `extensions`, `header`, `notices`.

        `name` is what sentences call the file. ImageError for one that cannot be used, with the reason.
        """
        async with self._turns:
            return await asyncio.to_thread(self._look, path, name, role)

    def _look(self, path: Path, name: str, role: str) -> dict[str, Any]:
        receiver, sender = forks.context().Pipe(duplex=False)
        process = forks.context().Process(
            target=_answer, args=(sender, str(path), name, role, self._allowance), daemon=True
        )
        with receiver:
            with sender:
                process.start()
            try:
                if not receiver.poll(self._allowance.seconds):
                    raise engine.ImageError(
                        f"{name} took longer than {self._allowance.seconds} s to read. Is it a plain FITS file? "
                        "A cut-out around the object is quicker."
                    )
                answer = json.loads(receiver.recv_bytes(MAX_ANSWER_BYTES))
            except (EOFError, OSError):
                answer = {"memory": True}  # ended by the system in the middle of its work
            finally:
                process.kill()
                process.join()
                process.close()
        return _checked(answer, name, self._allowance)


def _checked(answer: dict[str, Any], name: str, allowance: Allowance) -> dict[str, Any]:
    if "refused" in answer:
        raise engine.ImageError(answer["refused"])
    if "memory" in answer:
        raise engine.ImageError(
            f"Reading {name} takes more than the {allowance.memory_bytes // 1_000_000} MB of memory that this server "
            "gives to one file. Upload a cut-out around the object."
        )
    if "failed" in answer:
        code = secrets.token_hex(4)
        logger.error("[%s] Looking into an upload failed:\n%s", code, answer["failed"])
        raise engine.ImageError(
            f"{name} cannot be read as a FITS file. The server's log has the reason as {code}."
        )
    return answer


# --- in the process of its own


def _answer(sender: Connection, path: str, name: str, role: str, allowance: Allowance) -> None:
    """Look into one file under limits and send what was found; whatever happens, this process ends here."""
    try:
        _limit(allowance)
        answer = look_into(path, name, role, Limits(max_unpacked_bytes=allowance.unpacked_bytes))
    except engine.EngineError as error:
        answer = {"refused": str(error)}
    except MemoryError:
        answer = {"memory": True}
    except Exception:
        answer = {"failed": traceback.format_exc()}
    sender.send_bytes(json.dumps(answer, allow_nan=False).encode())


def _limit(allowance: Allowance) -> None:
    statm = Path("/proc/self/statm")
    if statm.exists():  # only Linux tells, and only Linux holds a process to it
        memory = int(statm.read_text().split()[0]) * resource.getpagesize() + allowance.memory_bytes
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    # Whoever waits for it is the first to give it up, and knows why.
    resource.setrlimit(resource.RLIMIT_CPU, (allowance.seconds + 1, allowance.seconds + 2))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # it reads; there is nothing that it should write


def look_into(path: str, name: str, role: str, limits: Limits) -> dict[str, Any]:
    """Find out what a FITS file holds, and decode the pixels it will be used for.

    Whether a map fits its image is only known once it is used. ImageError for a file that cannot be.
    """
    contents = engine.inspect_fits(path, label=name, limits=limits)
    role = role or guessed_role(name, contents)
    notices = list(contents.notices)
    try:
        if role == "image":
            engine.read_image(path, labels={"data": name}, limits=limits)
        else:
            with open_fits(path, label=name, limits=limits) as file:
                file.read(role)
    except engine.ImageError as error:
        # With more images in the file the choice is a person's.
        if sum(one.kind == "image" for one in contents.extensions) < 2:
            raise
        notices.append(str(error))
    return {
        "role": role,
        "default_index": contents.default_index,
        "extensions": [asdict(one) for one in contents.extensions],
        "header": plain(contents.header),
        "notices": notices,
    }


def guessed_role(name: str, contents: FitsContents) -> str:
    """What a file is for, as far as its header and then its name tell; an image when they don't."""
    guesses = {one.index: one.role_guess for one in contents.extensions}
    guess = guesses.get(-1 if contents.default_index is None else contents.default_index, "")
    if guess not in ("", "image"):
        return guess
    words = set(re.split(r"[^a-z]+", name.lower()))
    for role, hints in _NAME_HINTS.items():
        if words & hints:
            return role
    return "image"
