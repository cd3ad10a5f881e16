"""The application: all doors put together, as one ASGI app that can be mounted in another."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from bursar.claims.chores import Chores as ClaimChores
from bursar.claims.spool import Spool
from bursar.errors import BursarError
from bursar.generation.chores import Chores as GenerationChores
from bursar.generation.openai_provider import OpenAiProvider
from bursar.generation.worker import GenerationWorker
from bursar.http.attendants import Attendants
from bursar.http.auth import Verifier
from bursar.http.calls import Ledger
from bursar.http.catalogue import Catalogue
from bursar.http.claim import Claims
from bursar.http.community import Community
from bursar.http.community_session import Sessions
from bursar.http.community_sign_in import CommunitySignIn
from bursar.http.degraded import Degraded
from bursar.http.durable import DurableLedger
from bursar.http.exchange import ASGIApp, Receive, Scope, Send
from bursar.http.front import Front
from bursar.http.function_metrics import FunctionMetrics
from bursar.http.generation import Generation
from bursar.http.generation_reads import GenerationReads
from bursar.http.health import Health
from bursar.http.job_watch import JobWatch
from bursar.http.late_ledger import LateLedger
from bursar.http.marketplace import Marketplace
from bursar.http.metrics import Metrics
from bursar.http.metrics_minute import MinuteMetrics
from bursar.http.openapi import OpenApi
from bursar.http.pages import make_pages
from bursar.http.request_log import RequestLog, make_log
from bursar.http.rest import Rest
from bursar.http.revenuecat_webhook import RevenueCatWebhook
from bursar.http.role_session import RoleSession
from bursar.http.route import Route, Routes
from bursar.http.rpc import Rpc
from bursar.http.rpc_call import FunctionCalls
from bursar.http.shop_status import ShopStatus
from bursar.http.siblings import Siblings
from bursar.http.stripe_webhook import StripeWebhook
from bursar.http.v1 import V1
from bursar.http.v1_reads import V1Reads
from bursar.ledger.pause import Pause
from bursar.ledger.worker import Worker
from bursar.marketplace.card_company import CardCompany, mode_of
from bursar.marketplace.chores import Chores as MarketplaceChores
from bursar.ops.monitor.chores import Chores as MonitorChores
from bursar.ops.seal.chores import Chores as SealChores
from bursar.ops.watchdog import Watchdog
from bursar.settings import Settings

if TYPE_CHECKING:
    from litestar import Litestar

# What is being generated when the service stops has so long to end; then it is handed back.
GENERATION_GRACE_SECONDS = 3.0


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
        self.pause = Pause(by_environment=settings.is_degraded)
        self.metrics = Metrics()
        self.minutes = MinuteMetrics(self.metrics.beat)
        self._siblings = siblings
        self._ledger = LateLedger(ledger, settings, database_url)
        self._session = RoleSession(database_url, settings)
        self._replica = (
            RoleSession(settings.replica_url, settings) if settings.replica_url else None
        )
        self._company = CardCompany(settings) if settings.stripe_api_key else None
        self._spool = Spool.of(settings)
        log = make_log(settings.log_level)
        self.calls = FunctionMetrics(log)
        self._status = ShopStatus(self._ledger, self._spool)
        self._watch = JobWatch(self._ledger)
        self._monitor = MonitorChores(settings, log, self.metrics.notice)
        chores = (
            Watchdog(settings, self.pause, log),
            MarketplaceChores(settings, self._company, log),
            ClaimChores(self._spool, log),
            GenerationChores(log),
            SealChores(settings, log),
            self._monitor,
        )
        self._provider = OpenAiProvider(settings) if settings.provider_url else None
        self.generation = (
            GenerationWorker(settings, self._provider, log) if self._provider else None
        )
        self._worker = Worker(settings, [step for one in chores for step in one.steps()], log)
        self._opening = asyncio.Lock()
        self._opened = False
        self._verifier = Verifier(settings)
        routes = self._routes(log)
        routes += OpenApi(routes).routes()
        self.pages: Litestar = make_pages(route_handlers)
        self.pages.state.ledger = self._ledger  # for pages that carry something out
        self.pages.state.attendants = self._attendants = Attendants()
        # For pages that show whether this process takes changes.
        self.pages.state.pause = self.pause
        self._front = Front(
            Routes(routes),
            settings,
            self.pause,
            self._verifier,
            self.metrics,
            self.minutes,
            log,
            cast("ASGIApp", self.pages),
        )

    def _routes(self, log: RequestLog) -> list[Route]:
        """Put the rooms together that have routes."""
        settings, ledger = self.settings, self._ledger
        catalogue = Catalogue(self._session)
        functions = FunctionCalls(self._session, catalogue, pause=self.pause)
        health = Health(self._session, self.pause, self.metrics, self._siblings)
        busy_seconds = (settings.lock_timeout_ms + settings.busy_timeout_ms) / 1000
        durable = DurableLedger(ledger, self._spool, log, busy_seconds)
        sessions = Sessions(settings)
        card_mode = mode_of(settings) if settings.stripe_api_key else None
        rooms = (
            health,
            Rpc(ledger, functions, card_mode=card_mode),
            Rest(
                self._session,
                catalogue,
                replica=self._replica,
                replica_is_close=lambda: ledger.replica_is_close,
            ),
            V1(ledger),
            V1Reads(ledger),
            Degraded(ledger),
            Marketplace(ledger, self._company, settings, log),
            StripeWebhook(ledger, settings),
            Claims(ledger, durable, self._status, health, self.calls),
            RevenueCatWebhook(durable, settings),
            self._status,
            Generation(ledger, self.calls),
            GenerationReads(ledger, self._watch, settings),
            CommunitySignIn(ledger, sessions, self._verifier, self.pause),
            Community(ledger, sessions, self._verifier),
        )
        return [route for room in rooms for route in room.routes()]

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
            self.calls.start(self._ledger)
            if not self.settings.is_degraded:
                self._worker.start(self._ledger)
                if self.generation is not None:
                    self.generation.start(self._ledger)
            if self._siblings is not None:
                await self._siblings.open(self.metrics)
            self._opened = True

    def let_go(self) -> None:
        """Answer those who wait for news of a job, and end what they listen to: it is to stop."""
        self._watch.let_go()
        self._attendants.let_go()

    async def close(self) -> None:
        """Record the last metrics and disconnect. An engine that was given stays open."""
        async with self._opening:
            if not self._opened:
                return
            self._opened = False
            await self._attendants.close()
            if self._siblings is not None:
                await self._siblings.close()
            if self.generation is not None:
                await self.generation.stop(GENERATION_GRACE_SECONDS)
            await self._worker.stop()
            await self._monitor.close()
            await self.minutes.stop(self._ledger)
            await self.calls.stop(self._ledger)
            await self._status.close()
            await self._watch.close()
            if self._spool is not None:
                self._spool.close()
            await self._session.close()
            if self._replica is not None:
                await self._replica.close()
            if self._company is not None:
                await self._company.close()
            if self._provider is not None:
                await self._provider.close()
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
