"""Shapes whose derivatives come from autograd, for many sets of parameters at once; compiled where it pays."""

from __future__ import annotations

import functools
import os
import shutil
import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engine.profiles.base import Shapes, ShapeSlopes
from engine.render.arrays import Array, Arrays

# From squares of radii, (..., sample), and parameters, (parameter, ..., 1): the shapes. With scores of them as well:
# the scores of squares and parameters, and the sum of scores times shapes.
_Pair = tuple[Callable[[Tensor, Tensor], Tensor], Callable[[Tensor, Tensor, Tensor], tuple[Tensor, ...]]]


class ByAutograd:
    """A profile's shapes at squares of radii, with their pullback.

    Autograd writes down every operation and passes over the samples again for each. Compiled, values and slopes are
    one pass each, but only for arrays of the size that was compiled.

    Args:
        shape: ``(radius, *parameters) -> shape``, differentiable.
    """

    def __init__(self, shape: Callable[..., Tensor]) -> None:
        self._shape = shape
        self._compiled: dict[tuple[int, ...], _Pair] = {}

    def __call__(self, squares: Array, parameters: np.ndarray, arrays: Arrays) -> Shapes:
        """Return the shapes at squares of radii, (..., sample), for parameters (..., parameter).

        They, and their pullback, are valid until the next call with the same work arrays.
        """
        at = arrays.tensor(squares)
        columns = arrays.tensor(arrays.put(np.moveaxis(parameters, -1, 0).copy()))[..., None]
        pair = self._compiled.get(tuple(at.shape))
        # What multiplies scores of squares: nothing.
        ones = np.ones(parameters.shape[:-1])

        def given(by_squares: Tensor, by_parameters: Tensor, total: Tensor) -> ShapeSlopes:
            slopes = np.moveaxis(by_parameters[..., 0].cpu().numpy(), 0, -1)
            return ShapeSlopes(arrays.of_tensor(by_squares), ones, slopes, total.cpu().numpy())

        if pair is not None:
            values, slopes = pair
            with torch.no_grad():
                shape = values(at, columns)

            def pull_compiled(scores: Array) -> ShapeSlopes:
                with torch.no_grad():
                    return given(*slopes(at, columns, arrays.tensor(scores)))

            return Shapes(arrays.of_tensor(shape), ones, pull_compiled)
        with torch.enable_grad():
            inputs = at.detach().requires_grad_(), columns.detach().requires_grad_()
            shape = self._shape(inputs[0].sqrt(), *inputs[1])

        def pull(scores: Array) -> ShapeSlopes:
            score = arrays.tensor(scores)
            by_squares, by_parameters = torch.autograd.grad(shape, inputs, score)
            return given(by_squares, by_parameters, (score * shape.detach()).sum(-1))

        return Shapes(arrays.of_tensor(shape.detach()), ones, pull)

    def compile(self, size: tuple[int, ...], parameters: int, device: torch.device) -> None:
        """Compile for squares of that size, with so many parameters each.

        Raises whatever torch raises where it cannot.
        """
        self._compiled[size] = _compiled(self._shape, size, parameters, device)


def missing_compiler() -> str:
    """Return what is missing to compile for this machine's processor, in words; nothing where nothing is."""
    # As torch chooses it.
    wanted = os.environ.get("CXX") or ("clang++" if sys.platform == "darwin" else "g++")
    return (
        ""
        if shutil.which(wanted)
        else f"there is no C++ compiler {wanted}; install it, or let CXX name another"
    )


@functools.lru_cache(maxsize=32)
def _compiled(
    shape: Callable[..., Tensor], size: tuple[int, ...], parameters: int, device: torch.device
) -> _Pair:
    """Values and slopes compiled; kept, because the next run on the same samples needs them again."""
    from torch.fx.experimental.proxy_tensor import make_fx

    def values(squares: Tensor, columns: Tensor) -> Tensor:
        return shape(squares.sqrt(), *columns)

    def slopes(squares: Tensor, columns: Tensor, scores: Tensor) -> tuple[Tensor, ...]:
        inputs = squares.detach().requires_grad_(), columns.detach().requires_grad_()
        found = values(*inputs)
        return (*torch.autograd.grad(found, inputs, scores), (scores * found).sum(-1))

    def ones(*shape_of_it: int) -> Tensor:
        return torch.ones(shape_of_it, dtype=torch.float64, device=device)

    example = ones(*size), ones(parameters, *size[:-1], 1), ones(*size)
    made: list[Any] = []
    # What torch warns of while it compiles is about itself.
    with warnings.catch_warnings(), torch.enable_grad():
        warnings.simplefilter("ignore")
        for function, given in ((values, example[:2]), (slopes, example)):
            # Traced first: what is left to compile is a list of operations, without our Python.
            graph = make_fx(function)(*given)
            # In this process: its own helper processes would outlive the fit.
            one = torch.compile(graph, fullgraph=True, dynamic=False, options={"compile_threads": 1})
            with torch.no_grad():
                one(*given)
            made.append(one)
    return made[0], made[1]
