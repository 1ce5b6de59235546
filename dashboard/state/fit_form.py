"""Which fitter, with which options. The fields come from the fitter's own declaration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import param
import yaml

import engine
from engine import fitters


class FitForm(param.Parameterized):
    """A choice among the engine's fitters. Each keeps its options while another is looked at."""

    fitter: param.Selector[Any] = param.Selector(default="lm", objects=["lm"], doc="Key of the fitter.")
    changed = param.Dict({}, doc="Fitter to the options that differ from their defaults.")
    error = param.String("", doc="Why the last option was refused.")

    def __init__(self, **params: Any) -> None:
        self._kinds = fitters.registry()
        self.param.fitter.objects = list(self._kinds)
        super().__init__(**params)

    @property
    def chosen(self) -> type[fitters.Fitter]:
        """The chosen fitter's class."""
        return self._kinds[self.fitter]

    def titles(self) -> dict[str, str]:
        """Screen title to key, in the order of the registry."""
        return {kind.title: key for key, kind in self._kinds.items()}

    def options(self) -> dict[str, Any]:
        """The options that differ from their defaults: what a run is asked for."""
        return dict(self.changed.get(self.fitter, {}))

    def set(self, name: str, typed: Any) -> bool:
        """Take over what was typed for an option; empty text brings the default back.

        False where the engine refuses it; ``error`` has the engine's sentence then.
        """
        options = self.options()
        options.pop(name, None)
        try:
            if str(typed).strip() != "":
                value = _read(self.chosen.param[name], typed)
                self.chosen.configured({**options, name: value})
                if value != self.chosen.param[name].default:
                    options[name] = value
        except engine.OptionError as error:
            self.error = str(error)
            return False
        self.param.update(error="", changed={**self.changed, self.fitter: options})
        return True

    def use(self, fitter: str, options: Mapping[str, Any]) -> None:
        """Show a fitter with these options, such as those of an earlier run."""
        if fitter in self._kinds:
            self.param.update(error="", fitter=fitter, changed={**self.changed, fitter: dict(options)})

    def rows(self) -> list[dict[str, Any]]:
        """One dict an option for the form: name, label, kind, value, choices, help, default."""
        options = self.options()
        rows = []
        for name in self.chosen.option_names():
            declared = self.chosen.param[name]
            rows.append(
                {
                    "name": name,
                    "label": name.replace("_", " "),
                    "kind": _kind(declared),
                    "value": _written(options.get(name, declared.default)),
                    "choices": [str(one) for one in getattr(declared, "objects", None) or []],
                    "help": " ".join((declared.doc or "").split()),
                    "default": _written(declared.default),
                }
            )
        return rows


def _kind(declared: param.Parameter[Any]) -> str:
    if isinstance(declared, param.Boolean):
        return "switch"
    if isinstance(declared, param.Selector):
        return "choice"
    return "number" if isinstance(declared, param.Number) else "text"


def _read(declared: param.Parameter[Any], typed: Any) -> Any:
    """What was typed, as the kind of value that is declared."""
    if isinstance(declared, param.Boolean):
        return bool(typed)
    text = str(typed).strip()
    if isinstance(declared, param.Selector):
        return next((one for one in declared.objects if str(one) == text), text)
    if isinstance(declared, param.String):
        return text
    try:
        if isinstance(declared, param.Number):  # an Integer is a Number too
            value = float(text)
            return int(value) if isinstance(declared, param.Integer) and value.is_integer() else value
        return yaml.safe_load(text)  # lists and mappings, as in a fit description
    except (ValueError, OverflowError, yaml.YAMLError):
        wanted = (
            "a number" if isinstance(declared, param.Number) else "a list [a, b] or a mapping {name: value}"
        )
        raise engine.OptionError(f"{declared.name} is {text[:40]!r}, but must be {wanted}.") from None


def _written(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, dict | list | tuple):
        return yaml.safe_dump(value, default_flow_style=True).strip() if value else ""
    return "" if value is None else str(value)
