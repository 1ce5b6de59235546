"""Where a problem is computed and in which precision: declared once, for files, Python, commands and forms.

In float32 brightnesses, their derivatives and the convolution take half of the memory and, on most GPUs, a fraction of
the time. Positions are found in float64 and rounded only as offsets from a center; models, chi2 and normal equations
are added up in float64.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import torch

from engine.errors import DeviceError, did_you_mean

DEVICES = ("cpu", "auto", "cuda")
_NAME = re.compile(r"cpu|auto|cuda(:\d{1,3})?")
# Small images take longer on a GPU, where each operation has to be started.
DEFAULT_DEVICE = "cpu"
DEFAULT_PRECISION = "float64"
PRECISIONS = {"float64": torch.float64, "float32": torch.float32}


@dataclass(frozen=True)
class Computer:
    """What computed a problem.

    Attributes:
        device: torch's name of it, "cpu" or "cuda:0".
        precision: float64 or float32.
        gpu: The GPU's own name, "" for none.
    """

    device: str = "cpu"
    precision: str = "float64"
    gpu: str = ""

    @classmethod
    def of(cls, device: str | None = None, precision: str | None = None) -> Computer:
        """Return what a wish stands for, None for the default.

        Raises:
            DeviceError: There is no such device or precision.
        """
        precision = str(precision or DEFAULT_PRECISION)
        if precision not in PRECISIONS:
            raise DeviceError(f"There is no precision {precision!r}. {did_you_mean(precision, PRECISIONS)}")
        found = device_of(str(device or DEFAULT_DEVICE))
        return cls(found, precision, torch.cuda.get_device_name(found) if found != "cpu" else "")

    @property
    def dtype(self) -> torch.dtype:
        """Return the type of torch for the precision."""
        return PRECISIONS[self.precision]

    def __str__(self) -> str:
        where = f"{self.gpu} ({self.device})" if self.gpu else "CPU" if self.device == "cpu" else self.device
        return f"{where}, {self.precision}"


def kind_of(wish: str) -> str:
    """Return cpu, cuda or auto for the name of a device, whether or not there is such a device here.

    >>> kind_of("cuda:1")
    'cuda'

    Raises:
        DeviceError: It is no name of a device.
    """
    if not _NAME.fullmatch(wish):
        raise DeviceError(f"There is no device {wish!r}. {did_you_mean(wish, (*DEVICES, 'cuda:1'))}")
    return wish.partition(":")[0]


def device_of(wish: str) -> str:
    """Return torch's name of the device that ``wish`` stands for here.

    >>> device_of("cpu")
    'cpu'

    Raises:
        DeviceError: There is no such device.
    """
    kind = kind_of(wish)
    if kind == "cpu" or (kind == "auto" and not torch.cuda.is_available()):
        return "cpu"
    if not torch.cuda.is_available():
        raise DeviceError(
            f"A GPU is asked for (device {wish}), but PyTorch finds none here. Take the device cpu or auto, or install "
            "PyTorch's CUDA build and the driver: nvidia-smi shows the GPU."
        )
    count = torch.cuda.device_count()
    index = int(wish.partition(":")[2] or 0)
    if index >= count:
        raise DeviceError(
            f"There is no GPU {index} here: PyTorch finds {count}, counted from 0. Take "
            f"{' or '.join(f'cuda:{one}' for one in range(count))}, or cpu."
        )
    return f"cuda:{index}"
