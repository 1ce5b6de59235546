"""Small dense linear algebra on normal equations, scaled so that units do not matter."""

from __future__ import annotations

import numpy as np
import torch
from scipy.linalg import cho_factor, cho_solve
from torch import Tensor


def gram(rows: Tensor) -> np.ndarray:
    """Return rows @ rows.T, (row, row).

    On the CPU by numpy, which sees that the product is symmetric and halves the work; torch does not.
    """
    if rows.device.type == "cpu":
        array = rows.numpy()
        return np.asarray(array @ array.T)
    return np.asarray((rows @ rows.T).cpu().numpy())


def dot(rows: Tensor, vector: Tensor) -> Tensor:
    """Return rows @ vector, (...), of rows (..., number) and vector (number,), added up in float64."""
    if rows.dtype == torch.float64:
        return rows @ vector
    return (rows * vector).sum(-1, dtype=torch.float64)


def _scaled(hessian: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit-diagonal form of the Hessian, and the scale of each parameter."""
    diagonal = np.diag(hessian)
    # So little curvature is none: its inverse would overflow.
    scale = 1 / np.sqrt(np.where(diagonal > 1e-200, diagonal, 1.0))
    return hessian * np.outer(scale, scale), scale


def damped_solve(hessian: np.ndarray, gradient: np.ndarray, damping: float) -> np.ndarray:
    """Return the step of (H + damping diag(H)) step = gradient; Marquardt (1963), eq. 13.

    Falls back to least squares where the matrix is singular.
    """
    unit, scale = _scaled(hessian)
    unit[np.diag_indices_from(unit)] += damping
    try:
        step = cho_solve(cho_factor(unit), scale * gradient)
    except np.linalg.LinAlgError:
        step = np.linalg.lstsq(unit, scale * gradient, rcond=1e-12)[0]
    return np.asarray(scale * step)


def invert(hessian: np.ndarray) -> tuple[np.ndarray | None, float]:
    """Return the inverse (None where there is none) and the smallest eigenvalue of the unit-diagonal form."""
    unit, scale = _scaled(hessian)
    values, vectors = np.linalg.eigh(unit)
    smallest = float(values[0])
    if smallest <= 1e-14:
        return None, smallest
    inverse = (vectors / values) @ vectors.T
    return inverse * np.outer(scale, scale), smallest


def flattest_direction(hessian: np.ndarray, names: list[str]) -> str:
    """Return, in words, the parameters of the combination that changes the cost least.

    >>> flattest_direction(np.array([[1.0, -1.0], [-1.0, 1.0]]), ["a.n", "a.radius_e"])
    'a: n and radius_e, which trade off'
    """
    unit, _ = _scaled(hessian)
    empty = np.flatnonzero(np.diag(hessian) <= 0)
    if empty.size:
        chosen = [names[i] for i in empty]
    else:
        _, vectors = np.linalg.eigh(unit)
        share = np.abs(vectors[:, 0])
        chosen = [names[i] for i in np.flatnonzero(share > 0.3 * share.max())]
    groups: dict[str, list[str]] = {}
    for name in chosen:
        component, _, parameter = name.partition(".")
        groups.setdefault(component, []).append(parameter)
    words = "; ".join(f"{component}: {_and(parameters)}" for component, parameters in groups.items())
    return words + (", which trade off" if len(chosen) > 1 and not empty.size else "")


def _and(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
