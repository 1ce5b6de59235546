"""`residua serve`: settings from options and environment, then the server until it is told to stop."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from dashboard.commands import talk
from dashboard.settings import SettingError, Settings, from_environment

_QUIET = ("bokeh", "tornado", "distributed", "param", "panel")


def serve(given: Mapping[str, Any]) -> None:
    """Run the dashboard; options that were given go before environment variables, those before defaults."""
    try:
        chosen = {name: value for name, value in given.items() if value is not None}
        settings = Settings(**{**from_environment(), **chosen})
    except SettingError as error:
        talk.refuse(str(error))
        return
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)

    from dashboard.app import AppError, create_app
    from dashboard.jobs import JobsError
    from dashboard.store import StoreError

    with talk.sentences():
        try:
            application = create_app(settings)
        except (AppError, JobsError, StoreError) as error:
            talk.refuse(str(error))
            return
        application.run()
