"""The marketplace's functions over RPC: carried under their key, answered as in SQL."""

import asyncio
import json
import uuid
from typing import Any

import httpx
import pytest

from bursar.db.scratch import ScratchDatabase
from bursar.http.conftest import Door, till_of
from bursar.http.rpc_test import error_of, refusal_of
from tests.market import Payment, lead, leads, new_id

BUY, RESERVE = "complete_credit_lead_purchase", "validate_and_lock_leads_for_purchase"
PAID, MARK = "complete_stripe_lead_purchase", "mark_leads_sold_bulk"


async def call(door: Door, function: str, key: str = "", **arguments: Any) -> httpx.Response:
    keyed = {"idempotency-key": key} if key else {}
    return await door.client.post(
        f"/rest/v1/rpc/{function}", json=arguments, headers=door.service | keyed
    )


def in_sql(door: Door, function: str, **arguments: Any) -> dict[str, Any]:
    """What the function answers to somebody who calls it in SQL."""
    given = ", ".join(f"{name} => %s" for name in arguments)
    row = door.database.connect("service_role").execute(
        f"SELECT public.{function}({given})".encode(), list(arguments.values())
    )
    found = row.fetchone()
    assert found is not None
    made: dict[str, Any] = found[0]
    return made


async def rich(door: Door, amount: int = 1000) -> str:
    """A workspace with credits."""
    workspace = new_id()
    body = {"owner_id": workspace, "asset": "workspace_credit", "amount": amount}
    answer = await door.client.post("/v1/grants", json=body, headers=door.service)
    assert answer.status_code == 201, answer.text
    return workspace


def shape(value: Any) -> Any:
    """Which fields there are, and of which types; ids of things are alike."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value]
    return type(value).__name__


async def test_answers_have_the_shape_that_they_have_in_sql(market: Door) -> None:
    admin = market.database.connect()
    buyer = await rich(market)
    for prices in ([60], [1, 2, 3]):
        told = in_sql(market, BUY, p_buyer_workspace_id=buyer, p_lead_ids=leads(admin, prices))
        answer = await call(
            market, BUY, p_buyer_workspace_id=buyer, p_lead_ids=leads(admin, prices)
        )
        assert (answer.status_code, answer.json()["status"]) == (200, "done"), answer.text
        assert shape(answer.json()) == shape(told)
    cart = [*leads(admin, [60]), new_id()]
    wanted: dict[str, Any] = {"p_buyer_workspace_id": buyer, "p_lead_ids": cart}
    for function in (BUY, RESERVE):
        answer = await call(market, function, **wanted)
        assert (answer.status_code, answer.json()["code"]) == (200, "PURCHASE_CONFLICT")
        assert answer.json() == in_sql(market, function, **wanted)
    in_part = in_sql(market, RESERVE, **wanted, p_allow_partial=True, p_reserve_seconds=60)
    answer = await call(market, RESERVE, **wanted, p_allow_partial=True, p_reserve_seconds=60)
    assert shape(answer.json()) == shape(in_part)


async def test_a_paid_purchase_is_completed_and_marked_as_in_sql(market: Door) -> None:
    admin = market.database.connect()
    for ask in (in_sql, call):
        reserved = in_sql(
            market, RESERVE, p_buyer_workspace_id=new_id(), p_lead_ids=leads(admin, [60])
        )
        purchase = {"p_purchase_id": reserved["purchase_id"]}
        paid = {**purchase, "p_payment_intent_id": f"pi_{new_id()}"}
        said = []
        for function, arguments in ((MARK, purchase), (PAID, paid), (PAID, paid), (MARK, purchase)):
            answer = ask(market, function, **arguments)
            told = answer if isinstance(answer, dict) else (await answer).json()
            said.append((told.get("code", "done"), told["replayed"], set(told)))
        assert [one[:2] for one in said] == [
            ("NOT_PAID", False),
            ("done", False),
            ("done", True),
            ("done", True),
        ]
        if ask is in_sql:
            first = said
    assert said == first


@pytest.mark.parametrize("function", [BUY, RESERVE])
async def test_a_key_sent_50_times_at_once_has_one_effect(market: Door, function: str) -> None:
    admin = market.database.connect()
    buyer = await rich(market)
    cart = leads(admin, [60, 40])
    wanted: dict[str, Any] = {"p_buyer_workspace_id": buyer, "p_lead_ids": cart}

    answers = await asyncio.gather(*(call(market, function, "once", **wanted) for _ in range(50)))

    assert {answer.status_code for answer in answers} == {200}
    outcomes = [answer.json() | {"replayed": None} for answer in answers]
    assert outcomes[0]["status"] == "done"
    assert all(outcome == outcomes[0] for outcome in outcomes)
    assert sum("idempotent-replayed" not in answer.headers for answer in answers) == 1
    rows = admin.execute("SELECT count(*) FROM public.marketplace_purchases").fetchone()
    assert rows == (1,)
    other = await call(market, function, "once", **wanted | {"p_lead_ids": cart[:1]})
    refusal_of(other, "IDEMPOTENCY_MISMATCH")
    assert other.status_code == 422
    # Without a key it is another request.
    again = await call(market, function, **wanted)
    assert "idempotent-replayed" not in again.headers


async def test_a_remembered_refusal_is_answered_again(market: Door) -> None:
    buyer, wanted = new_id(), [lead(market.database.connect(), 60)]
    arguments: dict[str, Any] = {"p_buyer_workspace_id": buyer, "p_lead_ids": wanted}
    first = await call(market, BUY, "poor", **arguments)
    body = {"owner_id": buyer, "asset": "workspace_credit", "amount": 100}
    await market.client.post("/v1/grants", json=body, headers=market.service)

    again = await call(market, BUY, "poor", **arguments)

    assert (first.status_code, first.json()["code"]) == (200, "INSUFFICIENT_FUNDS")
    assert (again.status_code, again.json()["code"]) == (200, "INSUFFICIENT_FUNDS")
    assert again.headers["idempotent-replayed"] == "true"
    assert (await call(market, BUY, "rich", **arguments)).json()["status"] == "done"


async def test_the_doors_of_the_service_share_a_key(market: Door) -> None:
    buyer = await rich(market)
    cart = [lead(market.database.connect(), 60)]
    headers = market.service | {"idempotency-key": "shared"}
    body = {"leadIds": cart, "paymentMethod": "credits", "workspaceId": buyer}

    first = await market.client.post("/api/marketplace/purchase", json=body, headers=headers)
    again = await call(market, BUY, "shared", p_buyer_workspace_id=buyer, p_lead_ids=cart)

    assert first.status_code == 200, first.text
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json()["purchase_id"] == first.json()["purchaseId"]


async def test_what_is_reserved_is_paid_in_the_mode_of_the_key(database: ScratchDatabase) -> None:
    async with till_of(database, stripe_api_key="sk_live_x") as till:
        cart = leads(till.database.connect(), [60])
        reserved = await call(till, RESERVE, p_buyer_workspace_id=new_id(), p_lead_ids=cart)
        payment = Payment(reserved.json()["payment_id"], 60)

        answer = await till.bring(payment.completed() | {"livemode": True})

        assert answer.status_code == 200, answer.text
        assert till.sold() == [1]


@pytest.mark.parametrize("function", [BUY, RESERVE, PAID, MARK])
async def test_only_the_service_may(market: Door, function: str) -> None:
    named = {"p_purchase_id": new_id()}
    arguments = {
        PAID: {**named, "p_payment_intent_id": "pi_1"},
        MARK: named,
    }.get(function, {"p_buyer_workspace_id": new_id(), "p_lead_ids": [new_id()]})
    path, (_, me) = f"/rest/v1/rpc/{function}", market.user()

    error_of(await market.client.post(path, json=arguments, headers=me), 403, "42501")
    error_of(await market.client.post(path, json=arguments), 401, "42501")
    keyed = await market.client.post(path, json=arguments, headers=me | {"idempotency-key": "k"})
    error_of(keyed, 400, "PGRST100")


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"p_lead_ids": ["x"]}, 400, "22P02"),
        ({"p_lead_ids": [1]}, 400, "22P02"),
        ({"p_buyer_workspace_id": 7}, 400, "22P02"),
        ({"p_buyer_workspace_id": None}, 400, "22P02"),
        ({"p_lead_ids": "x"}, 422, "UB001"),
        ({"p_allow_partial": "yes"}, 422, "UB001"),
        ({"p_expected_prices": [60]}, 422, "UB001"),
        ({"nobody": 1}, 404, "PGRST202"),
    ],
)
async def test_arguments_that_do_not_fit_are_errors(
    market: Door, change: dict[str, Any], status: int, code: str
) -> None:
    arguments = {"p_buyer_workspace_id": new_id(), "p_lead_ids": [new_id()]} | change
    error_of(await call(market, BUY, **arguments), status, code)


@pytest.mark.parametrize(
    "change",
    [
        {"p_lead_ids": []},
        {"p_lead_ids": [str(uuid.UUID(int=7))] * 2},
        {"p_lead_ids": [str(uuid.UUID(int=n)) for n in range(501)]},
        {"p_expected_prices": {"x": 60}},
        {"p_expected_prices": {str(uuid.UUID(int=7)): 0}},
        {"p_expected_prices": {str(uuid.UUID(int=7)): 1.5}},
        {"p_reserve_seconds": 59},
        {"p_reserve_seconds": -1},
    ],
)
async def test_what_the_verb_cannot_read_is_answered_as_in_sql(
    market: Door, change: dict[str, Any]
) -> None:
    arguments = {"p_buyer_workspace_id": new_id(), "p_lead_ids": [new_id()]} | change
    answer = await call(market, RESERVE, **arguments)
    if "p_expected_prices" in arguments:
        arguments["p_expected_prices"] = json.dumps(arguments["p_expected_prices"])
    assert (answer.status_code, answer.json()["code"]) == (200, "MALFORMED")
    assert answer.json() == in_sql(market, RESERVE, **arguments)
