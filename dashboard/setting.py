"""How one setting is declared: default, limits, environment variables, help."""

from __future__ import annotations

from dataclasses import field
from typing import Any


class SettingError(ValueError):
    """A setting that cannot be used; its text names the setting, the value and the way out."""


def setting(
    default: Any,
    help: str,
    *,
    environment: tuple[str, ...] = (),
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    secret: bool = False,
) -> Any:
    """Declare one setting; of several environment variables the first that is set counts.

    A secret has no option: other people's processes can read those of a command.
    """
    return field(
        default=default,
        repr=not secret,
        metadata={
            "help": help,
            "environment": environment,
            "low": low,
            "high": high,
            "choices": choices,
            "secret": secret,
        },
    )
