"""The layouts of the database, one after another: `versions/layout_0001.py` is the first there was.

A change of `models.py` comes with a new file in `versions/`; opening a data folder then brings it up to date.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

FIRST = "0001"


class UnknownLayout(Exception):
    """The database has a layout that this Residua does not know; `found` is its number."""

    def __init__(self, found: str) -> None:
        super().__init__(found)
        self.found = found


def newest() -> str:
    """The layout that this Residua writes."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None  # the folder beside this file is not empty
    return head


def migrate(connection: Connection, layout: str | None = None) -> None:
    """Bring the database behind an open transaction to a layout, the newest where none is named.

    UnknownLayout when a later Residua wrote it.
    """
    config = _config()
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    found = layout_of(connection)
    for one in (found, layout):
        if one is not None and one not in known:
            raise UnknownLayout(one)
    if found is not None and "alembic_version" not in inspect(connection).get_table_names():
        command.stamp(config, found)
    if found != (layout or newest()):
        command.upgrade(config, layout or "head")


def layout_of(connection: Connection) -> str | None:
    """The number of the layout a database has, None for an empty one.

    Alembic's table has it; a database from before Alembic has it in `meta` only.
    """
    tables = inspect(connection).get_table_names()
    if "alembic_version" in tables:
        return str(connection.scalar(text("SELECT version_num FROM alembic_version")))
    if "meta" in tables:
        value = connection.scalar(text("SELECT value FROM meta WHERE key = 'schema_version'"))
        # The tables were made in one step and this row in the next: without it they are the first layout's.
        return FIRST if value is None else f"{int(value):04}"
    return None


def _config() -> Config:
    config = Config()
    # A percent sign in the path would be read as a placeholder.
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
