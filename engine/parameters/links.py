"""Links: a parameter that follows others through a small arithmetic expression.

``disk.radius_e``, ``0.5 * disk.radius_e`` and ``sqrt(a.flux * b.flux)`` are links. The text is parsed into
a tree of the operations listed here and nothing else; it is never evaluated by Python.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from engine.errors import ParameterError, did_you_mean

Number = float
Gradient = dict[str, float]
Dual = tuple[Number, Gradient]

_BINARY: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.Pow: "**",
}
# Each function with its derivative.
_FUNCTIONS: dict[str, tuple[Callable[[float], float], Callable[[float], float]]] = {
    "sqrt": (math.sqrt, lambda v: 0.5 / math.sqrt(v)),
    "exp": (math.exp, math.exp),
    "log": (math.log, lambda v: 1 / v),
    "log10": (math.log10, lambda v: 1 / (v * math.log(10))),
    "sin": (math.sin, math.cos),
    "cos": (math.cos, lambda v: -math.sin(v)),
    "abs": (abs, lambda v: math.copysign(1.0, v)),
}
_MAX_LENGTH = 200


class Follows(Protocol):
    """What makes a parameter follow others."""

    @property
    def text(self) -> str:
        """What it says in a file or on a screen."""

    @property
    def references(self) -> tuple[str, ...]:
        """Keys of the parameters that it follows."""

    def evaluate(self, values: Mapping[str, float]) -> tuple[float, Gradient]:
        """Return the value and its derivative with respect to each reference."""


@dataclass(frozen=True)
class Link:
    """A parsed link: its text and the keys of the parameters that it refers to."""

    text: str
    references: tuple[str, ...]
    _tree: ast.expr

    def evaluate(self, values: Mapping[str, float]) -> tuple[float, Gradient]:
        """Return the value and its derivative with respect to each reference.

        Raises :class:`ParameterError` where the expression has no finite value.
        """
        try:
            value, gradient = _evaluate(self._tree, self.references, values)
            if not math.isfinite(value):
                raise OverflowError("it is too large")
        except (ValueError, ZeroDivisionError, OverflowError) as error:
            raise ParameterError(
                f"The link '{self.text}' has no value here ({error}). Change it or the parameters it uses."
            ) from error
        return value, gradient


def parse_link(text: str, keys: Iterable[str]) -> Link:
    """Parse ``text`` as an expression over the parameters named in ``keys``.

    Raises :class:`ParameterError` for an unknown name or anything other than numbers, parameters,
    ``+ - * / **``, parentheses and the functions sqrt, exp, log, log10, sin, cos, abs.
    """
    known = sorted(keys, key=len, reverse=True)
    if len(text) > _MAX_LENGTH:
        raise ParameterError(f"A link may have {_MAX_LENGTH} characters at most; this one has {len(text)}.")
    own = re.search(r"(?<![\w.])_p\d+_(?![\w.])", text)
    if own:
        raise ParameterError(
            f"The link '{text}' names the unknown parameter '{own.group(0)}'. Write it as component.parameter."
        )
    references: list[str] = []

    def substitute(match: re.Match[str]) -> str:
        key = match.group(0)
        if key not in references:
            references.append(key)
        return f"_p{references.index(key)}_"

    pattern = "|".join(re.escape(key) for key in known)
    replaced = re.sub(rf"(?<![\w.])(?:{pattern})(?![\w.])", substitute, text) if known else text
    unknown = re.search(r"[A-Za-z_][\w ]*\.[\w.]+", replaced)
    if unknown:
        name = unknown.group(0).strip()
        raise ParameterError(
            f"The link '{text}' names the unknown parameter '{name}'. {did_you_mean(name, known)}"
        )
    try:
        tree = ast.parse(replaced.strip(), mode="eval").body
    except (SyntaxError, RecursionError, MemoryError) as error:
        raise ParameterError(
            f"The link '{text}' is not an expression. Write a parameter (disk.center.x) or arithmetic over "
            "parameters (0.5 * disk.radius_e)."
        ) from error
    _check(tree, text)
    return Link(text=text, references=tuple(references), _tree=tree)


def _check(node: ast.expr, text: str) -> None:
    match node:
        case ast.Constant(value=int() | float()) if not isinstance(node.value, bool):
            return
        case ast.Name(id=name) if re.fullmatch(r"_p\d+_", name):
            return
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
            _check(operand, text)
        case ast.BinOp(op=op, left=left, right=right) if type(op) in _BINARY:
            _check(left, text)
            _check(right, text)
        case ast.Call(func=ast.Name(id=name), args=[argument], keywords=[]) if name in _FUNCTIONS:
            _check(argument, text)
        case _:
            raise ParameterError(
                f"The link '{text}' may hold numbers, parameters, + - * / **, parentheses and the functions "
                f"{', '.join(_FUNCTIONS)} only."
            )


def _evaluate(node: ast.expr, references: tuple[str, ...], values: Mapping[str, float]) -> Dual:
    """Forward-mode differentiation over the tree: (value, d value / d reference)."""
    match node:
        case ast.Constant(value=value):
            return float(value), {}  # type: ignore[arg-type]  # _check lets only numbers through
        case ast.Name(id=name):
            key = references[int(name[2:-1])]
            return values[key], {key: 1.0}
        case ast.UnaryOp(op=op, operand=operand):
            value, gradient = _evaluate(operand, references, values)
            sign = -1.0 if isinstance(op, ast.USub) else 1.0
            return sign * value, _scale(gradient, sign)
        case ast.Call(func=ast.Name(id=name), args=[argument]):
            value, gradient = _evaluate(argument, references, values)
            function, derivative = _FUNCTIONS[name]
            return function(value), _scale(gradient, derivative(value))
        case ast.BinOp(op=op, left=left, right=right):
            return _binary(
                _BINARY[type(op)], _evaluate(left, references, values), _evaluate(right, references, values)
            )
    raise AssertionError(f"unchecked node {node!r}")


def _binary(symbol: str, left: Dual, right: Dual) -> Dual:
    (a, da), (b, db) = left, right
    match symbol:
        case "+":
            return a + b, _add(da, db)
        case "-":
            return a - b, _add(da, _scale(db, -1.0))
        case "*":
            return a * b, _add(_scale(da, b), _scale(db, a))
        case "/":
            return a / b, _add(_scale(da, 1 / b), _scale(db, -a / b**2))
    value = operator.pow(a, b)
    if isinstance(value, complex):
        raise ValueError("a negative number to a fractional power")
    gradient = _scale(da, b * operator.pow(a, b - 1)) if da else {}
    if db:
        gradient = _add(gradient, _scale(db, value * math.log(a)))
    return float(value), gradient


def _scale(gradient: Gradient, factor: float) -> Gradient:
    return {key: factor * value for key, value in gradient.items()}


def _add(first: Gradient, second: Gradient) -> Gradient:
    total = dict(first)
    for key, value in second.items():
        total[key] = total.get(key, 0.0) + value
    return total
