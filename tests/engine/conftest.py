"""The device that the engine's tests compute on: the CPU, and a GPU where there is one."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import torch

from tests.engine.pretend_gpu import pretend_gpu

# Without a GPU, RESIDUA_PRETEND_GPU=1 runs what is marked gpu on one that checks how devices are handled.
_PRETEND = os.environ.get("RESIDUA_PRETEND_GPU", "") not in ("", "0")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give each test of the engine twice where there is a GPU: on the CPU, and marked gpu."""
    if _PRETEND or torch.cuda.is_available():
        devices = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]
        metafunc.parametrize("device", devices, indirect=True, scope="session")


@pytest.fixture(scope="session", autouse=True)
def device(request: pytest.FixtureRequest) -> Iterator[str]:
    """What every problem is computed on that does not say otherwise."""
    wish = getattr(request, "param", "cpu")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("engine.device.DEFAULT_DEVICE", wish)
        if wish == "cuda" and not torch.cuda.is_available():
            with pretend_gpu():
                yield wish
        else:
            yield wish
