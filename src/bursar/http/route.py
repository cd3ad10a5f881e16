"""Routes: an address template, what answers it, and what the OpenAPI document says about it."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import unquote_to_bytes

from bursar.http.exchange import Answer, Exchange
from bursar.http.problem import ProblemError

Handler = Callable[[Exchange], Awaitable[Answer]]
Door = Literal["v1", "postgrest", "open", "signed", "session"]


@dataclass(frozen=True, slots=True)
class OwnWay:
    """How a route speaks where it does not speak as its door does.

    `refuse` makes the answer that says no; `schema` is what the OpenAPI document says it looks
    like. `hear` is told of each answer of the route and how many seconds it took; it must not fail.
    """

    refuse: Callable[[ProblemError], Answer]
    schema: Any
    hear: Callable[[Answer, float], None] = lambda answer, seconds: None


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one address.

    `door` decides how a token is asked for and how errors look: "v1" wants a token and answers
    problem bodies, "postgrest" speaks as PostgREST does, "open" asks nobody who they are, "signed"
    neither, because the body carries a signature that its handler verifies, "session" neither,
    because its handler recognises the session's cookie. `writes` routes are refused while the
    process is degraded. Where errors look like nobody else's, `own_way` makes them. `successes` are
    the statuses of answers that say yes, where they are not the door's, and `media` is what those
    answers are, where they are not JSON.
    """

    method: str
    template: str
    handler: Handler
    verb: str
    door: Door
    summary: str
    description: str = ""
    writes: bool = False
    body: Any = None
    body_example: Any = None
    answer: Any = None
    parameters: tuple[str, ...] = ()
    idempotent: bool = False
    statuses: tuple[int, ...] = ()
    successes: tuple[int, ...] = ()
    media: str = "application/json"
    own_way: OwnWay | None = None
    tags: tuple[str, ...] = field(default=())


class Routes:
    """Finds the route of a path. Fixed addresses cost one look-up in a dictionary."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.all = tuple(routes)
        self._fixed: dict[str, dict[str, Route]] = {}
        self._open: dict[int, list[tuple[tuple[str, ...], dict[str, Route]]]] = {}
        for route in self.all:
            self._add(route)

    def _add(self, route: Route) -> None:
        if "{" not in route.template:
            self._fixed.setdefault(route.template, {})[route.method] = route
            return
        parts = tuple(route.template.split("/"))
        candidates = self._open.setdefault(len(parts), [])
        for known, methods in candidates:
            if known == parts:
                methods[route.method] = route
                return
        candidates.append((parts, {route.method: route}))

    def methods(self, path: str) -> tuple[dict[str, Route], dict[str, str]] | None:
        """Return the routes of a raw (percent-encoded) path by method, and the path's values."""
        fixed = self._fixed.get(path)
        if fixed is not None:
            return fixed, {}
        parts = path.split("/")
        for template, methods in self._open.get(len(parts), ()):
            values = _match(template, parts)
            if values is not None:
                return methods, values
        return None


def _match(template: tuple[str, ...], parts: list[str]) -> dict[str, str] | None:
    values: dict[str, str] = {}
    for wanted, given in zip(template, parts, strict=True):
        if wanted.startswith("{"):
            if not given:
                return None
            values[wanted[1:-1]] = given
        elif wanted != given:
            return None
    return values


def decoded(value: str, name: str) -> str:
    """Decode a value of a path. Raises a 422 problem when it is not UTF-8."""
    if "%" not in value:
        return value
    try:
        return unquote_to_bytes(value).decode()
    except UnicodeDecodeError:
        raise ProblemError(422, "MALFORMED", f"{name}: it is not UTF-8.", {"field": name}) from None
