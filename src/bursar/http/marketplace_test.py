import asyncio
import time
import uuid
from typing import Any

import httpx
import jwt

from bursar.db.scratch import ScratchDatabase
from bursar.http.conftest import SECRET, Door
from tests.market import lead, leads

PURCHASE, TOP_UP = "/api/marketplace/purchase", "/api/marketplace/top-up"


async def fund(market: Door, workspace_id: str, amount: int) -> None:
    body = {"owner_id": workspace_id, "asset": "workspace_credit", "amount": amount}
    answer = await market.client.post("/v1/grants", json=body, headers=market.service)
    assert answer.status_code == 201, answer.text


async def buy(
    market: Door, me: dict[str, str], lead_ids: list[str], method: str = "credits", **more: Any
) -> httpx.Response:
    key = {"idempotency-key": more.pop("key")} if "key" in more else {}
    body = {"leadIds": lead_ids, "paymentMethod": method, **more}
    return await market.client.post(PURCHASE, json=body, headers=me | key)


def claims(**named: Any) -> dict[str, str]:
    """The headers of a user whose token names just these claims."""
    fields = {"role": "authenticated", "sub": "ada", "exp": int(time.time()) + 60, **named}
    return {"authorization": f"Bearer {jwt.encode(fields, SECRET, algorithm='HS256')}"}


def rows(database: ScratchDatabase, query: str, *values: Any) -> list[tuple[Any, ...]]:
    return database.connect().execute(query.encode(), values).fetchall()


def statuses(database: ScratchDatabase) -> list[str]:
    return [row[0] for row in rows(database, "SELECT marketplace_status FROM leads ORDER BY 1")]


async def test_a_cart_is_bought_for_credits_with_a_receipt(market: Door) -> None:
    workspace, me = market.user()
    await fund(market, workspace, 100)
    cart = leads(market.database.connect(), [30, 25])
    prices = dict(zip(cart, (30, 25), strict=True))

    answer = await buy(market, me, cart, expectedPrices=prices, key="k")

    receipt = answer.json()
    assert answer.status_code == 200, answer.text
    assert set(receipt) == {
        *("purchaseId", "status", "paymentMethod", "totalPrice", "items", "conflicts", "balance"),
    }
    assert (receipt["status"], receipt["paymentMethod"]) == ("completed", "credits")
    assert (receipt["totalPrice"], receipt["balance"], receipt["conflicts"]) == (55, 45, [])
    assert {item["leadId"]: item["price"] for item in receipt["items"]} == prices
    assert statuses(market.database) == ["sold", "sold"]

    again = await buy(market, me, cart, expectedPrices=prices, key="k")
    assert (again.status_code, again.headers["idempotent-replayed"]) == (200, "true")
    assert again.json() == receipt
    other = await buy(market, me, cart[:1], key="k")
    assert (other.status_code, other.json()["code"]) == (422, "IDEMPOTENCY_MISMATCH")


async def test_too_few_credits_are_402_and_nothing_is_taken(market: Door) -> None:
    workspace, me = market.user()
    await fund(market, workspace, 40)
    cart = leads(market.database.connect(), [30, 25])
    answer = await buy(market, me, cart)
    assert (answer.status_code, answer.json()["code"]) == (402, "INSUFFICIENT_FUNDS")
    assert answer.headers["content-type"] == "application/problem+json"
    assert statuses(market.database) == ["available", "available"]


async def test_a_conflict_names_the_leads_and_why_and_stays_in_the_audit_log(market: Door) -> None:
    workspace, me = market.user()
    await fund(market, workspace, 100)
    connection = market.database.connect()
    fair, own = lead(connection, 10), lead(connection, 10, seller=workspace)
    hidden, nobody = lead(connection, 10, listed=False), str(uuid.uuid4())

    answer = await buy(market, me, [fair, own, hidden, nobody])

    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (409, "PURCHASE_CONFLICT")
    assert {one["lead_id"]: one["reason"] for one in problem["details"]["conflicts"]} == {
        own: "own_lead",
        hidden: "not_listed",
        nobody: "not_found",
    }
    [(count,)] = rows(
        market.database, "SELECT count(*) FROM audit_logs WHERE action = 'purchase_conflict'"
    )
    assert count == 1
    partial = await buy(market, me, [fair, own], allowPartial=True)
    assert partial.status_code == 200, partial.text
    assert partial.json()["conflicts"] == [{"leadId": own, "reason": "own_lead"}]
    assert [item["leadId"] for item in partial.json()["items"]] == [fair]


async def test_a_changed_price_is_409_with_the_present_one(market: Door) -> None:
    workspace, me = market.user()
    await fund(market, workspace, 100)
    one = lead(market.database.connect(), 30)
    answer = await buy(market, me, [one.upper()], expectedPrices={one.upper(): 20})
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (409, "PRICE_CHANGED")
    assert problem["details"]["conflicts"] == [
        {"lead_id": one, "reason": "price_changed", "price": 30}
    ]


async def test_one_lead_wanted_by_many_is_had_by_one(market: Door) -> None:
    one = lead(market.database.connect(), 30)
    buyers = [market.user() for _ in range(8)]
    for workspace, _ in buyers:
        await fund(market, workspace, 100)
    answers = await asyncio.gather(*(buy(market, me, [one]) for _, me in buyers))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7


async def test_the_rate_limit_is_429_with_the_time_to_wait(market: Door) -> None:
    connection = market.database.connect()
    connection.execute("UPDATE marketplace_config SET purchases_per_minute = 1")
    workspace, me = market.user()
    await fund(market, workspace, 100)
    first, second = leads(connection, [10, 10])
    assert (await buy(market, me, [first])).status_code == 200
    answer = await buy(market, me, [second])
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (429, "RATE_LIMITED")
    assert answer.headers["retry-after"] == str(problem["details"]["retry_after_seconds"])
    assert 1 < int(answer.headers["retry-after"]) <= 60


_LEAD = "9a1c7f64-2c5e-4f0b-8a37-5d1e2f3a4b5c"
_CART = '{"paymentMethod":"credits","leadIds":%s}'
_PRICED = f'{{"paymentMethod":"credits","leadIds":["{_LEAD}"],"expectedPrices":%s}}'
UNREADABLE: dict[str, tuple[str, str]] = {
    "no body": ("", "leadIds"),
    "no leads": (_CART % "[]", "leadIds"),
    "not a list": (_CART % f'"{_LEAD}"', "leadIds"),
    "null": (_CART % "null", "leadIds"),
    "not a uuid": (_CART % f'["{_LEAD}","lead-1"]', "leadIds[1]"),
    "an empty id": (_CART % '[""]', "leadIds[0]"),
    "a number": (_CART % "[1]", "leadIds[0]"),
    "in braces": (_CART % f'["{{{_LEAD}}}"]', "leadIds[0]"),
    "twice": (_CART % f'["{_LEAD}","{_LEAD.upper()}"]', "leadIds"),
    "501 leads": (
        _CART % f"[{','.join(f'{chr(34)}{uuid.uuid4()}{chr(34)}' for _ in range(501))}]",
        "leadIds",
    ),
    "no method": (f'{{"leadIds":["{_LEAD}"]}}', "paymentMethod"),
    "another method": (f'{{"leadIds":["{_LEAD}"],"paymentMethod":"cash"}}', "paymentMethod"),
    "an unknown field": (
        f'{{"leadIds":["{_LEAD}"],"paymentMethod":"credits","price":1}}',
        "price",
    ),
    "a price of nought": (_PRICED % f'{{"{_LEAD}":0}}', "expectedPrices[...]"),
    "a fraction": (_PRICED % f'{{"{_LEAD}":1.5}}', "expectedPrices[...]"),
    "a boolean": (_PRICED % f'{{"{_LEAD}":true}}', "expectedPrices[...]"),
    "beyond 10^15": (_PRICED % f'{{"{_LEAD}":1000000000000001}}', "expectedPrices[...]"),
    "the price of a name": (_PRICED % '{"lead-1":5}', "expectedPrices"),
    "two prices": (_PRICED % f'{{"{_LEAD}":5,"{_LEAD.upper()}":6}}', "expectedPrices"),
    "a list of prices": (_PRICED % "[5]", "expectedPrices"),
}


async def test_what_cannot_be_read_is_422_and_names_the_field(market: Door) -> None:
    _, me = market.user()
    for name, (body, field) in UNREADABLE.items():
        answer = await market.client.post(PURCHASE, content=body, headers=me)
        assert (answer.status_code, answer.json()["code"]) == (422, "MALFORMED"), (name, body)
        assert answer.json()["details"]["field"] == field, (name, answer.text)
    for amount in ("0", "-1", "1.5", "true", '"5"', "1000000000000001", "null"):
        answer = await market.client.post(TOP_UP, content=f'{{"credits":{amount}}}', headers=me)
        assert (answer.status_code, answer.json()["code"]) == (422, "MALFORMED"), amount


async def test_without_a_token_it_is_401(market: Door) -> None:
    for method, path in (
        ("POST", PURCHASE),
        ("POST", TOP_UP),
        ("GET", f"/api/marketplace/purchases/{_LEAD}"),
        ("GET", f"/api/marketplace/top-ups/{_LEAD}"),
    ):
        for headers in ({}, market.bearer("anon", None), {"authorization": "Bearer x"}):
            answer = await market.client.request(method, path, headers=headers, content=b"{}")
            assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHENTICATED"), path


async def test_a_users_workspace_is_the_one_that_the_token_names(market: Door) -> None:
    first, second, third = (str(uuid.uuid4()) for _ in range(3))
    cart = leads(market.database.connect(), [5, 5, 5])
    for workspace in (first, second, third):
        await fund(market, workspace, 5)
    tokens = (
        claims(workspace_id=first, app_metadata={"workspace_id": second}, sub=third),
        claims(app_metadata={"workspace_id": second}, sub=third),
        claims(workspace_id=None, user_metadata={"workspace_id": first}, sub=third),
    )
    for one, me in zip(cart, tokens, strict=True):
        answer = await buy(market, me, [one])
        assert answer.status_code == 200, answer.text
    bought = rows(
        market.database, "SELECT buyer_workspace_id::text FROM marketplace_purchases ORDER BY 1"
    )
    assert bought == sorted((workspace,) for workspace in (first, second, third))


async def test_nobody_acts_for_a_workspace_that_the_token_does_not_name(market: Door) -> None:
    workspace, me = market.user()
    other = str(uuid.uuid4())
    one = lead(market.database.connect(), 5)
    await fund(market, workspace, 5)
    refused = [
        await buy(market, me, [one], workspaceId=other),
        await buy(market, claims(), [one]),
        await buy(market, claims(workspace_id="acme", sub=workspace), [one]),
        await buy(market, claims(workspace_id=7, sub=workspace), [one]),
        await buy(market, claims(workspace_id="", sub=workspace), [one]),
        await buy(market, claims(app_metadata={"workspace_id": [workspace]}, sub=workspace), [one]),
    ]
    for answer in refused:
        assert (answer.status_code, answer.json()["code"]) == (403, "NOT_AUTHORIZED")
        assert "workspace" in answer.json()["detail"]
    unnamed = await buy(market, market.service, [one])
    assert (unnamed.status_code, unnamed.json()["details"]["field"]) == (422, "workspaceId")
    named = await buy(market, market.service, [one], workspaceId=workspace)
    assert named.status_code == 200
    own = await buy(market, me, [lead(market.database.connect(), 5)], workspaceId=workspace)
    assert own.status_code == 402


async def test_a_receipt_is_read_by_its_own_workspace_and_the_service(market: Door) -> None:
    (workspace, me), (_, stranger) = market.user(), market.user()
    await fund(market, workspace, 50)
    one = lead(market.database.connect(), 30)
    bought = (await buy(market, me, [one])).json()
    path = f"/api/marketplace/purchases/{bought['purchaseId']}"

    for reader in (me, market.service):
        answer = await market.client.get(path, headers=reader)
        receipt = answer.json()
        assert answer.status_code == 200
        assert (receipt["status"], receipt["totalPrice"]) == ("completed", 30)
        assert receipt["buyerWorkspaceId"] == workspace
        assert receipt["items"] == [{"leadId": one, "title": "Lead", "price": 30, "status": "sold"}]
        assert receipt["payment"] is None
    for reader, where in ((stranger, path), (me, path[:-36] + str(uuid.uuid4()))):
        answer = await market.client.get(where, headers=reader)
        assert (answer.status_code, answer.json()["code"]) == (404, "PURCHASE_NOT_FOUND")
    for bad in ("7", "x%27y", "%00", _LEAD + "0"):
        answer = await market.client.get(f"/api/marketplace/purchases/{bad}", headers=me)
        assert answer.status_code == 422, bad
