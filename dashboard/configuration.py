"""Where settings come from: options go before environment variables, those before a TOML file, that before defaults."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import Field
from pathlib import Path
from typing import Any

from dashboard.settings import SettingError, Settings, declared

_WORDS = {
    "1": True,
    "true": True,
    "yes": True,
    "on": True,
    "0": False,
    "false": False,
    "no": False,
    "off": False,
}
_KINDS = {str: "a text in quotes", int: "a whole number", float: "a number", bool: "true or false"}


def gathered(given: Mapping[str, Any], environment: Mapping[str, str] | None = None) -> Settings:
    """The settings after all sources: options as given (None where they were not), environment, file, defaults.

    SettingError, with a sentence for a person, for what cannot be used.
    """
    chosen = {name: value for name, value in given.items() if value is not None}
    chosen = {**from_environment(environment), **chosen}
    file = chosen.get("config", "")
    return Settings(**{**(from_file(Path(file).expanduser()) if file else {}), **chosen})


def from_environment(environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Settings given by environment variables, by name; SettingError for one that cannot be read."""
    environment = os.environ if environment is None else environment
    found: dict[str, Any] = {}
    for one in declared():
        for variable in one.metadata["environment"]:
            if environment.get(variable, "") != "":
                found[one.name] = _read_text(one, environment[variable], variable)
                break
    return found


def from_file(path: Path) -> dict[str, Any]:
    """Settings given by a TOML file, by name; SettingError for a file or a line that cannot be read."""
    try:
        with path.open("rb") as stream:
            content = tomllib.load(stream)
    except OSError as error:
        raise SettingError(
            f"The settings file {path} cannot be read ({error.strerror}). Name another with --config."
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingError(f"The settings file {path} is not TOML: {error}.") from None
    known = {one.name: one for one in declared() if one.name != "config"}
    found: dict[str, Any] = {}
    for name, value in content.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            way_out = f"Did you mean {near[0]}?" if near else f"Known are: {', '.join(known)}."
            raise SettingError(f"{name} in {path} is no setting. {way_out}")
        kind: type[Any] = type(known[name].default)
        # A whole number will do as a number; true and false are numbers to Python, but not here.
        fits = type(value) is kind or (kind is float and type(value) is int)
        if not fits:
            raise SettingError(f"{name} in {path} is {value!r}, but must be {_KINDS[kind]}.")
        found[name] = kind(value)
    return found


def _read_text(one: Field[Any], text: str, variable: str) -> Any:
    kind: type[Any] = type(one.default)
    if kind is bool:
        if text.strip().lower() not in _WORDS:
            raise SettingError(f"{variable} is {text!r}, but must be yes or no.")
        return _WORDS[text.strip().lower()]
    try:
        return kind(text)
    except ValueError:
        raise SettingError(f"{variable} is {text!r}, but must be {_KINDS[kind]}.") from None
