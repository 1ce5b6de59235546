"""A GPU that is none: tensors that say they are on cuda:0 and are refused wherever CUDA's would be.

What a GPU forbids is what code written on a machine without one gets wrong: an operation on tensors of two devices, or
numpy on a tensor that is not in the processor's memory. Here both raise as they do on a GPU, while each operation is
carried out on the CPU with real numbers, so that whole fits run and their results can be compared.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

_GPU = torch.device("cuda", 0)
_aten = torch.ops.aten
# Copies go from one to the other, and sizes can be compared anywhere.
_ANYWHERE = (
    _aten._to_copy.default,
    _aten.copy_.default,
    _aten.is_same_size.default,
    _aten._has_same_storage_numel.default,
)
# On a GPU too the numbers of an index may be in the processor's memory, and so may single numbers.
_INDEXING = (
    _aten.index.Tensor,
    _aten.index_put_.default,
    _aten.index_put.default,
    _aten._index_put_impl_.default,
)


class OnGpu(torch.Tensor):
    """A tensor that says it is on the GPU; ``held`` has its numbers, on the CPU.

    To torch's own C++ it is on the CPU, since a build without CUDA knows no guard for another device.
    """

    held: torch.Tensor
    device = _GPU  # type: ignore[assignment]  # a property of tensors

    @staticmethod
    def __new__(cls, real: torch.Tensor) -> OnGpu:
        found: OnGpu = torch.Tensor._make_wrapper_subclass(
            cls,
            real.shape,
            strides=real.stride(),
            storage_offset=real.storage_offset(),
            dtype=real.dtype,
            device=torch.device("cpu"),
        )
        found.held = real
        return found

    def cpu(self, *_: Any) -> torch.Tensor:
        """Return a copy in the processor's memory."""
        return self.held.clone()

    def to(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        """Go to another device, or take another type on this one."""
        device, dtype, *_ = torch._C._nn._parse_to(*args, **kwargs)
        if device is not None and device.type == "cpu":
            return self.held.to(dtype=dtype or self.dtype, copy=True)
        return self if dtype in (None, self.dtype) else OnGpu(self.held.to(dtype))

    def numpy(self, *_: Any, **__: Any) -> Any:
        """Refuse, as a tensor on a GPU does."""
        raise TypeError("can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() first.")

    __array__ = numpy

    def __repr__(self, *_: Any, **__: Any) -> str:
        return f"OnGpu({self.held!r})"

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _carry_out(func, args, kwargs or {})


class _Mode(TorchDispatchMode):
    """Sees operations that have no tensor yet: those that make one on a device."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _carry_out(func, args, kwargs or {})


def _carry_out(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    tensors = [one for one in tree_leaves((args, kwargs)) if isinstance(one, torch.Tensor)]
    on_gpu = {id(one.held): one for one in tensors if isinstance(one, OnGpu)}
    asked = kwargs.get("device")
    if asked is not None:
        kwargs = {**kwargs, "device": torch.device("cpu")}
        goes_to_gpu = torch.device(asked).type == "cuda"
    elif func is _aten.copy_.default:
        goes_to_gpu = isinstance(args[0], OnGpu)
    else:
        goes_to_gpu = bool(on_gpu)
    if func not in _ANYWHERE:
        _check(func, args, tensors)
    if func is _aten.copy_.default and _real(args[0]).data_ptr() == _real(args[1]).data_ptr():
        # torch does not see that two of these share their memory, and copies a result onto itself.
        return args[0]
    found = func(*tree_map(_real, args), **tree_map(_real, kwargs))
    if not goes_to_gpu:
        return found

    def wrapped(one: Any) -> Any:
        if not isinstance(one, torch.Tensor):
            return one
        # What was changed in place is the tensor that was given.
        return on_gpu.get(id(one)) if id(one) in on_gpu else OnGpu(one)

    return tree_map(wrapped, found)


def _real(one: Any) -> Any:
    return one.held if isinstance(one, OnGpu) else one


def _check(func: Any, args: Any, tensors: list[torch.Tensor]) -> None:
    here = [args[0], *args[2:]] if func in _INDEXING else tensors
    found = [one for one in tree_leaves(here) if isinstance(one, torch.Tensor)]
    gpu = [isinstance(one, OnGpu) for one in found]
    # A single number of the processor may enter, but it is not where a result is put.
    if any(gpu) and any(not on and one.ndim for on, one in zip(gpu, found, strict=True)):
        raise RuntimeError(
            f"Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu! ({func})"
        )


_run_thread = threading.Thread.run


def _run(thread: threading.Thread) -> None:
    """Run a thread under a mode of its own: torch's belong to one thread."""
    with _Mode():
        _run_thread(thread)


@contextlib.contextmanager
def pretend_gpu() -> Iterator[None]:
    """Have one GPU, cuda:0, for the time of the block."""
    told: dict[str, Callable[..., Any]] = {
        "is_available": lambda: True,
        "device_count": lambda: 1,
        "get_device_name": lambda *_: "No GPU",
        "_lazy_init": lambda: None,
        "reset_peak_memory_stats": lambda *_: None,
        "memory_allocated": lambda *_: 0,
        "max_memory_allocated": lambda *_: 1,
        "mem_get_info": lambda *_: (6_000_000_000, 8_000_000_000),
        "empty_cache": lambda: None,
    }
    with contextlib.ExitStack() as stack:
        for name, call in told.items():
            stack.enter_context(mock.patch.object(torch.cuda, name, call))
        # Else torch.tensor takes what it has made to its device where no mode sees it.
        torch._C._set_only_lift_cpu_tensors(True)
        stack.callback(torch._C._set_only_lift_cpu_tensors, False)
        stack.enter_context(_Mode())
        stack.enter_context(mock.patch.object(threading.Thread, "run", _run))
        yield
