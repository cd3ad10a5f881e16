"""Claims at once, through the service: one grant for each transaction, and never more than a cap.

A process of its own answers them over HTTP, as apps on phones reach it.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.deployment import Deployment
from tests.ledger_in_sql import Ledger, done
from tests.sale import Sale, new_user
from tests.shop import cap, claims_of, new_item, sold, switched, take, unclean, wallet

pytestmark = pytest.mark.postgres_versions("15", "18")

CLAIM = "/functions/v1/claim"
AT_ONCE = 100
EDGE = datetime(2026, 3, 9, tzinfo=UTC)
Told = tuple[int, dict[str, Any]]


@pytest.fixture
def shop(deployment: Deployment, postgres_version: str) -> Ledger:
    return Ledger(deployment.database)


async def at_once(deployment: Deployment, claims: list[tuple[str, dict[str, str]]]) -> list[Told]:
    """Send each claim, of a user, from a connection of its own; again where it is told to."""
    limits = httpx.Limits(max_connections=len(claims))
    async with httpx.AsyncClient(limits=limits, timeout=60) as client:

        async def send(user: str, body: dict[str, str]) -> Told:
            headers = deployment.headers("authenticated", user)
            while True:
                answer = await client.post(deployment.url + CLAIM, json=body, headers=headers)
                if answer.status_code != 503:
                    return answer.status_code, answer.json()
                await asyncio.sleep(0.05)

        return await asyncio.gather(*(send(*claim) for claim in claims))


def body_of(sale: Sale, **fields: str) -> dict[str, str]:
    return {"sku": sale.sku, "tx_id": sale.tx_id, **fields}


def without_replayed(told: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in told.items() if name != "replayed"}


async def test_one_transaction_a_hundred_times_by_one_user_is_one_grant_and_one_answer(
    deployment: Deployment, shop: Ledger
) -> None:
    sale = sold(shop)

    answers = await at_once(deployment, [(sale.user_id, body_of(sale))] * AT_ONCE)

    assert {status for status, _ in answers} == {200}
    first = without_replayed(answers[0][1])
    assert first["wallet"]["streakshield_count"] == 1
    assert [without_replayed(told) for _, told in answers] == [first] * AT_ONCE
    assert sorted(told["replayed"] for _, told in answers) == [False] + [True] * (AT_ONCE - 1)
    assert wallet(shop, sale.user_id)[0] == 1
    assert len(claims_of(shop, sale.tx_id)) == 1
    assert unclean(shop) == []


async def test_one_transaction_by_two_users_is_one_grant_and_the_other_is_409(
    deployment: Deployment, shop: Ledger
) -> None:
    """Both own it by an id of theirs, so that it is who comes first who has it."""
    sale, other = Sale(), new_user()
    done(take(shop, sale.purchase(aliases=[sale.user_id, other])))

    answers = await at_once(
        deployment, [(user, body_of(sale)) for user in (sale.user_id, other)] * (AT_ONCE // 2)
    )

    granted = Counter(told["wallet"]["user_id"] for status, told in answers if status == 200)
    [(winner, times)] = granted.items()
    assert times == AT_ONCE // 2
    refused = [(status, told["error"]) for status, told in answers if status != 200]
    assert refused == [(409, "transaction_owned_by_other")] * (AT_ONCE // 2)
    assert wallet(shop, winner)[0] == 1
    assert sum(wallet(shop, user)[0] for user in (sale.user_id, other)) == 1
    assert unclean(shop) == []


async def test_a_refund_that_comes_meanwhile_leaves_nothing_and_later_claims_are_410(
    deployment: Deployment, shop: Ledger
) -> None:
    sale = sold(shop)
    claims = [(sale.user_id, body_of(sale))] * 40

    answers, refund = await asyncio.gather(
        at_once(deployment, claims), asyncio.to_thread(insisted, shop, sale)
    )

    assert refund["effect"] == "applied"
    assert {(status, told.get("error")) for status, told in answers} <= {
        (200, None),
        (410, "transaction_refunded"),
    }
    [(status, told)] = await at_once(deployment, claims[:1])
    assert (status, told["error"]) == (410, "transaction_refunded")
    assert wallet(shop, sale.user_id)[0] == 0
    assert unclean(shop) == []


def insisted(shop: Ledger, sale: Sale) -> dict[str, Any]:
    """Take the refund, and again where it is answered BUSY, as RevenueCat does."""
    event = sale.refund()
    for _ in range(200):
        outcome = take(shop, event)
        if outcome.get("code") != "BUSY":
            break
    return done(outcome)


async def test_the_same_id_of_another_store_and_of_the_sandbox_are_other_transactions(
    deployment: Deployment, shop: Ledger
) -> None:
    first = sold(shop)
    others = [
        sold(shop, tx_id=first.tx_id, store="PLAY_STORE"),
        sold(shop, tx_id=first.tx_id, environment="SANDBOX"),
        sold(shop, tx_id=first.tx_id, store="PLAY_STORE", environment="SANDBOX"),
    ]
    sales = [first, *others]
    claims = [
        (sale.user_id, body_of(sale, store=sale.store, environment=sale.environment))
        for sale in sales
    ] * 25

    closed = await at_once(deployment, claims)
    with switched(shop, sandbox_claims=True):
        opened = await at_once(deployment, claims)

    for answers, granted in ((closed, sales[:2]), (opened, sales)):
        by_user = {sale.user_id: Counter[int]() for sale in sales}
        for (user, _), (status, _) in zip(claims, answers, strict=True):
            by_user[user][status] += 1
        assert by_user == {sale.user_id: {200 if sale in granted else 404: 25} for sale in sales}
    assert [wallet(shop, sale.user_id)[0] for sale in sales] == [1] * 4
    assert unclean(shop) == []


@contextmanager
def clock_that_steps_over(ledger: Ledger, edge: datetime) -> Iterator[None]:
    """Let the ledger's clock show the last microsecond before `edge` 40 times, then `edge`."""
    before = ledger.value("SELECT pg_get_functiondef('bursar.clock()'::regprocedure)")
    ledger.admin.execute("CREATE SEQUENCE public.ticks")
    ledger.admin.execute("GRANT USAGE ON SEQUENCE public.ticks TO PUBLIC")
    ledger.admin.execute(
        "CREATE OR REPLACE FUNCTION bursar.clock() RETURNS timestamptz LANGUAGE sql VOLATILE"
        f" RETURN timestamptz '{edge.isoformat()}' - CASE WHEN nextval('public.ticks') < 40"
        " THEN 1 ELSE 0 END * interval '1 microsecond'".encode()
    )
    try:
        yield
    finally:
        ledger.admin.execute(before.encode())
        ledger.admin.execute("DROP SEQUENCE public.ticks")


async def test_fifty_claims_at_once_at_the_edge_of_a_window_get_exactly_the_cap(
    deployment: Deployment, shop: Ledger
) -> None:
    user, item = new_user(), new_item(shop.admin)
    cap(shop.admin, item, "week", 3)
    cap(shop.admin, item, "month", 5)
    sales = [sold(shop, user, item) for _ in range(50)]

    with clock_that_steps_over(shop, EDGE):
        answers = await at_once(deployment, [(user, body_of(sale)) for sale in sales])

    granted = sorted(
        datetime.fromisoformat(told["claimed_at"]) for status, told in answers if status == 200
    )
    assert granted == [EDGE - timedelta(microseconds=1)] * 3 + [EDGE] * 2
    refused = [(status, told["error"]) for status, told in answers if status != 200]
    assert refused == [(409, "cap_exceeded")] * 45
    assert wallet(shop, user)[0] == 5
    assert unclean(shop) == []
