"""How much memory a piece of work takes, and what to do where there is too little."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import resource
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Concatenate, ParamSpec, Protocol, TypeVar

import torch

from engine.errors import DeviceError
from engine.render import forget

_STATUS = Path("/proc/self/status")
_SYSTEM = Path("/proc/meminfo")
_RESET = Path("/proc/self/clear_refs")


P = ParamSpec("P")
T = TypeVar("T")


class Divisible(Protocol):
    """What can be computed in smaller parts, one after another."""

    def divide(self) -> None:
        """Take smaller parts from now on; DeviceError where they are as small as they get."""


D = TypeVar("D", bound=Divisible)


def is_shortage(error: BaseException) -> bool:
    """True for an allocation that failed: of Python or numpy, of torch on a GPU, of torch on the CPU."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    # On the CPU torch has no class of its own for it; nor have cuFFT and cuBLAS.
    return isinstance(error, RuntimeError) and (
        "can't allocate memory" in str(error) or "ALLOC_FAILED" in str(error)
    )


def in_smaller_tiles(method: Callable[Concatenate[D, P], T]) -> Callable[Concatenate[D, P], T]:
    """Have a method called again, in smaller and smaller parts, where memory runs out in it."""

    @functools.wraps(method)
    def repeated(whole: D, /, *args: P.args, **kwargs: P.kwargs) -> T:
        while True:
            try:
                return method(whole, *args, **kwargs)
            except (MemoryError, RuntimeError) as error:
                if not is_shortage(error):
                    raise
            # Here nothing of the call that failed is held any more.
            whole.divide()

    return repeated


def release(device: str) -> None:
    """Give back what is kept for the next time."""
    forget()
    # Where it is Linux's C library, which otherwise keeps what was freed.
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    if device.startswith("cuda"):
        torch.cuda.empty_cache()


@contextlib.contextmanager
def no_shortage(device: str, pixels: int, parameters: int) -> Iterator[None]:
    """Turn a failed allocation inside the block into a :class:`DeviceError` that tells of this fit."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_shortage(error):
            raise
        raise DeviceError(_in_words(device, pixels, parameters)) from error


def _in_words(device: str, pixels: int, parameters: int) -> str:
    """Return what is too large for which memory, and the way out."""
    free = free_bytes(device)
    told = "" if free is None else f", of which {free / 1e6:,.0f} MB are free"
    where, other = (
        ("The computer's memory", "close other programs")
        if device == "cpu"
        else (f"The GPU's memory ({device})", "take the device cpu")
    )
    return (
        f"{where}{told}, does not do for this fit of {pixels:,} pixels and {parameters} parameters, not even a "
        f"small part of the image at a time. Use a smaller window, fewer components or precision float32, or {other}."
    )


def free_bytes(device: str) -> int | None:
    """Return how much memory is free; None where the system does not tell."""
    if device.startswith("cuda"):
        return int(torch.cuda.mem_get_info(device)[0])
    found = []
    with contextlib.suppress(OSError):
        found += [
            int(line.split()[1]) * 1024
            for line in _SYSTEM.read_text(encoding="ascii", errors="replace").splitlines()
            if line.startswith("MemAvailable:")
        ]
    most, used = resource.getrlimit(resource.RLIMIT_AS)[0], _bytes("VmSize")
    if most != resource.RLIM_INFINITY and used is not None:
        found.append(max(most - used, 0))
    return min(found, default=None)


class PeakMemory:
    """Measures the most memory in use beyond what was in use when this was made.

    Of this process, as Linux counts it; of a GPU, as torch does. Two at a time in one process share a peak.

    Args:
        device: torch device of the work.
    """

    def __init__(self, device: str = "cpu") -> None:
        self._device = device
        self._before: int | None = None
        if device.startswith("cuda"):
            torch.cuda.reset_peak_memory_stats(device)
            self._before = torch.cuda.memory_allocated(device)
            return
        with contextlib.suppress(OSError):  # another system, or not allowed here: then there is no figure
            _RESET.write_text("5")  # the peak starts anew from what is in use now
            self._before = _bytes("VmRSS")

    def bytes(self) -> int | None:
        """Return the peak so far beyond the start; None where the system does not tell."""
        if self._before is None:
            return None
        if self._device.startswith("cuda"):
            return int(torch.cuda.max_memory_allocated(self._device)) - self._before
        peak = _bytes("VmHWM")
        return None if peak is None else max(peak - self._before, 0)


def _bytes(name: str) -> int | None:
    """A figure of Linux's proc(5) status, which counts in kB of 1024 bytes."""
    with contextlib.suppress(OSError):
        for line in _STATUS.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
    return None
