"""How much memory a piece of work takes."""

from __future__ import annotations

import contextlib
from pathlib import Path

import torch

_STATUS = Path("/proc/self/status")
_RESET = Path("/proc/self/clear_refs")


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
