"""Reads compose.yaml: variables filled in, services in the order of what they depend on."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

_VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")


def services(
    path: Path, variables: dict[str, str], profiles: tuple[str, ...] = ()
) -> dict[str, dict[str, Any]]:
    """The services without a profile, or with one of these, each after those that it depends on."""
    described = _filled(yaml.safe_load(path.read_text(encoding="utf-8")), variables)["services"]
    wanted = {
        name: one
        for name, one in described.items()
        if not one.get("profiles") or set(one["profiles"]) & set(profiles)
    }
    found: dict[str, dict[str, Any]] = {}

    def take(name: str) -> None:
        # A service that is not required may be one of another profile.
        for before in wanted[name].get("depends_on") or {}:
            if before in wanted:
                take(before)
        found.setdefault(name, wanted[name])

    for name in wanted:
        take(name)
    return found


def variables_of(path: Path) -> dict[str, str]:
    """What a file for .env says."""
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def _filled(value: Any, variables: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(one, variables) for key, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, variables) for one in value]
    if isinstance(value, str):
        return _VARIABLE.sub(lambda match: _value(match, variables), value)
    return value


def _value(match: re.Match[str], variables: dict[str, str]) -> str:
    name, kind, rest = match.groups()
    found = variables.get(name, "")
    if not found and kind == "?":
        raise SystemExit(f"{name} is not set: {rest}.")
    return found or (rest if kind == "-" else "")
