"""Which fitter, with which options. The fields come from the fitter's own declaration."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import param
import yaml

import engine
from engine import fitters

# The methods of the comparison, in its order: what "Run all fitters" runs from one start.
COMPARED = ("lm", "iterative", "iterative-parameters", "gradient", "nuts", "hmc", "metropolis")
CHAIN = "chain"
CHAIN_TITLE = "Chain of two"
CHAIN_SUMMARY = (
    "One fitter, then another from where the first ended; each takes the options it has in this list."
)


class FitForm(param.Parameterized):
    """Which of the engine's fitters are ticked, and the options of each. One of them is open to be looked at."""

    fitter: param.Selector[Any] = param.Selector(
        default="lm",
        objects=["lm"],
        doc="Key of the open fitter, whose options are shown; CHAIN for a chain.",
    )
    ticked = param.List(["lm"], doc="Keys of the fitters that the next fit runs.")
    chain = param.List(["gradient", "lm"], doc="Keys of the members of the chain.")
    changed = param.Dict({}, doc="Fitter to the options that differ from their defaults.")
    device: param.Selector[Any] = param.Selector(
        default="auto", objects=["auto", "cpu", "cuda"], doc="Where the next fits run."
    )
    precision: param.Selector[Any] = param.Selector(
        default="float64", objects=["float64", "float32"], doc="Of their brightnesses."
    )
    has_gpu = param.Boolean(False, doc="Whether there is a worker with a GPU to choose.")
    error = param.String("", doc="Why the last option was refused.")

    def __init__(self, **params: Any) -> None:
        self._kinds = fitters.registry()
        self.param.fitter.objects = [*self._kinds, CHAIN]
        super().__init__(**params)

    @property
    def keys(self) -> list[str]:
        """Keys of everything that can be ticked: the compared fitters first, a chain last."""
        first = [key for key in COMPARED if key in self._kinds]
        return [*first, *(key for key in self._kinds if key not in first), CHAIN]

    @property
    def choice(self) -> tuple[Any, ...]:
        """All that is chosen in the list of fitters."""
        return self.fitter, self.ticked, self.chain, self.changed

    @property
    def computer(self) -> tuple[str, str]:
        """The device and the precision that are chosen."""
        return self.device, self.precision

    @property
    def summary(self) -> str:
        """A sentence on the open fitter."""
        return CHAIN_SUMMARY if self.fitter == CHAIN else self._kinds[self.fitter].summary

    def titles(self) -> dict[str, str]:
        """Key to screen title, in the order of the list."""
        return {key: CHAIN_TITLE if key == CHAIN else self._kinds[key].title for key in self.keys}

    def title_of(self, fitter: str) -> str:
        """Screen title of a fitter or of a chain such as gradient+lm."""
        titles = self.titles()
        return ", then ".join(titles.get(part, part) for part in fitter.split("+"))

    def devices(self) -> list[dict[str, str]]:
        """The devices to choose from: what the workers have."""
        if not self.has_gpu:
            return [{"value": "auto", "label": "CPU"}]
        choices = (("auto", "GPU if one is free"), ("cpu", "CPU"), ("cuda", "GPU"))
        return [{"value": value, "label": label} for value, label in choices]

    def compute_on(self, device: str, precision: str) -> None:
        """Choose device and precision; what there is not to choose leaves the present one."""
        if device in [one["value"] for one in self.devices()]:
            self.device = device
        if precision in self.param.precision.objects:
            self.precision = precision

    def follow(self, description: Mapping[str, Any]) -> None:
        """Choose the device and the precision that a description states, or else the defaults."""
        device = str(description.get("device") or "auto").partition(":")[0]
        self.compute_on(device, str(description.get("precision") or "float64"))

    def on_computer(self, description: Mapping[str, Any]) -> dict[str, Any]:
        """Return a description with the chosen precision; the device goes with the run, not with the description."""
        kept = {key: value for key, value in description.items() if key not in ("device", "precision")}
        return kept if self.precision == "float64" else {**kept, "precision": self.precision}

    def tick(self, key: str, on: bool) -> None:
        """Tick or untick a fitter; a ticked one opens."""
        ticked = [one for one in self.ticked if one != key] + ([key] if on else [])
        in_order = [one for one in self.keys if one in ticked]
        self.param.update(ticked=in_order, fitter=key if on else self.fitter, error="")

    def set_member(self, place: int, key: str) -> None:
        """Choose a member of the chain."""
        if key in self._kinds and 0 <= place < len(self.chain):
            self.chain = [*self.chain[:place], key, *self.chain[place + 1 :]]

    def chosen(self) -> list[tuple[str, dict[str, Any]]]:
        """What is ticked: the engine's name of each fitter and the options that differ from their defaults."""
        return [self.request(key) for key in self.ticked]

    def compared(self) -> list[tuple[str, dict[str, Any]]]:
        """The fitters of the comparison with their options as they stand."""
        return [self.request(key) for key in COMPARED if key in self._kinds]

    def request(self, key: str) -> tuple[str, dict[str, Any]]:
        """The engine's name and the options of one fitter of the list."""
        if key != CHAIN:
            return key, dict(self.changed.get(key, {}))
        options = {part: dict(self.changed[part]) for part in self.chain if self.changed.get(part)}
        return "+".join(self.chain), options

    def set(self, name: str, typed: Any) -> bool:
        """Take over what was typed for an option of the open fitter; empty text brings the default back.

        False where the engine refuses it; ``error`` has the engine's sentence then.
        """
        kind = self._kinds[self.fitter]
        options = dict(self.changed.get(self.fitter, {}))
        options.pop(name, None)
        try:
            if str(typed).strip() != "":
                value = _read(kind.param[name], typed)
                kind.configured({**options, name: value})
                if value != kind.param[name].default:
                    options[name] = value
        except engine.OptionError as error:
            self.error = str(error)
            return False
        self.param.update(error="", changed={**self.changed, self.fitter: options})
        return True

    def use(self, fitter: str, options: Mapping[str, Any]) -> None:
        """Tick one fitter, or a chain of two, with these options, such as those of an earlier run."""
        parts = fitter.split("+")
        if not all(part in self._kinds for part in parts) or len(parts) > len(self.chain):
            return
        if len(parts) == 1:
            changed, key = {fitter: dict(options)}, fitter
        else:
            changed, key = {part: dict(options.get(part, {})) for part in parts}, CHAIN
            self.chain = parts
        self.param.update(error="", fitter=key, ticked=[key], changed={**self.changed, **changed})

    def use_all(self, requests: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
        """Tick these fitters with these options; of one that comes twice the first counts, which stays open."""
        ticked: list[str] = []
        for fitter, options in reversed(list(requests)):
            before = self.changed
            self.use(fitter, options)
            if before is not self.changed:
                ticked.append(self.fitter)
        if ticked:
            self.ticked = [key for key in self.keys if key in ticked]

    def rows(self) -> list[dict[str, Any]]:
        """One dict an option of the open fitter: name, label, kind, value, choices, help, default."""
        if self.fitter == CHAIN:
            return []
        kind = self._kinds[self.fitter]
        options = self.changed.get(self.fitter, {})
        rows = []
        for name in kind.option_names():
            declared = kind.param[name]
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
