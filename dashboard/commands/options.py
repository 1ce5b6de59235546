"""Reading `-o name=value` and choosing which fitter runs with which options."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

import engine

# What is compared where nobody says what: seconds together, not the minutes of searches and samplers.
QUICK = ("lm", "iterative", "iterative-parameters", "gradient")


def parsed(words: Sequence[str]) -> dict[str, Any]:
    """Options from `name=value` words; OptionError for a word without an equals sign.

    `gradient.max_steps=50` is an option of the member gradient of a chain such as gradient+lm.
    """
    options: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or not name.strip():
            raise engine.OptionError(f"-o {word} is not name=value; write for example -o max_steps=50.")
        member, dot, own = name.strip().rpartition(".")
        target = options.setdefault(member, {}) if dot else options
        if not isinstance(target, dict):
            raise engine.OptionError(f"-o {word} and -o {member}={target} contradict each other; keep one.")
        target[own.replace("-", "_")] = _value(text.strip())
    return options


def chosen(
    problem: engine.Problem, fitter: str | None, options: dict[str, Any]
) -> tuple[str, dict[str, Any]]:
    """The fitter to run: the one asked for, else the file's first, else lm; its options from file and person."""
    name = fitter or (problem.fitters[0][0] if problem.fitters else "lm")
    known(name)
    of_file: dict[str, Any] = next((dict(own) for key, own in problem.fitters if key == name), {})
    return name, {**of_file, **options}


def all_chosen(problem: engine.Problem, fitters: str | None) -> list[tuple[str, dict[str, Any]]]:
    """The fitters to compare: those named (separated by commas), else the file's, else the quick ones."""
    if fitters is not None:
        names = [name.strip() for name in fitters.split(",") if name.strip()]
        if not names:
            raise engine.FitterError("--fitters names none; write for example --fitters lm,nuts.")
        return [chosen(problem, name, {}) for name in names]
    if problem.fitters:
        for name, _ in problem.fitters:
            known(name)
        return [(name, dict(own)) for name, own in problem.fitters]
    return [(name, {}) for name in QUICK]


def known(name: str) -> None:
    """Refuse a fitter, or a chain with a member, that does not exist before anything is computed."""
    engine.fitters.configured(name, {})


def _value(text: str) -> Any:
    """A number, true/false/none, a list or mapping as in a fit description, or the text itself."""
    words = {"true": True, "yes": True, "false": False, "no": False, "none": None, "null": None}
    if text.lower() in words:
        return words[text.lower()]
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    if text.startswith(("[", "{")):
        try:
            return yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise engine.OptionError(
                f"{text[:60]} is neither a list [a, b] nor a mapping {{name: value}}."
            ) from error
    return text
