from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec
import pytest

from bursar.client import Bank
from bursar.errors import Fault, OutcomeUnknown, Refused
from bursar.remote import open_remote
from bursar.settings import Settings

SETTINGS = Settings(retry_attempts=3, retry_backoff_ms=1)


class Service:
    """A stand-in for our HTTP API that remembers what it was asked and can be told to fail."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.failures: list[int | str | Exception] = []
        self.keys: set[str] = set()

    async def answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/health":
            return httpx.Response(200, json={})
        content: Any = msgspec.json.decode(request.content) if request.content else None
        self.asked.append((request.url.raw_path.decode(), content))
        if self.failures:
            failure = self.failures.pop(0)
            if isinstance(failure, Exception):
                raise failure
            if isinstance(failure, str):
                return httpx.Response(503, json={"code": failure, "message": "told to say so"})
            return httpx.Response(failure, json={"title": "no", "detail": "told to fail"})
        if request.url.path == "/v1/batch":
            return httpx.Response(
                200, json={"outcomes": [self.carry(r) for r in content["requests"]]}
            )
        if request.url.path == "/rest/v1/rpc/purchase_reward":
            return self.sell(request, content)
        if request.url.path.endswith("/nobody"):
            return httpx.Response(404, json={"title": "none"})
        return httpx.Response(200, json={"path": request.url.path, **dict(request.url.params)})

    def carry(self, request: dict[str, Any]) -> dict[str, Any]:
        if request.get("reason") == "poison":
            return {"status": "fault", "verb": request["verb"], "message": "bad"}
        replayed = request["key"] in self.keys
        self.keys.add(request["key"])
        return {
            "status": "done",
            "verb": request["verb"],
            "amount": request["amount"],
            "replayed": replayed,
        }

    def sell(self, request: httpx.Request, content: dict[str, Any]) -> httpx.Response:
        assert request.headers["idempotency-key"]
        if content["p_reward_id"] == "dear":
            return httpx.Response(
                402,
                json={
                    "code": "UB050",
                    "message": "INSUFFICIENT_FUNDS: Not enough.",
                    "details": '{"available": 3}',
                    "hint": None,
                },
            )
        return httpx.Response(
            200,
            json={
                "status": "done",
                "verb": "purchase_reward",
                "price": 60,
                "reward_id": content["p_reward_id"],
            },
        )


@asynccontextmanager
async def connected(service: Service) -> AsyncIterator[Bank]:
    transport = httpx.MockTransport(service.answer)
    engine = await open_remote("http://test", token="t", settings=SETTINGS, transport=transport)
    async with engine:
        yield Bank(engine)


async def test_a_verb_over_http_is_an_outcome() -> None:
    service = Service()
    async with connected(service) as bank:
        outcome = await bank.grant(owner_id="ada", asset="credit", amount=5, key="k")
    assert (outcome.done, outcome.verb, outcome.amount) == (True, "grant", 5)
    assert service.asked == [
        (
            "/v1/batch",
            {
                "requests": [
                    {
                        "owner_id": "ada",
                        "asset": "credit",
                        "amount": 5,
                        "key": "k",
                        "verb": "grant",
                    }
                ]
            },
        )
    ]


async def test_a_lost_answer_is_asked_for_again_with_the_same_key() -> None:
    service = Service()
    async with connected(service) as bank:
        service.failures = [httpx.ReadError("cut"), 503]
        outcome = await bank.spend(owner_id="ada", asset="credit", amount=5)
        assert outcome.done
        keys = {content["requests"][0]["key"] for _, content in service.asked}
        assert (len(service.asked), len(keys)) == (3, 1)


async def test_lost_answers_beyond_the_budget_are_unknown_and_refused_connections_busy() -> None:
    service = Service()
    async with connected(service) as bank:
        service.failures = [502, httpx.ConnectError("no"), httpx.ConnectError("no")]
        with pytest.raises(OutcomeUnknown):
            await bank.spend(owner_id="ada", asset="credit", amount=5)
        service.failures = [httpx.ConnectError("no"), 503, 429]
        outcome = await bank.spend(owner_id="ada", asset="credit", amount=5)
        assert outcome.code == "BUSY"


async def test_an_answer_that_the_service_has_lost_is_unknown_here_too() -> None:
    service = Service()
    async with connected(service) as bank:
        service.failures = ["OUTCOME_UNKNOWN", 503, 503]
        with pytest.raises(OutcomeUnknown):
            await bank.purchase_reward(reward_id="tea", collector_id="ada")


async def test_a_failed_request_fails_alone() -> None:
    async with connected(Service()) as bank:
        base = {"verb": "spend", "owner_id": "ada", "asset": "credit"}
        told = await bank.batch(
            [
                {**base, "amount": 1},
                {**base, "amount": 2, "reason": "poison"},
                {**base, "amount": 3},
            ]
        )
    assert [type(one).__name__ for one in told] == ["Outcome", "Fault", "Outcome"]


async def test_a_token_that_may_not_is_a_fault_that_says_so() -> None:
    service = Service()
    async with connected(service) as bank:
        service.failures = [403]
        with pytest.raises(Fault, match="told to fail"):
            await bank.spend(owner_id="ada", asset="credit", amount=5)


async def test_a_purchase_over_http_is_done_or_refused_with_its_details() -> None:
    async with connected(Service()) as bank:
        bought = await bank.purchase_reward(reward_id="cheap", collector_id="ada")
        assert (bought.done, bought.price, bought.reward_id) == (True, 60, "cheap")
        refused = await bank.purchase_reward(reward_id="dear", collector_id="ada")
        assert (refused.code, refused.message) == (
            "INSUFFICIENT_FUNDS",
            "INSUFFICIENT_FUNDS: Not enough.",
        )
        assert refused.details == {"available": 3}
        with pytest.raises(Refused, match="INSUFFICIENT_FUNDS"):
            refused.or_raise()


async def test_reads_ask_the_wallets_routes() -> None:
    service = Service()
    async with connected(service) as bank:
        assert await bank.read("explain", "a/b", "credit") == {
            "path": "/v1/wallets/a/b/explain",
            "asset": "credit",
        }
        assert service.asked[-1][0] == "/v1/wallets/a%2Fb/explain?asset=credit"
        await bank.read("read_statement", "ada", "credit", None, 50)
        assert service.asked[-1][0] == "/v1/wallets/ada/statement?asset=credit&limit=50"
        assert await bank.wallet("nobody", "credit") is None


async def test_a_service_that_is_not_there_is_a_fault() -> None:
    with pytest.raises(Fault):
        await open_remote("http://127.0.0.1:1", settings=SETTINGS)
