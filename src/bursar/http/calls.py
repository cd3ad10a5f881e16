"""What the doors need of the engine, so that a test may stand in for it."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from bursar.http.principal import Principal


class Ledger(Protocol):
    """A way to the ledger's verbs and reading functions; `bursar.ledger.engine.Engine` is one."""

    async def call(self, verb: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Carry out one request and return its outcome."""
        ...

    async def call_batch(
        self, verb: str, requests: Sequence[Mapping[str, Any]]
    ) -> list[dict[str, Any]]:
        """Carry out independent requests and return an outcome for each."""
        ...

    async def read(self, function: str, *arguments: str | int | None) -> Any:
        """Call the reading function `bursar.<function>` and return its decoded JSON."""
        ...

    async def close(self) -> None:
        """Let what is on its way arrive, and disconnect."""
        ...


def attributed(request: dict[str, Any], principal: Principal, key: str) -> dict[str, Any]:
    """Add to `request` who asks and under which key, as every verb wants it."""
    request["principal"] = "service" if principal.is_service else "user"
    request["actor"] = principal.actor
    request["key"] = key
    return request


def caller_of(principal: Principal) -> dict[str, str | None]:
    """Return the caller as the apps' verbs judge it."""
    return {"role": principal.role, "sub": principal.sub}
