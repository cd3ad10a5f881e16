"""The OpenAPI 3.1 document, made from the routes themselves, so that it cannot lag behind them."""

from typing import Any

import msgspec

from bursar.http.exchange import Answer, Exchange
from bursar.http.health import package_version
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
_PARAMETERS: dict[str, dict[str, Any]] = {
    "asset": {
        "in": "query",
        "required": True,
        "description": "The unit of value.",
        "schema": {"type": "string", "pattern": "^[a-z][a-z0-9_]{0,39}$"},
        "example": "credit",
    },
    "before_seq": {
        "in": "query",
        "description": "Only entries before this sequence number.",
        "schema": {"type": "integer", "minimum": 1, "maximum": 2**63 - 1},
    },
    "limit": {
        "in": "query",
        "description": "Entries on the page.",
        "schema": {"type": "integer", "minimum": 1, "maximum": 200, "default": 50},
    },
    "id": {
        "in": "path",
        "required": True,
        "schema": {"type": "integer", "minimum": 1, "maximum": 2**63 - 1},
        "example": 1,
    },
    "owner_id": {
        "in": "path",
        "required": True,
        "description": "Whose wallet.",
        "schema": {
            "type": "string",
            "minLength": 1,
            "maxLength": 255,
            "pattern": "^[!-~]([ -~]*[!-~])?$",
        },
        "example": "5f0c2c1e-6c0a-4b1f-9a53-3d9f7f0c9d11",
    },
    "function": {
        "in": "path",
        "required": True,
        "schema": {"type": "string", "minLength": 1},
        "example": "create_reward",
    },
    "table": {
        "in": "path",
        "required": True,
        "schema": {"type": "string", "minLength": 1},
        "example": "rewards",
    },
    "select": {
        "in": "query",
        "description": "Columns: `id,alias:name,rewards(name,cost)`, or `*`.",
        "schema": {"type": "string"},
        "example": "*",
    },
    "order": {
        "in": "query",
        "description": "For example `created_at.desc.nullslast,name`.",
        "schema": {"type": "string"},
    },
    "row_limit": {
        "name": "limit",
        "in": "query",
        "description": "Rows, at most 1000.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "offset": {
        "in": "query",
        "description": "Rows to pass over.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "prefer": {
        "name": "Prefer",
        "in": "header",
        "description": "`count=exact`, `return=representation` or `return=minimal`.",
        "schema": {"type": "string"},
    },
}
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "The same key and request have at most one effect; 1 to 255 ASCII characters.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
}
_TITLES = {
    200: "Done",
    201: "Done, with a new effect",
    204: "Done; there is nothing to show",
    206: "A part of the rows",
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
        made for route in routes for made in (route.body, route.answer) if isinstance(made, type)
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
                "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
            },
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    names = [part[1:-1] for part in route.template.split("/") if part.startswith("{")]
    parameters = [{"name": name, **_PARAMETERS[name]} for name in (*names, *route.parameters)]
    if route.idempotent:
        parameters.append(_KEY)
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
        "content": {
            "application/json": {"schema": {} if route.answer is None else _schema(route.answer)}
        },
    }
    responses: dict[str, Any] = {}
    for status in _successes(route):
        bare = status == 204 or (status == 201 and route.door == "postgrest")
        responses[str(status)] = {**({} if bare else shown), "description": _TITLES[status]}
    if route.template == "/health":
        return {**responses, "503": {**shown, "description": "The database cannot be reached"}}
    name = "PostgrestError" if route.door == "postgrest" else "Problem"
    kind = "application/json" if route.door == "postgrest" else PROBLEM_JSON.decode()
    statuses = set(route.statuses)
    if route.door != "open":
        statuses |= {400, 401, 503, 504}
    if route.body is not None:
        statuses.add(413)
    for status in sorted(statuses):
        responses[str(status)] = {
            "description": "Refused" if status < 500 else "Not now, or a fault",
            "content": {kind: {"schema": {"$ref": f"#/components/schemas/{name}"}}},
        }
    return responses


def _successes(route: Route) -> tuple[int, ...]:
    if route.door == "v1" and route.idempotent and route.template != "/v1/batch":
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
