"""The OpenAPI 3.1 document, made from the routes themselves, so that it cannot lag behind them."""

from typing import Any

import msgspec

from bursar.http.community_session import COOKIE
from bursar.http.exchange import Answer, Exchange
from bursar.http.health import HEALTH_PATHS, package_version
from bursar.http.openapi_parameters import KEY, PARAMETERS
from bursar.http.problem import PROBLEM_JSON
from bursar.http.route import Route

_encode = msgspec.json.Encoder().encode
_PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457. `code` is stable; `detail` is a sentence for people.",
    "required": ["type", "title", "status", "detail", "code", "details", "request_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "details": {"type": ["object", "string"]},
        "request_id": {"type": "string"},
        "hint": {"type": "string"},
    },
}
_POSTGREST_ERROR: dict[str, Any] = {
    "type": "object",
    "description": "As PostgREST answers: the message opens with the refusal's code.",
    "required": ["code", "message", "details", "hint"],
    "properties": {
        "code": {"type": "string"},
        "message": {"type": "string"},
        "details": {"type": ["string", "null"]},
        "hint": {"type": ["string", "null"]},
    },
}
_TITLES = {
    200: "Done",
    201: "Done, with a new effect",
    202: "Accepted, and carried out later",
    204: "Done; there is nothing to show",
    206: "A part of the rows",
    304: "Nothing has changed",
}


class OpenApi:
    """Serves the document of the routes it was made with."""

    def __init__(self, routes: list[Route]) -> None:
        self._documented = routes
        self._document: bytes | None = None

    def routes(self) -> list[Route]:
        """Return the one route of this room."""
        return [
            Route(
                "GET",
                "/openapi.json",
                self.document,
                "openapi",
                "open",
                "This document",
                answer={"type": "object"},
                tags=("Operation",),
            )
        ]

    async def document(self, exchange: Exchange) -> Answer:
        """Answer the document, made at the first request."""
        if self._document is None:
            self._document = _encode(make_document([*self._documented, *self.routes()]))
        return Answer(200, self._document, [(b"cache-control", b"no-cache")])


def make_document(routes: list[Route]) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of `routes`."""
    types = [
        made
        for route in routes
        for made in (route.body, route.answer, route.own_way and route.own_way.schema)
        if isinstance(made, type)
    ]
    _, schemas = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.template, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Bursar",
            "version": package_version(),
            "description": "Wallets, purchases and holds that cannot race.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": {**schemas, "Problem": _PROBLEM, "PostgrestError": _POSTGREST_ERROR},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
            },
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    names = [part[1:-1] for part in route.template.split("/") if part.startswith("{")]
    parameters = [{"name": name, **PARAMETERS[name]} for name in (*names, *route.parameters)]
    if route.idempotent:
        parameters.append(KEY)
    place = route.template.strip("/").replace("/", "_").replace("{", "").replace("}", "")
    operation: dict[str, Any] = {
        "operationId": f"{route.method.lower()}_{place}",
        "summary": route.summary,
        "tags": list(route.tags),
        "parameters": parameters,
        "responses": _responses(route),
    }
    if route.description:
        operation["description"] = route.description
    if route.door == "v1":
        operation["security"] = [{"token": []}]
    elif route.door == "session":
        operation["security"] = [{"session": []}]
    elif route.door == "postgrest":
        operation["security"] = [{"token": []}, {}]
    else:
        operation["security"] = []
    if route.body is not None:
        content: dict[str, Any] = {"schema": _schema(route.body)}
        if route.body_example is not None:
            content["example"] = route.body_example
        operation["requestBody"] = {
            "required": isinstance(route.body, type),
            "content": {"application/json": content},
        }
    return operation


def _responses(route: Route) -> dict[str, Any]:
    if route.template == "/metrics":
        return {
            "200": {
                "description": "Done",
                "content": {"text/plain; version=0.0.4": {"schema": {"type": "string"}}},
            }
        }
    shown = {
        "description": "Done",
        "content": {route.media: {"schema": {} if route.answer is None else _schema(route.answer)}},
    }
    responses: dict[str, Any] = {}
    for status in _successes(route):
        bare = status in (204, 304) or (status == 201 and route.door == "postgrest")
        responses[str(status)] = {**({} if bare else shown), "description": _TITLES[status]}
    if route.template in HEALTH_PATHS:
        return {**responses, "503": {**shown, "description": "The database cannot be reached"}}
    kind, refusal = _refusal(route)
    statuses = set(route.statuses)
    if route.door != "open":
        statuses |= {400, 503, 504}
    if route.door in ("v1", "postgrest", "session"):
        statuses.add(401)
    if route.body is not None:
        statuses.add(413)
    for status in sorted(statuses):
        responses[str(status)] = {
            "description": "Refused" if status < 500 else "Not now, or a fault",
            "content": {kind: {"schema": refusal}},
        }
    return responses


def _refusal(route: Route) -> tuple[str, dict[str, Any]]:
    """Return the media type and the schema of an answer of the route that says no."""
    if route.own_way is not None:
        return "application/json", _schema(route.own_way.schema)
    if route.door == "postgrest":
        return "application/json", {"$ref": "#/components/schemas/PostgrestError"}
    return PROBLEM_JSON.decode(), {"$ref": "#/components/schemas/Problem"}


def _successes(route: Route) -> tuple[int, ...]:
    if route.successes:
        return route.successes
    if route.template == "/v1/batch" or route.template.startswith("/api/"):
        return (200,)
    if route.door == "v1" and route.idempotent:
        return (200, 201)
    if route.door == "postgrest":
        if "{table}" in route.template:
            return {"GET": (200, 206), "POST": (201,)}.get(route.method, (200, 204))
        if "{function}" in route.template:
            return (200, 204)
    return (200,)


def _schema(described: Any) -> dict[str, Any]:
    if isinstance(described, type):
        return {"$ref": f"#/components/schemas/{described.__name__}"}
    schema: dict[str, Any] = described
    return schema
