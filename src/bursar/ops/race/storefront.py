"""A buyer's way to a running deployment: plain HTTP, as any client would speak it."""

import asyncio
import random
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self, TypeVar

import httpx

T = TypeVar("T")

ASSET = "credit"
TRIES_MAX = 8
REQUEST_SECONDS = 30.0
_BACKOFF_SECONDS = 0.05
_BACKOFF_SECONDS_MAX = 1.0
# Not an answer to the request; it is sent again with its key, and so is one that was lost.
_COME_BACK = (408, 429, 502, 503, 504)
_BATCH = 200
# Preparing and looking takes no part in the race, and must not crowd the buyers' connections.
_LOOKS_AT_ONCE = 16
UNANSWERED = "UNANSWERED"
# By this the entries of throw-away owners are told from all others.
REASON = "trial"

Door = Literal["rpc", "v1"]


class Unreachable(Exception):
    """Nobody answers there, or not as a deployment that we may use does."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One request's answer: its code, "done" for a success; its body; how long the last try took.

    `status` is that of HTTP, 0 where there was no answer. `tries` is how often it was sent, always
    with the same key.
    """

    code: str
    body: dict[str, Any]
    milliseconds: float
    tries: int
    status: int = 0


class StoreFront:
    """Speaks to the deployment at `url` with a service token. Use it as a context manager."""

    def __init__(self, url: str, token: str, connections: int) -> None:
        try:
            address = httpx.URL(url.rstrip("/"))
        except httpx.InvalidURL as error:
            raise Unreachable("That is no address.") from error
        self._turn = asyncio.Semaphore(_LOOKS_AT_ONCE)
        self._client = httpx.AsyncClient(
            base_url=address,
            headers={"Authorization": f"Bearer {token}"},
            timeout=httpx.Timeout(REQUEST_SECONDS, connect=5.0),
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            trust_env=False,  # a proxy between would be what is measured
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def require(self) -> None:
        """Raise `Unreachable` unless a healthy deployment answers that takes changes."""
        try:
            answer = await self._client.get("/health")
        except httpx.HTTPError as error:
            raise Unreachable(f"Nobody answers there ({type(error).__name__}).") from error
        if answer.status_code != httpx.codes.OK:
            raise Unreachable(f"It is not well: /health answers {answer.status_code}.")
        health = _decoded(answer)
        if isinstance(health, dict) and health.get("degraded"):
            raise Unreachable("Changes are paused there (`bursar degraded status`).")

    async def create_reward(self, creator_id: str, cost: int) -> str:
        """Put a throw-away reward on sale and return its id."""
        body = {
            "p_name": "A trial, to be thrown away",
            "p_description": "",
            "p_cost": cost,
            "p_creator_id": creator_id,
        }
        answer = await self._checked("POST", "/rest/v1/rpc/create_reward", json=body)
        return str(answer)

    async def grant(self, amounts: Mapping[str, int]) -> None:
        """Give each owner an amount."""
        await self._all(
            [_request("grant", owner, amount=amount) for owner, amount in amounts.items()]
        )

    async def adjust(self, amounts: Mapping[str, int]) -> None:
        """Correct each owner's balance by an amount, negative to take it back."""
        await self._all(
            [_request("adjust", owner, amount=amount) for owner, amount in amounts.items()]
        )

    async def close(self, owner_ids: Sequence[str]) -> int:
        """Close the owners' empty wallets; return how many there were."""
        return await self._all(
            [_request("freeze", owner, wallet_status="closed") for owner in owner_ids],
            missing="WALLET_NOT_FOUND",
        )

    async def buy(
        self, reward_id: str, collector_id: str, *, door: Door = "rpc", key: str | None = None
    ) -> Reply:
        """Buy a reward through one of the two doors that sell it."""
        if door == "v1":
            body = {"reward_id": reward_id, "collector_id": collector_id}
            return await self._keyed("/v1/purchases", body, key)
        body = {"p_reward_id": reward_id, "p_collector_id": collector_id}
        return await self._keyed("/rest/v1/rpc/purchase_reward", body, key)

    async def spend(self, owner_id: str, amount: int, *, key: str) -> Reply:
        """Take an amount from a wallet."""
        body = {"owner_id": owner_id, "asset": ASSET, "amount": amount, "reason": REASON}
        return await self._keyed("/v1/spends", body, key)

    async def balance(self, owner_id: str) -> int:
        """Return what a wallet holds; 0 when there is none."""
        found = await self._checked("GET", f"/v1/wallets/{owner_id}?asset={ASSET}", missing={})
        return int(found.get("balance", 0))

    async def balances(self, owner_ids: Sequence[str]) -> dict[str, int]:
        """Return what each owner's wallet holds."""
        return dict(zip(owner_ids, await for_each(self.balance, owner_ids), strict=True))

    async def explain(self, owner_id: str) -> dict[str, Any]:
        """Return why a balance is what it is; empty when there is no wallet."""
        path = f"/v1/wallets/{owner_id}/explain?asset={ASSET}"
        found: dict[str, Any] = await self._checked("GET", path, missing={})
        return found

    async def collectors(self, reward_id: str) -> int:
        """Return how many times a reward was collected, at most 1000."""
        path = f"/rest/v1/collected_rewards?select=collector_id&reward_id=eq.{reward_id}"
        return len(await self._checked("GET", path))

    async def retire(self, reward_ids: Sequence[str]) -> None:
        """Take rewards off sale."""
        for begin in range(0, len(reward_ids), _BATCH):
            some = ",".join(reward_ids[begin : begin + _BATCH])
            await self._checked(
                "PATCH", f"/rest/v1/rewards?id=in.({some})", json={"is_active": False}
            )

    async def _all(self, requests: Sequence[Mapping[str, Any]], missing: str = "") -> int:
        """Carry out requests that must succeed, but for what is `missing`; count those that did."""
        done = 0
        for begin in range(0, len(requests), _BATCH):
            body = {"requests": requests[begin : begin + _BATCH]}
            answer = await self._checked("POST", "/v1/batch", json=body)
            for outcome in answer.get("outcomes", []):
                code = outcome.get("code") or outcome.get("status")
                if code not in ("done", missing):
                    raise Unreachable(f"Preparing or putting away was refused: {code}.")
                done += code == "done"
        return done

    async def _checked(self, method: str, path: str, *, missing: Any = None, **more: Any) -> Any:
        """Send a request that must succeed; it is safe to repeat, or carries its keys."""
        async with self._turn:
            reply, answer = await self._send(method, path, **more)
        if answer is None:
            raise Unreachable(f"{path.partition('?')[0]} did not answer within {TRIES_MAX} tries.")
        if answer.status_code == httpx.codes.NOT_FOUND and missing is not None:
            return missing
        if not answer.is_success:
            raise Unreachable(
                f"{path.partition('?')[0]} answers {answer.status_code}, {reply.code}."
            )
        return _decoded(answer)

    async def _keyed(self, path: str, body: Mapping[str, Any], key: str | None) -> Reply:
        headers = {"Idempotency-Key": key or str(uuid.uuid4())}
        reply, _ = await self._send("POST", path, json=body, headers=headers)
        return reply

    async def _send(
        self, method: str, path: str, **more: Any
    ) -> tuple[Reply, httpx.Response | None]:
        """Send until there is an answer, at most eight times, with growing pauses."""
        milliseconds = 0.0
        for tried in range(1, TRIES_MAX + 1):
            started = time.perf_counter()
            try:
                answer = await self._client.request(method, path, **more)
            except httpx.TransportError:
                answer = None
            milliseconds = (time.perf_counter() - started) * 1000
            if answer is not None and answer.status_code not in _COME_BACK:
                body = _decoded(answer)
                plain = body if isinstance(body, dict) else {}
                reply = Reply(_code(answer, plain), plain, milliseconds, tried, answer.status_code)
                return reply, answer
            pause = min(_BACKOFF_SECONDS * 2**tried, _BACKOFF_SECONDS_MAX)
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - not a secret
        return Reply(UNANSWERED, {}, milliseconds, TRIES_MAX), None


async def for_each(look: Callable[[str], Awaitable[T]], ids: Sequence[str]) -> list[T]:
    """Return what `look` finds for each id, in order; the first failure ends all of it."""
    try:
        async with asyncio.TaskGroup() as group:
            looks = [group.create_task(_awaited(look, each)) for each in ids]
    except ExceptionGroup as several:
        raise several.exceptions[0] from None
    return [each.result() for each in looks]


async def _awaited(look: Callable[[str], Awaitable[T]], each: str) -> T:
    return await look(each)


def _request(verb: str, owner_id: str, **fields: Any) -> dict[str, Any]:
    made = {"verb": verb, "owner_id": owner_id, "asset": ASSET, "reason": REASON, **fields}
    return {**made, "key": str(uuid.uuid4())}


def _decoded(answer: httpx.Response) -> Any:
    try:
        return answer.json() if answer.content else {}
    except ValueError as error:
        raise Unreachable(f"An answer of status {answer.status_code} is not JSON.") from error


def _code(answer: httpx.Response, body: Mapping[str, Any]) -> str:
    """Return "done", or the refusal's code; PostgREST's bodies have it at the message's start."""
    if answer.is_success:
        return "done"
    if "type" in body and "code" in body:
        return str(body["code"])
    begin = str(body.get("message", "")).partition(":")[0]
    return begin if begin.isupper() else str(body.get("code") or answer.status_code)
