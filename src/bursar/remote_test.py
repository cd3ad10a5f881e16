from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import httpx
import msgspec
import pytest

from bursar.client import Bank
from bursar.errors import Fault, OutcomeUnknown, Refused
from bursar.http.auth import mint
from bursar.http.conftest import SECRET, Told, app_of
from bursar.http.postgrest_error import unavailable
from bursar.http.problem import ProblemError, as_postgrest, as_problem, of_unknown, refused
from bursar.ledger.answer import busy
from bursar.remote import REQUESTS_MAX, open_remote
from bursar.settings import Settings

SETTINGS = Settings(retry_attempts=3, retry_backoff_ms=1, busy_timeout_ms=20)
AWAY = ProblemError(503, "UNAVAILABLE", "The database cannot be reached.")
UNKNOWN = of_unknown(OutcomeUnknown("k"))
FAULT = ProblemError(500, "FAULT", "Something failed on our side; it has been logged.")


class Service:
    """A stand-in for our HTTP API that remembers what it was asked and can be told to fail."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.failures: list[int | Exception | None] = []  # None: this time it goes well
        # What is said of one reward, each time that somebody asks for it.
        self.of_reward: dict[str, list[ProblemError]] = {}
        self.keys: set[str] = set()
        self.is_busy = False

    async def answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/health":
            return httpx.Response(200, json={})
        content: Any = msgspec.json.decode(request.content) if request.content else None
        self.asked.append((request.url.raw_path.decode(), content))
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None:
            if isinstance(failure, ProblemError):
                return rendered(failure, request.url.path)
            if isinstance(failure, Exception):
                raise failure
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
        if self.is_busy:
            return busy(request["verb"])
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
        if said := self.of_reward.get(content["p_reward_id"]):
            return rendered(said.pop(0) if len(said) > 1 else said[0], request.url.path)
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


def rendered(problem: ProblemError, path: str) -> httpx.Response:
    """What our own doors make of it at this path."""
    made = as_postgrest(problem) if path.startswith("/rest/") else as_problem(problem, "a request")
    return httpx.Response(problem.status, content=made, headers=problem.headers)


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
        service.failures = [httpx.ReadError("cut"), refused("BUSY")]
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
        service.failures = [httpx.ConnectError("no"), refused("BUSY"), 429]
        outcome = await bank.spend(owner_id="ada", asset="credit", amount=5)
        assert outcome.code == "BUSY"


async def test_an_outcome_that_the_service_itself_does_not_know_is_unknown_here() -> None:
    """Asked of the service's own doors, whose database is lost at each try."""
    app = app_of(Told(OutcomeUnknown("k-1")))
    token = mint("service_role", None, SECRET, 600)
    transport = httpx.ASGITransport(app=app)
    try:
        async with await open_remote(
            "http://test", token=token, settings=SETTINGS, transport=transport
        ) as engine:
            bank = Bank(engine)
            with pytest.raises(OutcomeUnknown) as caught:
                await bank.purchase_reward(
                    reward_id=str(uuid4()), collector_id=str(uuid4()), key="k-1"
                )
            assert caught.value.key == "k-1"
            with pytest.raises(OutcomeUnknown) as caught:
                await bank.spend(owner_id="ada", asset="credit", amount=5, key="k-2")
            assert caught.value.key == "k-2"
    finally:
        await app.close()


# The second is a proxy's own word, which may have passed the request on.
@pytest.mark.parametrize("said", [UNKNOWN, 503, unavailable()], ids=["ours", "a proxy", "lost"])
async def test_what_does_not_prove_that_nothing_was_done_leaves_the_outcome_unknown(
    said: int | Exception,
) -> None:
    service = Service()
    async with connected(service) as bank:
        service.failures = [refused("BUSY"), said, refused("BUSY")]
        with pytest.raises(OutcomeUnknown) as caught:
            await bank.purchase_reward(reward_id="cheap", collector_id="ada", key="k-1")
        assert caught.value.key == "k-1"
        service.failures = [said]
        assert (await bank.purchase_reward(reward_id="cheap", collector_id="ada")).done
        service.failures = [said]
        with pytest.raises(OutcomeUnknown):
            await bank.create_reward(name="Tea", cost=60, creator_id="ada")


@pytest.mark.parametrize("said", [AWAY, 429, refused("BUSY")], ids=["away", "429", "busy"])
async def test_what_proves_that_nothing_was_done_is_busy(said: int | Exception) -> None:
    service = Service()
    async with connected(service) as bank:
        service.failures = [said] * 3
        outcome = await bank.purchase_reward(reward_id="cheap", collector_id="ada")
        assert outcome.code == "BUSY"
        service.failures = [said]
        with pytest.raises(Refused, match="BUSY"):
            await bank.create_reward(name="Tea", cost=60, creator_id="ada")


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


async def test_a_purchase_that_is_busy_or_unknown_says_nothing_about_those_beside_it() -> None:
    service = Service()
    request = {"collector_id": "ada"}
    async with connected(service) as bank:
        service.of_reward = {"held": [refused("BUSY")], "broken": [FAULT]}
        outcomes = await bank.call_batch(
            "purchase_reward",
            [{**request, "reward_id": name} for name in ("cheap", "held", "broken", "dear")],
        )
        assert [one.get("code", one["status"]) for one in outcomes] == [
            "done",
            "BUSY",
            "fault",
            "INSUFFICIENT_FUNDS",
        ]
        # Once its end was not seen, that somebody holds the wallet does not mean it was not done.
        service.of_reward = {"held": [UNKNOWN, refused("BUSY")]}
        outcomes = await bank.call_batch(
            "purchase_reward", [{**request, "reward_id": name} for name in ("cheap", "held")]
        )
        assert [one["status"] for one in outcomes] == ["done", "unknown"]


async def test_a_wallet_that_is_busy_after_a_lost_answer_proves_nothing() -> None:
    service = Service()
    async with connected(service) as bank:
        service.failures = [httpx.ReadError("cut")]
        service.is_busy = True
        with pytest.raises(OutcomeUnknown):
            await bank.spend(owner_id="ada", asset="credit", amount=5)


async def test_a_part_of_a_batch_that_is_busy_says_nothing_about_the_part_before_it() -> None:
    service = Service()
    spend = {"verb": "spend", "owner_id": "ada", "asset": "credit", "amount": 1}
    async with connected(service) as bank:
        service.failures = [None, refused("BUSY")] * 3
        outcomes = await bank.call_batch("batch", [spend] * (REQUESTS_MAX + 1))
    assert {one["status"] for one in outcomes} == {"done"}


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
