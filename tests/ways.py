"""The ways in, so that one scenario can be told by each: psql, HTTP, the stock supabase-js."""

import asyncio
import contextlib
import json
from dataclasses import dataclass, field
from typing import Any, Protocol

import httpx

from bursar.errors import BY_CODE
from tests.deployment import Deployment
from tests.node import Node

SECONDS_MAX = 60.0


@dataclass(frozen=True)
class Caller:
    """Who calls: a role and, for a signed-in user, their id; `more` are other claims they have."""

    role: str
    sub: str | None = None
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def claims(self) -> str:
        """The claims of their token, as the database sees them."""
        sub = {} if self.sub is None else {"sub": self.sub}
        return json.dumps({"role": self.role} | sub | self.more)


ANON = Caller("anon")
SERVICE = Caller("service_role")


def user(sub: str, **more: Any) -> Caller:
    """A signed-in user."""
    return Caller("authenticated", sub, more)


@dataclass(frozen=True)
class Call:
    """One call of a function by somebody."""

    caller: Caller
    function: str
    arguments: dict[str, Any] = field(default_factory=dict)
    key: str | None = None


@dataclass(frozen=True)
class Answer:
    """What came back. `code` is "done", the code that opens the message, or the SQLSTATE."""

    code: str
    message: str = ""
    body: Any = None
    status: int = 0
    replayed: bool = False


def refusal_of(message: str, otherwise: str) -> str:
    """The code that opens a message, or `otherwise`."""
    code = message.partition(":")[0]
    return code if code in BY_CODE else otherwise


class Way(Protocol):
    """A way to call functions, to read tables and to write balances."""

    name: str

    async def rounds(self, rounds: list[list[Call]]) -> list[list[Answer]]:
        """Make the calls of each round at once, one round after the other."""
        ...

    async def read(self, caller: Caller, table: str) -> Answer:
        """Read every row and column of a table that the caller may see; `body` has the rows."""
        ...

    async def set_balance(self, caller: Caller, user_id: str, value: int) -> Answer:
        """UPDATE user_credits SET balance = value for one user."""
        ...


async def together(way: Way, calls: list[Call]) -> list[Answer]:
    """Make all calls at once."""
    return (await way.rounds([calls]))[0]


async def call(way: Way, caller: Caller, function: str, **arguments: Any) -> Answer:
    """Make one call."""
    return (await together(way, [Call(caller, function, arguments)]))[0]


async def buy(way: Way, caller: Caller, reward_id: str, collector_id: str) -> Answer:
    """Buy one reward."""
    return await call(
        way, caller, "purchase_reward", p_reward_id=reward_id, p_collector_id=collector_id
    )


class HttpWay:
    """Our HTTP, the RPC door. Calls go to the deployments in turn."""

    name = "http"

    def __init__(self, *deployments: Deployment) -> None:
        self._deployments = deployments

    async def rounds(self, rounds: list[list[Call]]) -> list[list[Answer]]:
        limits = httpx.Limits(max_connections=128)
        async with httpx.AsyncClient(timeout=SECONDS_MAX, limits=limits) as client:
            return [
                await asyncio.gather(
                    *(self._call(client, one, place) for place, one in enumerate(calls))
                )
                for calls in rounds
            ]

    async def read(self, caller: Caller, table: str) -> Answer:
        async with httpx.AsyncClient(timeout=SECONDS_MAX) as client:
            url = f"{self._deployments[0].url}/rest/v1/{table}?select=*"
            return answer_of(await client.get(url, headers=self._headers(caller)))

    async def set_balance(self, caller: Caller, user_id: str, value: int) -> Answer:
        async with httpx.AsyncClient(timeout=SECONDS_MAX) as client:
            url = f"{self._deployments[0].url}/rest/v1/user_credits?user_id=eq.{user_id}"
            answer = await client.patch(url, headers=self._headers(caller), json={"balance": value})
            return answer_of(answer)

    async def _call(self, client: httpx.AsyncClient, one: Call, place: int) -> Answer:
        deployment = self._deployments[place % len(self._deployments)]
        headers = self._headers(one.caller)
        if one.key is not None:
            headers["idempotency-key"] = one.key
        answer = await client.post(
            f"{deployment.url}/rest/v1/rpc/{one.function}", json=one.arguments, headers=headers
        )
        return answer_of(answer)

    def _headers(self, caller: Caller) -> dict[str, str]:
        # An anonymous visitor comes without a token.
        if caller.role == "anon":
            return {}
        return self._deployments[0].headers(caller.role, caller.sub, **caller.more)


def answer_of(answer: httpx.Response) -> Answer:
    """What an HTTP answer says."""
    replayed = answer.headers.get("idempotent-replayed") == "true"
    body = None
    with contextlib.suppress(ValueError):
        body = answer.json()
    if answer.is_success:
        return Answer("done", "", body, answer.status_code, replayed)
    body = body if isinstance(body, dict) else {}
    message = str(body.get("message", answer.text))
    code = refusal_of(message, str(body.get("code", answer.status_code)))
    return Answer(code, message, body, answer.status_code, replayed)


class SupabaseWay:
    """The stock supabase-js, in a process of its own."""

    name = "supabase-js"

    def __init__(self, node: Node, deployment: Deployment) -> None:
        self._node = node
        self._deployment = deployment

    async def rounds(self, rounds: list[list[Call]]) -> list[list[Answer]]:
        return await self._run(
            [
                [
                    self._from(one.caller)
                    | {"function": one.function, "arguments": one.arguments, "key": one.key}
                    for one in calls
                ]
                for calls in rounds
            ]
        )

    async def read(self, caller: Caller, table: str) -> Answer:
        return (await self._run([[self._from(caller) | {"table": table}]]))[0][0]

    async def set_balance(self, caller: Caller, user_id: str, value: int) -> Answer:
        one = {"table": "user_credits", "update": {"balance": value}, "match": {"user_id": user_id}}
        return (await self._run([[self._from(caller) | one]]))[0][0]

    def _from(self, caller: Caller) -> dict[str, Any]:
        if caller.role == "anon":
            return {"token": None}
        return {"token": self._deployment.token(caller.role, caller.sub, **caller.more)}

    async def _run(self, rounds: list[list[dict[str, Any]]]) -> list[list[Answer]]:
        answers = await self._node.call(
            {
                "url": self._deployment.url,
                "anon_key": self._deployment.token("anon"),
                "rounds": rounds,
            },
        )
        return [[self._answer(one) for one in round_] for round_ in answers]

    @staticmethod
    def _answer(one: dict[str, Any]) -> Answer:
        error = one["error"]
        if error is None:
            return Answer("done", "", one["data"], one["status"])
        code = refusal_of(error["message"], error["code"])
        return Answer(code, error["message"], error, one["status"])
