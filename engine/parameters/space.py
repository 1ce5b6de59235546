"""The vector of free parameters and its map to all parameters of a scene."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from engine.errors import ParameterError, did_you_mean
from engine.parameters.parameter import Parameter


def whole_turns(apart: np.ndarray, period: np.ndarray) -> np.ndarray:
    """Return the multiple of the period that is nearest to ``apart``; 0 where the period is not finite."""
    known = np.isfinite(period)
    turn = np.where(known, period, 1.0)
    with np.errstate(invalid="ignore"):
        return np.where(known, turn * np.round(apart / turn), 0.0)


class ParameterSpace:
    """Free parameters x, all parameters theta, and the links between them.

    Raises :class:`ParameterError` for links that refer to themselves.
    """

    def __init__(self, parameters: Sequence[Parameter]) -> None:
        self.parameters = tuple(parameters)
        self.index = {p.key: i for i, p in enumerate(self.parameters)}
        self.free = [i for i, p in enumerate(self.parameters) if p.free]
        self.names = [self.parameters[i].key for i in self.free]
        chosen = [self.parameters[i] for i in self.free]
        self.start = np.array([p.value for p in chosen], dtype=np.float64)
        self.lower = np.array([p.lower for p in chosen], dtype=np.float64)
        self.upper = np.array([p.upper for p in chosen], dtype=np.float64)
        # An angle that someone has bounded stays between its bounds: a turn would take it out of them.
        self.period = np.array(
            [p.period if p.period and not p.bounded else np.nan for p in chosen], dtype=np.float64
        )
        self._base = np.array([p.value for p in self.parameters], dtype=np.float64)
        self._linked = self._link_order()
        self._selection = np.zeros((len(self.parameters), len(self.free)))
        self._selection[self.free, np.arange(len(self.free))] = 1.0
        self._folds = self._find_folds()
        self.open_upper = self.upper.copy()
        self.open_upper[[ratio for ratio, _, _ in self._folds]] = np.inf

    def _find_folds(self) -> list[tuple[int, int, list[int]]]:
        """Ellipses that may turn over: numbers in x of the axis ratio, the angle and the lengths along the major axis.

        All of them must be free to follow: neither fixed, linked, bounded below 1, tied by a prior, nor what
        another parameter follows.
        """
        followed = {
            key
            for p in self.parameters
            if p.link is not None
            for key in p.link.references
            if key.partition(".")[0] != p.component
        }
        position = {self.parameters[i].key: at for at, i in enumerate(self.free)}
        folds = []
        for at, i in enumerate(self.free):
            ratio = self.parameters[i]
            if ratio.name != "axis_ratio" or ratio.upper != 1.0:
                continue
            own = [p for p in self.parameters if p.component == ratio.component]
            angle = [p for p in own if p.name == "position_angle"]
            lengths = [p for p in own if p.unit == "pixel" and not p.name.startswith("center.")]
            turning = [ratio, *angle, *lengths]
            if angle and all(p.free and p.prior is None and p.key not in followed for p in turning):
                folds.append((at, position[angle[0].key], [position[p.key] for p in lengths]))
        return folds

    def fold(self, x: np.ndarray) -> np.ndarray:
        """Return x with axis ratios above 1 turned over: the same ellipse, its axes named the other way round.

        A fit that started a quarter turn off would otherwise end on axis_ratio = 1, where the angle has no slope.
        """
        folded = x
        for ratio, angle, lengths in self._folds:
            q = x[ratio]
            if q > 1:
                folded = folded.copy() if folded is x else folded
                folded[ratio] = 1 / q
                folded[angle] = x[angle] + 90.0
                folded[lengths] = x[lengths] * q
        return folded

    def _link_order(self) -> list[int]:
        """Linked parameters, each after those that it refers to."""
        order: list[int] = []
        state: dict[int, str] = {}

        def visit(i: int) -> None:
            link = self.parameters[i].link
            if link is None or state.get(i) == "done":
                return
            if state.get(i) == "open":
                raise ParameterError(
                    f"The link of {self.parameters[i].key} leads back to itself. Break the circle by giving one "
                    "of its parameters a value."
                )
            state[i] = "open"
            for reference in link.references:
                visit(self.index[reference])
            state[i] = "done"
            order.append(i)

        for i in range(len(self.parameters)):
            visit(i)
        return order

    def expand(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return all values theta (parameter,) and d theta / d x (parameter, free).

        Raises :class:`ParameterError` where a link has no value.
        """
        theta = self._base.copy()
        theta[self.free] = x
        if not self._linked:
            return theta, self._selection
        slope = self._selection.copy()
        for i in self._linked:
            link = self.parameters[i].link
            assert link is not None
            values = {key: float(theta[self.index[key]]) for key in link.references}
            theta[i], gradient = link.evaluate(values)
            slope[i] = sum(
                (g * slope[self.index[key]] for key, g in gradient.items()), np.zeros(len(self.free))
            )
        return theta, slope

    def allowed(self, theta: np.ndarray) -> bool:
        """True where every linked parameter lies within its bounds (free ones are kept there by the fitters)."""
        return all(self.parameters[i].lower <= theta[i] <= self.parameters[i].upper for i in self._linked)

    def vector(self, values: Mapping[str, float] | Sequence[float] | np.ndarray | None) -> np.ndarray:
        """Return x from a mapping of some keys, a full vector, or None for the start.

        Raises :class:`ParameterError` for unknown names, linked ones, and a wrong length.
        """
        if values is None:
            return self.start.copy()
        if not isinstance(values, Mapping):
            x = np.asarray(values, dtype=np.float64)
            if x.shape != self.start.shape:
                raise ParameterError(
                    f"{x.size} values were given, but there are {self.start.size} free parameters: "
                    f"{', '.join(self.names)}."
                )
            return x
        x = self.start.copy()
        for key, value in values.items():
            if key in self.names:
                x[self.names.index(key)] = value
            elif key in self.index:
                raise ParameterError(f"{key} is fixed or linked; it cannot be given as a free value.")
            else:
                raise ParameterError(f"There is no parameter '{key}'. {did_you_mean(key, self.index)}")
        return x

    def wrap(self, x: np.ndarray) -> np.ndarray:
        """Return x with angles brought into [0, period); those with bounds stay as they are."""
        return np.where(np.isfinite(self.period), np.mod(x, np.nan_to_num(self.period, nan=1.0)), x)

    def with_values(self, values: Mapping[str, float]) -> ParameterSpace:
        """Return a space in which some parameters, free or fixed, have other values.

        Raises :class:`ParameterError` for an unknown or linked key, or a value outside its bounds.
        """
        changed = list(self.parameters)
        for key, value in values.items():
            if key not in self.index:
                raise ParameterError(f"There is no parameter '{key}'. {did_you_mean(key, self.index)}")
            i = self.index[key]
            link = changed[i].link
            if link is not None:
                raise ParameterError(f"{key} follows '{link.text}'. Change that, or remove the link.")
            changed[i] = replace(changed[i], value=float(value))
        return ParameterSpace(changed)

    def restricted(self, keep: Sequence[int], x: np.ndarray) -> ParameterSpace:
        """Return a space in which only the free parameters numbered ``keep`` stay free; the others stay at ``x``."""
        kept = {self.free[i] for i in keep}
        changed = [
            replace(p, value=float(x[self.free.index(i)]), fixed=i not in kept) if i in self.free else p
            for i, p in enumerate(self.parameters)
        ]
        return ParameterSpace(changed)

    def moving(self) -> np.ndarray:
        """Return True for each parameter that depends on a free one, (parameter,)."""
        moves = np.zeros(len(self.parameters), dtype=bool)
        moves[self.free] = True
        for i in self._linked:
            link = self.parameters[i].link
            assert link is not None
            moves[i] = any(moves[self.index[key]] for key in link.references)
        return moves
