"""The front: every request passes here once, whichever door it is for.

It finds the route, verifies the token, bounds time and size, turns whatever goes wrong into an
answer, counts it, and writes one line about it. A plain ASGI application, because at a few
thousand requests each second every layer in between costs more than the purchase itself.
"""

import asyncio
import time
from typing import cast

import psycopg

from bursar.errors import Fault, OutcomeUnknown, Refused
from bursar.http.answer_kind import kind_of
from bursar.http.auth import Verifier
from bursar.http.body_in_time import in_time
from bursar.http.cors import Cors
from bursar.http.event_stream import send_stream
from bursar.http.exchange import (
    JSON,
    Answer,
    ASGIApp,
    ClientGoneError,
    Exchange,
    Receive,
    Scope,
    Send,
)
from bursar.http.metrics import Metrics
from bursar.http.metrics_minute import MinuteMetrics
from bursar.http.postgrest_error import of_database_error
from bursar.http.problem import (
    PROBLEM_JSON,
    ProblemError,
    as_postgrest,
    as_problem,
    of_unknown,
    refused,
)
from bursar.http.raw_path import raw_path, scope_path
from bursar.http.request_log import RequestLog
from bursar.http.route import Route, Routes
from bursar.ledger.pause import Pause
from bursar.ledger.reader import is_gone
from bursar.settings import Settings

_SECURITY_HEADERS = [
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
]
PATH_LENGTH_MAX = 2048
_DOORS = ("/v1/", "/rest/", "/api/", "/functions/", "/community/")


async def _nothing(exchange: Exchange) -> Answer:
    raise ProblemError(404, "NOT_FOUND", "There is nothing at this address.")


_NOWHERE = Route("GET", "unmatched", _nothing, "unmatched", "open", "")


class Front:
    """Answers the routes it knows; what it does not know goes to `behind`, the pages."""

    def __init__(
        self,
        routes: Routes,
        settings: Settings,
        pause: Pause,
        verifier: Verifier,
        metrics: Metrics,
        minutes: MinuteMetrics,
        log: RequestLog,
        behind: ASGIApp,
    ) -> None:
        self._routes = routes
        self._verifier = verifier
        self._metrics = metrics
        self._minutes = minutes
        self._log = log
        self._behind = behind
        self._cors = Cors(settings.cors_origins)
        self._pause = pause
        self._seconds_max = settings.request_timeout_ms / 1000
        self._body_bytes_max = settings.body_bytes_max
        self._quiet = settings.log_level in ("warning", "error")

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        started = time.perf_counter()
        path = raw_path(scope)
        exchange = Exchange(scope, receive, path, self._body_bytes_max)
        found = self._routes.methods(path) if len(path) <= PATH_LENGTH_MAX else None
        if found is None:
            if path.startswith(_DOORS) or len(path) > PATH_LENGTH_MAX:
                answer = self._answer_error(
                    exchange,
                    _NOWHERE,
                    ProblemError(404, "NOT_FOUND", "There is nothing at this address."),
                )
                await self._send(exchange, answer, send)
                self._note(exchange, _NOWHERE, answer, started)
            else:
                await self._pass_on(exchange, send, started)
            return
        methods, exchange.values = found
        route = methods.get(exchange.method)
        if route is None and exchange.method == "HEAD":
            route = methods.get("GET")
        door = route or next(iter(methods.values()))
        exchange.verb = door.verb
        try:
            if route is None:
                answer = self._without_route(exchange, methods)
            else:
                answer = await self._answer(exchange, route)
        except ClientGoneError:
            self._note(exchange, door, Answer(499, code="CLIENT_GONE"), started)
            return
        except Exception as error:  # Nothing that goes wrong may go unanswered.
            answer = self._answer_error(exchange, door, error)
        if answer.stream is not None:
            self._note(exchange, door, answer, started)
            await self._send(exchange, answer, send)
            return
        await self._send(exchange, answer, send)
        self._note(exchange, door, answer, started)

    async def _answer(self, exchange: Exchange, route: Route) -> Answer:
        if route.door in ("v1", "postgrest"):
            exchange.principal = await self._verifier.authenticate(exchange)
            if route.door == "v1" and exchange.principal.role == "anon":
                raise ProblemError(
                    401,
                    "UNAUTHENTICATED",
                    "Send a token: Authorization: Bearer <token>.",
                    headers=[(b"www-authenticate", b"Bearer")],
                )
        if self._pause and route.writes:
            raise refused("DEGRADED")
        try:
            async with asyncio.timeout(self._seconds_max):
                return await route.handler(exchange)
        except TimeoutError:
            raise ProblemError(
                504,
                "TIMEOUT",
                "The request took too long. If it changes something, send it again with the same"
                " key to learn what became of it.",
                {"key": exchange.key} if exchange.key else None,
            ) from None

    def _without_route(self, exchange: Exchange, methods: dict[str, Route]) -> Answer:
        allowed = sorted({*methods, "OPTIONS"} | ({"HEAD"} if "GET" in methods else set()))
        if exchange.method == "OPTIONS":
            return self._cors.preflight(exchange, ", ".join(allowed))
        raise ProblemError(
            405,
            "METHOD_NOT_ALLOWED",
            f"Allowed here: {', '.join(allowed)}.",
            headers=[(b"allow", ", ".join(allowed).encode())],
        )

    def _answer_error(self, exchange: Exchange, route: Route, error: Exception) -> Answer:
        problem = self._problem_of(exchange, route, error)
        if route.own_way is not None:
            return route.own_way.refuse(problem)
        if route.door == "postgrest":
            body, kind = as_postgrest(problem), JSON
        else:
            body, kind = as_problem(problem, exchange.request_id), PROBLEM_JSON
        headers = [(b"content-type", kind), *problem.headers]
        return Answer(problem.status, body, headers, code=problem.code)

    def _problem_of(self, exchange: Exchange, route: Route, error: Exception) -> ProblemError:
        if isinstance(error, ProblemError):
            return error
        if isinstance(error, Refused):
            return refused(error.code, str(error).removeprefix(f"{error.code}: "), error.details)
        if isinstance(error, OutcomeUnknown):
            return of_unknown(OutcomeUnknown(error.key or exchange.key))
        if isinstance(error, psycopg.Error):
            if route.door != "postgrest" and is_gone(error):
                return refused("APP_DOWN")
            problem = of_database_error(error, exchange.principal)
            if problem.status < 500 or problem.status == 503:
                return problem
        sqlstate = getattr(error, "sqlstate", None)
        self._log.error(
            "fault",
            request_id=exchange.request_id,
            route=route.template,
            error=type(error).__name__,
            sqlstate=sqlstate,
            message=str(error)[:300] if isinstance(error, Fault) else None,
        )
        if isinstance(error, psycopg.Error):
            return of_database_error(error, exchange.principal)
        return ProblemError(500, "FAULT", "Something failed on our side; it has been logged.")

    async def _send(self, exchange: Exchange, answer: Answer, send: Send) -> None:
        body = answer.body
        headers = answer.headers
        names = {name for name, _ in headers}
        if b"content-type" not in names and body:
            headers.append((b"content-type", JSON))
        if answer.status not in (204, 304) and answer.stream is None:
            headers.append((b"content-length", str(len(body)).encode()))
        headers.append((b"x-request-id", exchange.request_id.encode()))
        headers += (
            [header for header in _SECURITY_HEADERS if header[0] not in names]
            if names
            else _SECURITY_HEADERS
        )
        headers += self._cors.headers(exchange)
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        if answer.stream is not None and exchange.method != "HEAD":
            await send_stream(answer.stream, exchange.receive, send)
            return
        await send(
            {
                "type": "http.response.body",
                "body": b"" if exchange.method == "HEAD" else body,
            }
        )

    async def _pass_on(self, exchange: Exchange, send: Send, started: float) -> None:
        """Let the pages answer, with our request id and safe headers on top."""
        status = 500
        scope = dict(exchange.scope)
        scope["root_path"] = ""
        scope["path"] = scope_path(exchange.scope)
        scope["raw_path"] = exchange.path.encode("latin-1", "replace")
        scope["headers"] = [
            *(item for item in scope["headers"] if item[0] != b"x-request-id"),
            (b"x-request-id", exchange.request_id.encode()),
        ]

        async def send_on(message: dict[str, object]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = cast("int", message["status"])
                headers = list(cast("list[tuple[bytes, bytes]]", message.get("headers", [])))
                names = {name.lower() for name, _ in headers}
                headers += [item for item in _SECURITY_HEADERS if item[0] not in names]
                headers.append((b"x-request-id", exchange.request_id.encode()))
                message = {**message, "headers": headers}
            await send(message)

        receive = in_time(exchange.receive, self._seconds_max)
        await self._behind(scope, receive, cast("Send", send_on))
        if not self._quiet:
            self._log.info(
                "request",
                request_id=exchange.request_id,
                method=exchange.method,
                route="page",
                status=status,
                duration_ms=round((time.perf_counter() - started) * 1000, 2),
            )

    def _note(self, exchange: Exchange, route: Route, answer: Answer, started: float) -> None:
        """Count the request and log it; a batch is counted by its outcomes."""
        seconds = time.perf_counter() - started - answer.waited
        replayed = (b"idempotent-replayed", b"true") in answer.headers
        if route.own_way is not None and exchange.method == route.method:
            route.own_way.hear(answer, seconds)
        for verb, code, again in answer.counted or ((exchange.verb, answer.code, replayed),):
            kind = kind_of(code, 200 if answer.counted else answer.status)
            self._metrics.count(verb, code, seconds, replayed=again, kind=kind)
            if route.door != "open":
                self._minutes.count(verb, code, seconds, replayed=again, kind=kind)
        if not self._quiet:
            self._log.info(
                "request",
                request_id=exchange.request_id,
                method=exchange.method,
                route=route.template,
                verb=exchange.verb,
                status=answer.status,
                code=answer.code,
                role=exchange.principal.role,
                replayed=replayed,
                duration_ms=round(seconds * 1000, 2),
            )
