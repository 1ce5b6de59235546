"""Reads a Dockerfile: its stages with their instructions, and what the image of the last one is started with."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

KNOWN = {
    "ARG", "CMD", "COPY", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "RUN", "USER", "VOLUME", "WORKDIR",
}  # fmt: skip
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


@dataclass
class Instruction:
    """One line, with its continuations joined."""

    word: str
    text: str


@dataclass
class Stage:
    """What one FROM begins. `base` is an image, or the name of an earlier stage."""

    base: str
    name: str
    instructions: list[Instruction] = field(default_factory=list)


def stages(path: Path, arguments: dict[str, str]) -> list[Stage]:
    """The stages of a Dockerfile, with the given values in place of the ARGs before the first FROM."""
    found: list[Stage] = []
    before: dict[str, str] = {}
    for one in _instructions(path.read_text(encoding="utf-8")):
        if one.word == "FROM":
            base, _, name = substituted(one.text, before).partition(" AS ")
            found.append(Stage(base.strip(), name.strip()))
        elif found:
            found[-1].instructions.append(one)
        else:
            name, _, value = one.text.partition("=")
            before[name] = arguments.get(name, value.strip('"'))
    return found


def _instructions(text: str) -> list[Instruction]:
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    found = []
    for line in joined.splitlines():
        word, _, rest = line.strip().partition(" ")
        if word not in KNOWN:
            raise SystemExit(
                f"{word} is an instruction that this trial does not know. Teach it, or it tries nothing."
            )
        found.append(Instruction(word, rest.strip()))
    return found


def substituted(text: str, variables: dict[str, str]) -> str:
    """The text with the values of $NAME and ${NAME}, nothing where there is none."""
    return _VARIABLE.sub(lambda match: variables.get(match[1] or match[2], ""), text)


def pairs(text: str) -> dict[str, str]:
    """NAME=VALUE NAME="VALUE" ..., as ENV and ARG have them."""
    return {name: value.strip('"') for name, value in re.findall(r'(\w+)=("[^"]*"|\S*)', text)}


def command(text: str) -> list[str]:
    """What CMD or the CMD of a HEALTHCHECK runs: a list in JSON, otherwise a line for a shell."""
    return list(json.loads(text)) if text.startswith("[") else ["/bin/sh", "-c", text]
