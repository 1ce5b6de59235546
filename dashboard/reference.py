"""Pages of docs/ that are made from declarations. `python -m dashboard.reference` writes them; a test compares."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from dashboard.settings import declared

_KINDS = {str: "text", int: "whole number", float: "number", bool: "yes or no"}
_HEAD = "<!-- Made by `make docs` from {source}. -->\n\n"


def flag_of(name: str) -> str:
    """The command line's option for a setting."""
    return f"--{name.replace('_', '-')}"


def settings_page() -> str:
    """docs/settings.md: every setting of `residua serve`."""
    parts = [
        _HEAD.format(source="dashboard/settings.py"),
        "# Settings of `residua serve`\n\n",
        "Every setting has an option, an environment variable and a name in a TOML file. An option goes before an\n"
        "environment variable, that before the file, and that before the default.\n"
        "Without any of them Residua serves one person on this machine.\n\n",
        "```toml\n# lab.toml, used by: residua serve --config lab.toml\n"
        'host = "0.0.0.0"\nallowed_hosts = "residua.example.org"\ndata_dir = "/srv/residua"\nworkers = 8\n```\n\n',
        "| option | environment | in the file | default | what it does |\n|---|---|---|---|---|\n",
    ]
    for one in declared():
        low, high = one.metadata["low"], one.metadata["high"]
        limits = "" if low is None else f" Between {low:g} and {high:.7g}."
        if one.metadata["choices"]:
            limits = f" One of {', '.join(one.metadata['choices'])}."
        option = "none" if one.metadata["secret"] else f"`{flag_of(one.name)}`"
        if type(one.default) is bool:
            option += f", `--no-{flag_of(one.name)[2:]}`"
        variables = ", ".join(f"`{variable}`" for variable in one.metadata["environment"])
        name = "" if one.name == "config" else f"`{one.name}` ({_KINDS[type(one.default)]})"
        default = f"`{json.dumps(one.default)}`" if one.default != "" else "empty"
        parts.append(f"| {option} | {variables} | {name} | {default} | {one.metadata['help']}{limits} |\n")
    return "".join(parts)


def routes_page() -> str:
    """docs/routes.md: every address of the server and who may open it."""
    from dashboard.access import RULES, WHO  # loads tornado, which --help does without

    parts = [
        _HEAD.format(source="dashboard/access.py"),
        "# Routes\n\nEvery address of the server, and who may open it. An address that is not here does not exist.\n",
        "A page's websocket and scripts follow the page's rule.\n\n",
        "Without accounts (`--accounts none`, the default) whoever reaches the server under one of its host names\n"
        "(`--host`, `--allowed-hosts`) may open all of them. With accounts:\n\n",
        *(f"- **{access}**: {who}\n" for access, who in WHO.items()),
        "\n| address | who | what |\n|---|---|---|\n",
        *(
            f"| `{rule.route}` | {rule.access} | {rule.what}{' Only with accounts.' if rule.accounts else ''} |\n"
            for rule in RULES
        ),
    ]
    return "".join(parts)


PAGES: dict[str, Callable[[], str]] = {"settings.md": settings_page, "routes.md": routes_page}


def main(folder: Path = Path("docs")) -> None:
    """Write all pages."""
    for name, page in PAGES.items():
        (folder / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
