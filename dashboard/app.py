"""The composition root: store, jobs, pages and routes become one server here, and nowhere else."""

from __future__ import annotations

import faulthandler
import logging
import os
import secrets
import signal
from collections.abc import Callable
from dataclasses import replace
from typing import Any

# Before Panel and Bokeh are imported: every script and style comes from this server, none from a CDN.
os.environ["BOKEH_RESOURCES"] = "server"
# Else each page that is made is walked through for what a programmer may have meant otherwise, while somebody waits.
os.environ.setdefault("BOKEH_VALIDATE_DOC", "no")

import panel as pn
import torch

# Draws are read with xarray, which loads pandas, and Bokeh looks at pandas at each change: loaded on a thread later, it
# would be seen half made.
import xarray  # noqa: F401
from bokeh.server.server import Server
from tornado.ioloop import IOLoop

from dashboard import ui
from dashboard.accounts.account import account_routes
from dashboard.accounts.admin import admin_routes
from dashboard.accounts.door import Door
from dashboard.accounts.doorkeeper import LINK_COOKIE, SESSION_COOKIE, TRIP_COOKIE, Doorkeeper
from dashboard.accounts.gate import Gate, Opened, page_requests
from dashboard.accounts.log import LogTail
from dashboard.accounts.login import login_routes
from dashboard.accounts.sign_on import sign_on_routes
from dashboard.accounts.sweep import Sweep
from dashboard.api.documents import document_routes
from dashboard.api.health import Checkup
from dashboard.api.scripts import script_routes
from dashboard.corner_route import corner_routes
from dashboard.facts import Facts, facts_of
from dashboard.giving_back import GivingBack
from dashboard.guard import AddHeaders
from dashboard.housekeeping import Housekeeping
from dashboard.jobs import Jobs, Limits
from dashboard.jobs.tls import security_of
from dashboard.listen import check_port, free_port
from dashboard.outage import Outages
from dashboard.page_making import PageApplication, prepare
from dashboard.pages import compare, fit, home, learn, report, run, runs
from dashboard.pages import jobs as jobs_page
from dashboard.routes import api_routes
from dashboard.services import Services
from dashboard.settings import Settings
from dashboard.store import NOBODY, NotAllowed, NotFound, Reach, Store, Who
from dashboard.store.reach import READ_ONLY

UNUSED_SESSION_SECONDS = 60
CHECK_SESSIONS_SECONDS = 15
# Headers that never come, or bodies of all but uploads, which have their own limit.
SLOW_SECONDS = 75

logger = logging.getLogger("residua.app")


class App:
    """A server ready to run, and what it is made of."""

    def __init__(
        self, services: Services, jobs: Jobs, server: Server, url: str, door: Door | None = None
    ) -> None:
        self.services = services
        self.jobs = jobs
        self.door = door
        self.server = server
        self.url = url
        self._housekeeping = Housekeeping(services.store, services.settings)
        self._giving_back = GivingBack()

    def run(self) -> None:
        """Serve until SIGINT or SIGTERM, then stop the workers and close the store."""
        loop = self.server.io_loop
        if hasattr(signal, "SIGUSR1"):  # where each thread is, for whoever asks why a server does not go on
            faulthandler.register(signal.SIGUSR1)
        self._housekeeping.start()
        pn.state.on_session_created(self._giving_back.opened)
        pn.state.on_session_destroyed(self._giving_back.closed)
        try:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda *_: loop.add_callback_from_signal(loop.stop))
            self.server.start()
            self._giving_back.start()
            # The address is what a person (and a test) waits for.
            loop.add_callback(lambda: print(f"Residua is at {self.url}", flush=True))  # noqa: T201
            if self.services.settings.open_browser:
                loop.add_callback(self.server.show, "/")
            loop.start()
        finally:
            self.close()

    def close(self) -> None:
        """Stop what was started."""
        self._housekeeping.stop()
        self._giving_back.stop()
        self.server.stop()
        if self.door is not None:
            self.door.close()
        self.jobs.close()
        self.services.store.close()


def create_app(settings: Settings, store: Store | None = None) -> App:
    """Start the workers and build the server on a data folder, opened here unless it is open already.

    StoreError, JobsError or ListenError, with a sentence for a person, when one of them cannot be had.
    """
    # Pages render previews in this process; on cores that fits keep busy, more threads only wait for each other.
    torch.set_num_threads(settings.torch_threads)
    store = store or Store(settings.data_path, settings.database)
    jobs: Jobs | None = None
    try:
        jobs = Jobs(
            store,
            n_workers=settings.n_workers,
            scheduler=settings.scheduler or None,
            security=security_of(settings.tls_ca, settings.tls_cert, settings.tls_key),
            torch_threads=settings.torch_threads,
            cancel_grace=settings.cancel_grace,
            worker_memory=settings.worker_memory_mb * 1_000_000,
            limits=limits_of(settings),
        )
        ui.setup()
        door = Door(store, settings, Doorkeeper(store)) if settings.has_accounts else None
        services = Services(store, jobs, settings, (lambda: None) if door is None else door.forget)
        if settings.example and not settings.has_accounts and not store.projects():
            services.add_example("seed")
        # Chosen when the workers have theirs, for they too take whichever is free.
        port = settings.port or free_port(settings.host)
        check_port(settings.host, port)
        server = _serve(services, port, door)
    except BaseException:
        if jobs is not None:
            jobs.close()
        store.close()
        raise
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host
    return App(services, jobs, server, f"http://{host}:{port}/", door)


def limits_of(settings: Settings) -> Limits:
    """What fits and people may take."""
    return Limits(
        running_per_user=settings.max_running_per_user,
        queued_per_user=settings.max_queued_per_user,
        fit_seconds=settings.max_fit_seconds,
        fit_memory=settings.max_fit_memory_mb * 1_000_000,
        disk_per_user=settings.quota_mb * 1_000_000,
        kept_for_short=settings.short_places,
        retries=settings.retries,
        heartbeat_seconds=settings.heartbeat_seconds,
        half_life=settings.share_half_life,
    )


def _serve(services: Services, port: int, door: Door | None = None) -> Server:
    settings = services.settings
    loop = IOLoop.current().asyncio_loop  # type: ignore[attr-defined]
    checkup = Checkup(services)
    outages = Outages(checkup, lambda: services.jobs.trouble, loop)
    pages: dict[str, Callable[[Services], Any]] = {
        "/": home.home,
        "/fit/{project}": lambda own: fit.fit(own, pn.state.route_params["project"]),
        "/run/{run}": lambda own: run.run(own, pn.state.route_params["run"]),
        "/compare": compare.compare,
        "/runs/{project}": lambda own: runs.runs(own, pn.state.route_params["project"]),
        "/report/{project}": lambda own: report.report(own, pn.state.route_params["project"]),
        "/jobs": jobs_page.jobs,
        "/learn": learn.index,
        "/learn/{page}": lambda own: learn.learn(own, pn.state.route_params["page"]),
    }
    prepare()
    server: Server = pn.serve(
        {route: PageApplication(_page(services, build, outages)) for route, build in pages.items()},
        port=port,
        address=settings.host,
        websocket_origin=settings.origins(port),
        extra_patterns=[
            *([] if door is None else _door_routes(door, services, lambda: page_requests(server._tornado))),
            *corner_routes(services),
            *document_routes(services),
            *script_routes(services),
            *api_routes(services, loop, checkup),
        ],
        static_dirs={"assets": str(ui.static_folder())},
        title="Residua",
        show=False,
        start=False,
        verbose=False,
        unused_session_lifetime_milliseconds=UNUSED_SESSION_SECONDS * 1000,
        check_unused_sessions_milliseconds=CHECK_SESSIONS_SECONDS * 1000,
        http_server_kwargs={
            "xheaders": bool(settings.proxies),
            "trusted_downstream": settings.proxies,
            "idle_connection_timeout": SLOW_SECONDS,
            "body_timeout": SLOW_SECONDS,
        },
        **({} if door is None else _only_by_their_own(services)),
    )
    server._tornado.transforms.append(AddHeaders)
    gate = Gate(
        server._tornado,
        settings.host_names,
        None if door is None else door.keeper,
        lambda who, touched: facts_of(services.store.seen_by(who), touched),
    )
    server._http.request_callback = gate
    if door is not None:
        sweep = Sweep(gate)
        sweep.start(loop)
        door.changed, door.stop_watching = sweep.soon, sweep.stop
    return server


def _door_routes(
    door: Door, services: Services, pages: Callable[[], list[Opened]]
) -> list[tuple[str, Any, dict[str, Any]]]:
    """What is there only with accounts."""
    log = LogTail()
    logging.getLogger().addHandler(log)
    return [
        *login_routes(door),
        *sign_on_routes(door),
        *account_routes(door),
        *admin_routes(door, services, pages, log),
    ]


def _only_by_their_own(services: Services) -> dict[str, Any]:
    """What keeps the session of a page with whoever opened it: a signed token, without the secrets of their browser."""
    return {
        "sign_sessions": True,
        "secret_key": services.store.signing_key(),
        "exclude_cookies": [SESSION_COOKIE, LINK_COOKIE, TRIP_COOKIE],
        "exclude_headers": ["Cookie", "Authorization"],
    }


def _page(services: Services, build: Callable[[Services], Any], outages: Outages) -> Callable[[], Any]:
    """The page for whoever opens it, or in its place a sentence when it cannot be made; over it what is wrong."""

    def build_or_explain() -> Any:
        try:
            who: Who = _asked("who", NOBODY)
            own = replace(services.seen_by(who), facts=_asked("facts", Facts()))
            locked = not who.local and own.facts.least < Reach.WRITE
            with ui.locked(READ_ONLY if locked else ""):
                return build(own)
        except (NotFound, NotAllowed) as error:
            return ui.message_page("Not here", str(error))
        except Exception:
            code = secrets.token_hex(4)
            logger.exception("[%s] The page %s could not be made", code, pn.state.app_url)
            return ui.message_page(
                "This page could not be made", f"The server's log has the reason as {code}."
            )

    def page() -> Any:
        made = build_or_explain()
        outages.show_on(made)
        return made

    return page


def _asked(name: str, otherwise: Any) -> Any:
    """What the gate found out of the request for the page that is being made."""
    document = pn.state.curdoc
    context = document.session_context if document else None
    return getattr(context.request, name, otherwise) if context else otherwise
