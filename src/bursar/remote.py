"""The ledger over HTTP: the same engine, with our own `/v1` API where the database would be.

So requests made at the same time travel together here too, and a lost answer is asked for again
under the same key.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import httpx
import msgspec

from bursar.errors import BY_CODE, BY_SQLSTATE, Fault, OutcomeUnknown, Refused
from bursar.ledger.answer import busy, refusal, refusal_details
from bursar.ledger.engine import Engine
from bursar.ledger.parcel import Answer
from bursar.ledger.wire import Lost, Rejected, Undone
from bursar.remote_answer import complaint, decoded, is_put_off, leaves_open, words_of
from bursar.settings import Settings

CONNECT_SECONDS = 5.0
LEDGER_VERBS = frozenset(
    (
        "adjust",
        "batch",
        "capture",
        "freeze",
        "grant",
        "hold",
        "refund",
        "release",
        "spend",
        "transfer",
    )
)
# What `/v1/batch` takes in one body.
REQUESTS_MAX = 500
_SAID_BY_TOKEN = ("principal", "actor", "caller")
# The request never left us.
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_PATHS = {
    "read_wallet": "/v1/wallets/{}",
    "read_statement": "/v1/wallets/{}/statement",
    "explain": "/v1/wallets/{}/explain",
}
_QUERY = ("asset", "before_seq", "limit")


async def open_remote(
    url: str,
    *,
    token: str | None = None,
    settings: Settings | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> Engine:
    """Return an engine whose batches go to the service at `url`, with `token` as bearer.

    `transport` replaces the network, for a service mounted in the same process. Raises `Fault`
    when nobody answers there.
    """
    chosen = settings or Settings()
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    client = httpx.AsyncClient(
        base_url=url.rstrip("/"),
        headers=headers,
        transport=transport,
        timeout=httpx.Timeout(chosen.request_timeout_ms / 1000, connect=CONNECT_SECONDS),
        limits=httpx.Limits(max_connections=chosen.lanes + chosen.pool_size_max),
    )
    engine = Engine(chosen, lambda: HttpWire(client), HttpReader(client))
    await engine.connect()
    return engine


class HttpWire:
    """Carries a batch as one `POST /v1/batch`; an app's verb as calls of its stored procedure."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self.round_trips = 0

    async def open(self) -> None:
        """Do nothing: connections are opened when they are needed."""

    async def carry(self, verb: str, body: bytes) -> Sequence[Answer]:
        """Send a JSON array of requests and return their outcomes.

        They may have travelled apart. Then one that was not carried out is BUSY, and one that
        failed is an error in its place: neither says anything about those beside it.
        Raises `Undone`, `Lost` or `Rejected` where that holds for all of them.
        """
        requests = msgspec.json.decode(body, type=list[dict[str, Any]])
        if verb in LEDGER_VERBS:
            answers = await self._in_parts(verb, requests)
        else:
            told = (self._one(verb, request) for request in requests)
            answers = list(await asyncio.gather(*told))
        undone = [one for one in answers if isinstance(one, (Undone, Lost))]
        for one in undone:
            if isinstance(one, Lost) and one.sent:
                raise one
        if undone and len(undone) == len(answers):
            raise undone[0]
        if len(answers) == 1 and isinstance(answers[0], Rejected):
            raise answers[0]
        return [busy(verb) if isinstance(one, (Undone, Lost)) else one for one in answers]

    async def _in_parts(self, verb: str, requests: list[dict[str, Any]]) -> list[Answer]:
        """Send what the service takes in one body, part by part, until one does not arrive."""
        answers: list[Answer] = []
        for first in range(0, len(requests), REQUESTS_MAX):
            try:
                answers += await self._batch(verb, requests[first : first + REQUESTS_MAX])
            except (Undone, Lost) as error:
                answers += [error] * (len(requests) - first)
                break
        return answers

    async def _batch(self, verb: str, requests: list[dict[str, Any]]) -> list[Answer]:
        """Send one part of a batch; who asks is not said here but by the token."""
        named = [
            {"verb": verb, **{name: one[name] for name in one if name not in _SAID_BY_TOKEN}}
            for one in requests
        ]
        response = await self._post("/v1/batch", {"requests": named}, {})
        if response.status_code != httpx.codes.OK:
            if len(requests) == 1:
                return [_refused(str(requests[0].get("verb", verb)), response)]
            raise Rejected(str(response.status_code), complaint(response))
        answer = decoded(response, dict[str, list[dict[str, Any]]])
        outcomes: list[dict[str, Any]] = answer.get("outcomes", [])
        statuses = [outcome.get("status") for outcome in outcomes]
        if "unknown" in statuses:
            raise Lost(sent=True)
        failed = Rejected("500", "The service failed a request.")
        return [
            failed if status == "fault" else outcome
            for status, outcome in zip(statuses, outcomes, strict=True)
        ]

    async def close(self) -> None:
        """Do nothing: the client belongs to all wires and is closed by the reader."""

    async def _one(self, verb: str, request: dict[str, Any]) -> Answer:
        """Return what became of one request of an app; others are on their way beside it."""
        try:
            return await self._procedure(verb, request)
        except (Undone, Lost, Rejected) as error:
            return error

    async def _procedure(self, verb: str, request: dict[str, Any]) -> dict[str, Any]:
        """Call the stored procedure of an app's verb; its errors are refusals when we know them."""
        headers = {"Idempotency-Key": str(request["key"])}
        hidden = ("key", *_SAID_BY_TOKEN)
        named = {f"p_{name}": value for name, value in request.items() if name not in hidden}
        response = await self._post(f"/rest/v1/rpc/{verb}", named, headers)
        answer: dict[str, Any] = decoded(response, dict[str, Any])
        if response.is_success:
            return answer
        known = BY_SQLSTATE.get(str(answer.get("code")))
        if known is None:
            raise Rejected(str(response.status_code), complaint(response))
        _, _, sentence = str(answer.get("message", "")).partition(": ")
        return refusal(verb, known.code, sentence or None, refusal_details(answer.get("details")))

    async def _post(
        self, path: str, content: dict[str, Any], headers: dict[str, str]
    ) -> httpx.Response:
        self.round_trips += 1
        try:
            response = await self._client.post(
                path,
                content=msgspec.json.encode(content),
                headers={"Content-Type": "application/json", **headers},
            )
        except _NOT_SENT as error:
            raise Lost(sent=False) from error
        except httpx.TransportError as error:
            raise Lost(sent=True) from error
        if leaves_open(response):
            raise Lost(sent=True)
        if is_put_off(response):
            raise Undone(str(response.status_code))
        return response


class HttpReader:
    """Answers reading functions from the `/v1/wallets` routes."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def open(self) -> None:
        """Ask the service for its health. Raises `Fault` when nobody answers."""
        try:
            await self._client.get("/health")
        except httpx.TransportError as error:
            raise Fault("The service cannot be reached.") from error

    async def read(self, function: str, arguments: Sequence[str | int | None]) -> Any:
        """Return what the route for `function` answers; None when there is no such wallet."""
        path = _PATHS.get(function)
        if path is None:
            raise ValueError(f"{function} cannot be read over HTTP.")
        named = zip(_QUERY, arguments[1:], strict=False)
        query = {name: value for name, value in named if value is not None}
        try:
            response = await self._client.get(
                path.format(quote(str(arguments[0]), safe="")), params=query
            )
        except httpx.TransportError as error:
            raise Fault("The service cannot be reached.") from error
        if response.status_code == httpx.codes.NOT_FOUND:
            return None
        if is_put_off(response):
            raise Refused("BUSY")
        if not response.is_success:
            raise Fault(f"Reading failed: {complaint(response)}")
        if function == "read_statement":
            return decoded(response, dict[str, Any]).get("entries")
        return decoded(response, Any)

    async def procedure(self, function: str, arguments: Mapping[str, str | int | None]) -> Any:
        """Call a stored procedure once.

        Raises `Refused`, also with BUSY when nobody had time for it; `OutcomeUnknown` when the
        answer was lost, here or behind the service; `Fault` when it fails.
        """
        try:
            response = await self._client.post(f"/rest/v1/rpc/{function}", json=dict(arguments))
        except _NOT_SENT as error:
            raise Refused("BUSY") from error
        except httpx.TransportError as error:
            raise OutcomeUnknown(None) from error
        if leaves_open(response):
            raise OutcomeUnknown(None)
        if response.is_success:
            return decoded(response, Any)
        answer = words_of(response)
        known = BY_SQLSTATE.get(str(answer.get("code")))
        if known is None:
            if is_put_off(response):
                raise Refused("BUSY")
            raise Fault(f"{function} failed: {complaint(response)}")
        message = str(answer.get("message", "")) or None
        raise Refused(known.code, message, refusal_details(answer.get("details")))

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def _refused(verb: str, response: httpx.Response) -> dict[str, Any]:
    """Return the refusal that a problem body tells of; raise `Rejected` when it is another."""
    problem: dict[str, Any] = decoded(response, dict[str, Any])
    code = str(problem.get("code"))
    if code not in BY_CODE:
        raise Rejected(str(response.status_code), complaint(response))
    details = problem.get("details")
    return refusal(verb, code, complaint(response), details if isinstance(details, dict) else {})
