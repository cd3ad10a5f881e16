"""The shapes of a way to the ledger: what verbs call, and what the engine itself stands on."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from bursar.ledger.parcel import Answer

# What a backend says of itself; the HTTP doors fill in who a verified token or session names.
SERVICE: Mapping[str, str] = {"role": "service_role"}


class Asks(Protocol):
    """A way to functions that are no verbs; every way to the ledger is one."""

    async def read(self, function: str, *arguments: str | int | None) -> Any:
        """Call the function `bursar.<function>` and return its decoded JSON."""
        ...


class Calls(Protocol):
    """A way to the ledger: the engine, straight on the database, or the HTTP client.

    Every verb in this package is a thin function over it, so that the same code runs on both.
    """

    async def call(self, verb: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Carry out one request and return its outcome, done or refused.

        Raises `OutcomeUnknown` when it cannot be learned whether the request was carried out, and
        `Fault` when something failed that must not.
        """
        ...

    async def call_batch(
        self, verb: str, requests: Sequence[Mapping[str, Any]]
    ) -> list[dict[str, Any]]:
        """Carry out independent requests as if in array order; return an outcome for each.

        An outcome that could not be learned has the status "unknown" and the request's key; one
        that failed has the status "fault". Neither hides the outcomes beside it.
        """
        ...

    async def read(self, function: str, *arguments: str | int | None) -> Any:
        """Call the reading function `bursar.<function>` and return its decoded JSON."""
        ...

    async def procedure(self, function: str, arguments: Mapping[str, str | int | None]) -> Any:
        """Call `public.<function>` with named arguments, once, and return what it answers.

        For what has no idempotency key. Raises `Refused`, `OutcomeUnknown` or `Fault`.
        """
        ...


class Carries(Protocol):
    """One connection that carries batches; what a lane stands on."""

    round_trips: int

    async def open(self) -> None:
        """Connect, unless that is done already; raise `Lost` when nobody is there."""
        ...

    async def carry(self, verb: str, body: bytes) -> Sequence[Answer]:
        """Send a JSON array of requests and return an outcome for each, or its error.

        Raises `Undone`, `Lost` or `Rejected` of `bursar.ledger.wire`.
        """
        ...

    async def close(self) -> None:
        """Disconnect."""
        ...


class Reads(Protocol):
    """A way to call reading functions."""

    async def open(self) -> None:
        """Connect; raise `Fault` when nobody is there."""
        ...

    async def read(self, function: str, arguments: Sequence[str | int | None]) -> Any:
        """Return what `bursar.<function>(arguments)` answers, decoded."""
        ...

    async def procedure(self, function: str, arguments: Mapping[str, str | int | None]) -> Any:
        """Return what `public.<function>` answers to the named arguments; ask only once."""
        ...

    async def close(self) -> None:
        """Disconnect."""
        ...


def request_of(**fields: Any) -> dict[str, Any]:
    """Return the fields that were given; what is None is left to the database's own default."""
    return {name: value for name, value in fields.items() if value is not None}
