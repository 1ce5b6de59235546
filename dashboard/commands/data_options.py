"""Options that several commands share: where the data are, and how to answer."""

from __future__ import annotations

from typing import Annotated

import typer

DataDir = Annotated[
    str | None, typer.Option("--data-dir", metavar="DIR", help="Folder of projects, images and results.")
]
Database = Annotated[
    str | None, typer.Option("--database", metavar="URL", help="Postgres, where the records are kept there.")
]
Config = Annotated[
    str | None, typer.Option("--config", metavar="FILE.toml", help="The settings file of `residua serve`.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
