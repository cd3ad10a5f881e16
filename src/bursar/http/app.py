"""The application: all doors put together, as one ASGI app that can be mounted in another."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from bursar.errors import BursarError
from bursar.http.auth import Verifier
from bursar.http.calls import Ledger
from bursar.http.catalogue import Catalogue
from bursar.http.exchange import ASGIApp, Receive, Scope, Send
from bursar.http.front import Front
from bursar.http.health import Health, is_degraded
from bursar.http.late_ledger import LateLedger
from bursar.http.metrics import Metrics
from bursar.http.metrics_minute import MinuteMetrics
from bursar.http.openapi import OpenApi
from bursar.http.pages import make_pages
from bursar.http.request_log import make_log
from bursar.http.rest import Rest
from bursar.http.role_session import RoleSession
from bursar.http.route import Routes
from bursar.http.rpc import Rpc
from bursar.http.rpc_call import FunctionCalls
from bursar.http.siblings import Siblings
from bursar.http.v1 import V1
from bursar.http.v1_reads import V1Reads
from bursar.settings import Settings

if TYPE_CHECKING:
    from litestar import Litestar


class Bursar:
    """An ASGI application. Make it with `create_app`.

    Under a server that speaks the lifespan protocol it opens and closes itself. Mounted in an app
    that does not pass the lifespan on, it opens at the first request; that app should await
    `close()` when it ends.
    """

    def __init__(
        self,
        ledger: Ledger | None,
        settings: Settings,
        database_url: str,
        route_handlers: Sequence[Any],
        siblings: Siblings | None,
    ) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.minutes = MinuteMetrics()
        self._siblings = siblings
        self._ledger = LateLedger(ledger, settings, database_url)
        self._session = RoleSession(database_url, settings)
        self._replica = (
            RoleSession(settings.replica_url, settings) if settings.replica_url else None
        )
        self._opening = asyncio.Lock()
        self._opened = False
        degraded = is_degraded(settings)
        catalogue = Catalogue(self._session)
        functions = FunctionCalls(self._session, catalogue, degraded=degraded)
        rooms = (
            Health(self._session, settings, self.metrics, siblings).routes(),
            Rpc(self._ledger, functions).routes(),
            Rest(
                self._session,
                catalogue,
                replica=self._replica,
                replica_is_close=lambda: self._ledger.replica_is_close,
            ).routes(),
            V1(self._ledger).routes(),
            V1Reads(self._ledger).routes(),
        )
        routes = [route for room in rooms for route in room]
        routes += OpenApi(routes).routes()
        self.pages: Litestar = make_pages(route_handlers)
        self.pages.state.ledger = self._ledger  # for pages that carry something out
        self._front = Front(
            Routes(routes),
            settings,
            Verifier(settings),
            self.metrics,
            self.minutes,
            make_log(settings.log_level),
            cast("ASGIApp", self.pages),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the lifespan."""
        kind = scope["type"]
        if kind == "lifespan":
            await self._live(receive, send)
        elif kind == "http":
            if not self._opened:
                await self.open()
            await self._front.serve(scope, receive, send)
        else:
            await cast("ASGIApp", self.pages)(scope, receive, send)

    async def open(self) -> None:
        """Open the engine, unless it was given, and begin to record metrics.

        A database that cannot be reached does not stop the app: it says so on /health and answers
        503 until the database is there.
        """
        async with self._opening:
            if self._opened:
                return
            await self._ledger.open()
            self.metrics.watch_engine(self._ledger)
            self.minutes.start(self._ledger)
            if self._siblings is not None:
                await self._siblings.open(self.metrics)
            self._opened = True

    async def close(self) -> None:
        """Record the last metrics and disconnect. An engine that was given stays open."""
        async with self._opening:
            if not self._opened:
                return
            self._opened = False
            if self._siblings is not None:
                await self._siblings.close()
            await self.minutes.stop(self._ledger)
            await self._session.close()
            if self._replica is not None:
                await self._replica.close()
            await self._ledger.close()

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                try:
                    await self.open()
                except (BursarError, OSError) as error:
                    await send({"type": "lifespan.startup.failed", "message": str(error)})
                    return
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await self.close()
                await send({"type": "lifespan.shutdown.complete"})
                return


def create_app(
    engine: Ledger | str | None,
    settings: Settings,
    *,
    database_url: str = "",
    route_handlers: Sequence[Any] = (),
    siblings: Siblings | None = None,
) -> Bursar:
    """Return the ASGI application.

    `engine` is an open engine, which stays the caller's to close, or the libpq URL of the database
    to open one on; None takes the URL from `settings`. The doors that speak as PostgREST does need
    connections of their own: with an engine given, `database_url` or the settings say where to.
    `route_handlers` are Litestar handlers and routers of pages to serve beside the API. `siblings`
    are the processes that share the address, whose counters `/metrics` shows too.

    Raises `ValueError` when no database is named.
    """
    url = engine if isinstance(engine, str) else database_url or settings.database_url
    if not url:
        raise ValueError("No database is named: give a URL, or set BURSAR_DATABASE_URL.")
    ledger = None if isinstance(engine, str) else engine
    return Bursar(ledger, settings, url, route_handlers, siblings)
