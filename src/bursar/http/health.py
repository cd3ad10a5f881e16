"""/health (also /api/health) and /metrics: is it there, and what has it done."""

import asyncio
import time
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import msgspec
import psycopg
from psycopg import sql

from bursar.http.exchange import Answer, Exchange
from bursar.http.metrics import Metrics
from bursar.http.role_session import RoleSession
from bursar.http.route import Route
from bursar.http.siblings import Siblings
from bursar.ledger.pause import Pause

TIMEOUT_SECONDS = 2.0
# Anybody may ask for health, so the database is asked at most this often.
KEEP_SECONDS = 0.25
HEALTH_PATHS = ("/health", "/api/health")
_encode = msgspec.json.Encoder().encode
_SERVER = sql.SQL("SELECT current_setting('server_version'), pg_is_in_recovery()")
_GATE = sql.SQL("SELECT degraded FROM bursar.gate")


def package_version() -> str:
    """Return the version of this package, as installed."""
    try:
        return version("bursar")
    except PackageNotFoundError:
        return "unknown"


class Health:
    """Answers /health and /metrics."""

    def __init__(
        self,
        session: RoleSession,
        pause: Pause,
        metrics: Metrics,
        siblings: Siblings | None = None,
    ) -> None:
        self._session = session
        self._pause = pause
        self._metrics = metrics
        self._siblings = siblings
        self._version = package_version()
        self._known: tuple[float, dict[str, Any], bool] | None = None
        self._lock = asyncio.Lock()

    def routes(self) -> list[Route]:
        """Return the routes of this room; health has two addresses."""
        return [
            *(self._health_route(path) for path in HEALTH_PATHS),
            Route(
                "GET",
                "/metrics",
                self.metrics,
                "metrics",
                "open",
                "Counters in Prometheus text format",
                tags=("Operation",),
            ),
        ]

    def _health_route(self, path: str) -> Route:
        return Route(
            "GET",
            path,
            self.health,
            "health",
            "open",
            "Is the service well?",
            "200 while it can reach its database, 503 while it cannot. Reading goes on while"
            " the service is degraded.",
            answer={
                "type": "object",
                "required": ["status", "database", "degraded", "version"],
                "properties": {
                    "status": {"type": "string", "enum": ["ok", "unavailable"]},
                    "database": {"type": "object"},
                    "degraded": {"type": "boolean"},
                    "version": {"type": "string"},
                },
            },
            statuses=(503,),
            tags=("Operation",),
        )

    async def health(self, exchange: Exchange) -> Answer:
        """Ask the database how it is, for at most two seconds."""
        async with self._lock:
            known = self._known
            if known is None or time.monotonic() - known[0] > KEEP_SECONDS:
                database, degraded = await self._ask()
                known = self._known = (time.monotonic(), database, degraded)
        _, database, degraded = known
        reachable = bool(database["reachable"])
        body = {
            "status": "ok" if reachable else "unavailable",
            "database": database,
            "degraded": degraded or bool(self._pause),
            "version": self._version,
        }
        return Answer(
            200 if reachable else 503,
            _encode(body),
            [] if reachable else [(b"retry-after", b"2")],
            code="done" if reachable else "UNAVAILABLE",
        )

    async def _ask(self) -> tuple[dict[str, Any], bool]:
        started = time.monotonic()
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                await self._session.open()
                row = (await self._session.query(_SERVER))[0]
                degraded = await self._gate_is_closed()
        except Exception:  # Whatever it is, it is the answer to "is it well?".
            return {"reachable": False}, False
        milliseconds = round((time.monotonic() - started) * 1000, 1)
        database = {
            "reachable": True,
            "version": str(row[0]).split(" ", 1)[0],
            "read_only": bool(row[1]),
            "milliseconds": milliseconds,
        }
        return database, degraded

    async def _gate_is_closed(self) -> bool:
        """Say whether changes are paused; a database without our schema has no gate."""
        try:
            return bool((await self._session.query(_GATE))[0][0])
        except (psycopg.ProgrammingError, IndexError):
            return False

    async def metrics(self, exchange: Exchange) -> Answer:
        """Show the counters of this process, and of those it shares its address with."""
        text = (
            self._metrics.render()
            if self._siblings is None
            else await self._siblings.render(self._metrics)
        )
        return Answer(
            200,
            text,
            [(b"content-type", b"text/plain; version=0.0.4; charset=utf-8")],
        )
