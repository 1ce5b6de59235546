"""`residua serve`: settings from where they come, then the server until it is told to stop."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from dashboard import forks
from dashboard.commands import talk
from dashboard.configuration import gathered
from dashboard.listen import ListenError, check_port
from dashboard.settings import SettingError
from dashboard.store import Store, StoreError

_QUIET = ("bokeh", "tornado", "distributed", "param", "panel")


def serve(given: Mapping[str, Any]) -> None:
    """Run the dashboard, with these options (None where one was not given)."""
    try:
        settings = gathered(given)
        if settings.has_provider:
            from dashboard.accounts.providers.provider import admission_of, provider_of

            provider_of(settings)
            admission_of(settings)
    except SettingError as error:
        talk.refuse(str(error))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)

    if not settings.has_accounts and settings.is_open_to_others:
        logging.getLogger("residua").warning(
            "There is no log-in: whoever reaches %s can see and change everything. "
            "Let people log in with --accounts local, or listen on 127.0.0.1.",
            settings.host,
        )
    with talk.sentences():
        # What can be refused is refused before the slow imports.
        try:
            check_port(settings.host, settings.port)
            store = Store(settings.data_path, settings.database)
        except (ListenError, StoreError) as error:
            talk.refuse(str(error))
        by_provider = settings.has_provider and (settings.provider_admits or settings.provider_admins)
        if settings.has_accounts and not by_provider and not store.accounts.all():
            print("Nobody can log in yet. Make the first account: residua users add NAME --admin", flush=True)

        forks.begin(settings.torch_threads)  # it loads beside this process
        from dashboard.app import create_app
        from dashboard.jobs import JobsError

        try:
            application = create_app(settings, store)
        except (ListenError, JobsError) as error:
            talk.refuse(str(error))
        application.run()
