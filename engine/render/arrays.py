"""Where the arrays of frozen samples live: numpy's on a CPU, torch's elsewhere.

On a CPU numpy takes a third of a microsecond to start an operation, torch several, and with AVX-512 numpy's logarithms
and exponentials are more than twice as fast. What they share is written once: both have ``matmul``, ``multiply``,
``stack`` and the like under one name, which is what ``xp`` stands for.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

# numpy's or torch's, double precision.
Array = Any
# With more threads than this, torch's functions are faster than numpy's, which use one.
_FEW_THREADS = 2


class Arrays:
    """Work arrays of one owner, each kept until it is asked for again, and what is done differently with them.

    Fresh memory of this size costs as much as a hundred of the operations done in it.

    Args:
        device: Where they are.
    """

    def __init__(self, device: str | torch.device) -> None:
        self._device = torch.device(device)
        self._numpy = self.is_numpys(self._device)
        self.xp: Any = np if self._numpy else torch
        self._kept: dict[str, Array] = {}

    @staticmethod
    def is_numpys(device: torch.device) -> bool:
        """Return whether numpy can work where a device has its memory."""
        return device.type == "cpu"

    def array(self, name: str, shape: tuple[int, ...]) -> Array:
        """Return an uninitialized array, valid until the next call by that name."""
        count = math.prod(shape)
        kept = self._kept.get(name)
        if kept is None or math.prod(kept.shape) < count:
            kept = np.empty(count)
            kept = self._kept[name] = kept if self._numpy else self.put(kept)
        return kept[:count].reshape(shape)

    def put(self, numbers: np.ndarray) -> Array:
        """Return numbers as such an array."""
        return numbers if self._numpy else torch.from_numpy(numbers).to(self._device)

    def get(self, array: Array) -> np.ndarray:
        """Return an array's numbers."""
        return np.asarray(array if self._numpy else array.cpu().numpy())

    def compact(self, array: Array) -> Array:
        """Return a copy without gaps."""
        return array.copy() if self._numpy else array.contiguous()

    def tensor(self, array: Array) -> Tensor:
        """Return an array as torch's, of the same memory."""
        found: Tensor = torch.from_numpy(array) if self._numpy else array
        return found

    def of_tensor(self, tensor: Tensor) -> Array:
        """Return torch's array as one of these, of the same memory."""
        return tensor.numpy() if self._numpy else tensor

    def log(self, array: Array, out: Array) -> Array:
        """Write the logarithm of ``array`` to ``out``, and return it."""
        return self._apply("log", array, out)

    def exp(self, array: Array, out: Array) -> Array:
        """Write the exponential of ``array`` to ``out``, and return it."""
        return self._apply("exp", array, out)

    def _apply(self, name: str, array: Array, out: Array) -> Array:
        if self._numpy and not (_numpy_is_fast() and torch.get_num_threads() <= _FEW_THREADS):
            getattr(torch, name)(torch.from_numpy(array), out=torch.from_numpy(out))
        else:
            getattr(self.xp, name)(array, out=out)
        return out

    def take(self, values: Array, numbers: Array) -> Array:
        """Return values[:, numbers]."""
        return values.take(numbers, 1) if self._numpy else values[:, numbers]

    def add_at(self, target: Array, numbers: Array, values: Array) -> None:
        """Add to target[:, numbers], several times where a number repeats."""
        if self._numpy:
            for row, own in zip(target, values, strict=True):
                np.add.at(row, numbers, own)
        else:
            # Sorts first, so that sums, and with them draws, come out the same each time.
            chains = torch.arange(len(values), device=target.device)[:, None]
            target.index_put_((chains, numbers[None]), values, accumulate=True)


@functools.cache
def _numpy_is_fast() -> bool:
    """True where numpy has vectorized logarithms and exponentials in double precision."""
    return bool(torch.backends.cpu.get_cpu_capability() == "AVX512")
