"""The door for claims: what an app is told, word for word, and whom it lets in."""

import asyncio
from typing import Any

import httpx
import pytest

from bursar.db.scratch import ScratchDatabase
from bursar.errors import Fault
from bursar.http import health
from bursar.http.conftest import SECRET, Shop, Told, app_of, client_of, shop_of
from tests.app_store import BOOSTER, CLAIM, SHIELD, Sold, new_user

USE, SHOP = "/functions/v1/use-item", "/functions/v1/shop"
NO_WORDS = {"success", "error", "code", "message", "details"}


def said_no(answer: httpx.Response) -> tuple[int, str, str]:
    told = answer.json()
    assert set(told) - {"status_message"} == NO_WORDS, told
    assert told["success"] is False
    assert told["message"]
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert ("retry-after" in answer.headers) == (answer.status_code == 503)
    return answer.status_code, told["error"], told["code"]


async def test_a_claim_is_granted_with_the_new_wallet_and_again_with_the_same(shop: Shop) -> None:
    sale = await shop.sold()

    answer = await shop.claim(sale)

    told = answer.json()
    assert answer.status_code == 200, answer.text
    assert set(told) == {"success", "tx_id", "sku", "claimed_at", "wallet", "replayed"}
    assert (told["success"], told["tx_id"], told["sku"]) == (True, sale.tx_id, SHIELD)
    wallet = told["wallet"]
    assert set(wallet) == {"user_id", "streakshield_count", "xp_booster_until", "updated_at"}
    assert (wallet["user_id"], wallet["streakshield_count"]) == (sale.user_id, 1)
    again = await shop.claim(sale)
    assert (again.status_code, again.headers["idempotent-replayed"]) == (200, "true")
    assert again.json() == told | {"replayed": True}
    assert shop.shields(sale.user_id) == 1


async def test_the_same_claim_many_times_at_once_is_granted_once(shop: Shop) -> None:
    sale = await shop.sold()
    answers = await asyncio.gather(*(shop.claim(sale) for _ in range(12)))
    assert [answer.status_code for answer in answers] == [200] * 12
    assert sorted(answer.json()["replayed"] for answer in answers) == [False] + [True] * 11
    assert shop.shields(sale.user_id) == 1
    assert shop.rows("SELECT * FROM check_wallet_integrity()") == []


async def test_a_cap_is_told_with_when_it_frees_up(shop: Shop) -> None:
    first = await shop.sold()
    second = await shop.sold(first.user_id)
    await shop.claim(first)
    answer = await shop.claim(second)
    assert said_no(answer) == (409, "cap_exceeded", "CAP_EXCEEDED")
    details = answer.json()["details"]
    assert (details["cap"], details["allowed"], details["used"]) == ("week", 1, 1)
    assert details["frees_up_at"] == details["window_end"]
    assert shop.rows("SELECT cap FROM claims_over_cap WHERE tx_id = %s", second.tx_id) == [
        ("week",)
    ]


async def test_what_cannot_be_claimed_is_refused_in_the_words_that_apps_know(shop: Shop) -> None:
    sale, refunded = await shop.sold(), await shop.sold()
    assert said_no(await shop.claim(sale, new_user())) == (
        *(409, "transaction_owned_by_other", "TRANSACTION_OWNED_BY_OTHER"),
    )
    assert said_no(await shop.claim(Sold())) == (
        *(404, "unknown_transaction", "UNKNOWN_TRANSACTION"),
    )
    await shop.bring(refunded.refunded())
    assert said_no(await shop.claim(refunded)) == (
        *(410, "transaction_refunded", "TRANSACTION_REFUNDED"),
    )
    shop.rows("UPDATE skus SET stacking = 'reject' WHERE sku = %s RETURNING 1", BOOSTER)
    running = await shop.sold(sku=BOOSTER)
    assert (await shop.claim(running)).status_code == 200
    another = await shop.sold(running.user_id, BOOSTER)
    assert said_no(await shop.claim(another)) == (409, "booster_active", "BOOSTER_ACTIVE")
    shop.switch("sku_enabled", {SHIELD: False})
    assert said_no(await shop.claim(sale)) == (403, "sku_disabled", "SKU_DISABLED")
    shop.switch("sku_enabled", {})
    assert said_no(await shop.claim(another)) == (403, "sku_disabled", "SKU_DISABLED")
    assert shop.shields(sale.user_id) == 0


async def test_a_wallet_that_cannot_take_it_is_wallet_update_error(shop: Shop) -> None:
    sale = await shop.sold()
    wallet = {"owner_id": sale.user_id, "asset": "streak_shield"}
    for verb, more in (
        ("grant", {"amount": 1}),
        ("spend", {"amount": 1}),
        ("freeze", {"wallet_status": "closed"}),
    ):
        assert (await shop.app._ledger.call(verb, wallet | more))["status"] == "done"
    assert said_no(await shop.claim(sale)) == (500, "wallet_update_error", "WALLET_CLOSED")


async def test_what_operators_want_users_to_know_is_in_every_refusal(shop: Shop) -> None:
    sentence = "Claims are slow today; nothing is lost."
    shop.switch("status_message", {"text": sentence})
    refused = await shop.claim(Sold())
    assert refused.json()["status_message"] == sentence
    unknown = await shop.client.post(CLAIM, json={})
    assert (unknown.status_code, unknown.json()["status_message"]) == (401, sentence)


BAD: dict[str, Any] = {
    "no body": "",
    "no JSON": "{",
    "a list": "[]",
    "no transaction": '{"sku": "s"}',
    "no product": '{"tx_id": "t"}',
    "an empty id": '{"sku": "s", "tx_id": ""}',
    "a number": '{"sku": "s", "tx_id": 7}',
    "null": '{"sku": "s", "tx_id": null}',
    "a line's end": '{"sku": "s", "tx_id": "t\\n"}',
    "NUL": '{"sku": "s", "tx_id": "t\\u0000"}',
    "not ASCII": '{"sku": "s", "tx_id": "tü"}',
    "too long": f'{{"sku": "s", "tx_id": "{"t" * 256}"}}',
    "twice": '{"sku": "s", "tx_id": "t", "tx_id": "u"}',
    "another environment": '{"sku": "s", "tx_id": "t", "environment": "TEST"}',
    "a field that is none": '{"sku": "s", "tx_id": "t", "amount": 5}',
}


async def test_what_cannot_be_read_is_400_invalid_request(shop: Shop) -> None:
    me = shop.bearer("authenticated", new_user())
    for name, body in BAD.items():
        answer = await shop.client.post(CLAIM, content=body, headers=me)
        assert said_no(answer) == (400, "invalid_request", "MALFORMED"), name
    for body in ('{"amount": 0}', '{"amount": 1.5}', '{"item": "A b"}', "[]"):
        answer = await shop.client.post(USE, content=body, headers=me)
        assert said_no(answer) == (400, "invalid_request", "MALFORMED"), body
    large = await shop.client.post(CLAIM, content=b"x" * 1_048_577, headers=me)
    assert said_no(large) == (413, "body_too_large", "BODY_TOO_LARGE")
    other = await shop.client.put(CLAIM, headers=me)
    assert said_no(other) == (405, "method_not_allowed", "METHOD_NOT_ALLOWED")


async def test_without_a_token_it_is_401(shop: Shop) -> None:
    for headers in ({}, shop.bearer("anon", None), {"authorization": "Bearer x"}):
        for method, path in (("POST", CLAIM), ("POST", USE), ("GET", SHOP)):
            answer = await shop.client.request(method, path, headers=headers, content=b"{}")
            assert said_no(answer) == (401, "unauthorized", "UNAUTHENTICATED")
            assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_users_claim_for_themselves_and_the_service_for_whom_it_names(shop: Shop) -> None:
    sale, other = await shop.sold(), await shop.sold()
    forged = await shop.claim(sale, other.user_id, user_id=sale.user_id)
    assert said_no(forged) == (403, "not_authorized", "NOT_AUTHORIZED")
    assert (await shop.claim(sale, user_id=sale.user_id)).status_code == 200
    named = other.claim | {"user_id": other.user_id}
    assert (await shop.client.post(CLAIM, json=named, headers=shop.service)).status_code == 200
    unnamed = await shop.client.post(CLAIM, json=other.claim, headers=shop.service)
    assert said_no(unnamed) == (400, "invalid_request", "MALFORMED")


async def test_a_claim_that_has_to_wait_is_202_and_says_what_for(shop: Shop) -> None:
    shop.switch("unknown_transaction", "pending")
    early = Sold()
    answer = await shop.claim(early)
    told = answer.json()
    assert (answer.status_code, told["waits_for"]) == (202, "purchase")
    assert (told["success"], told["queued"]) == (True, True)
    assert "safe" in told["message"]
    await shop.bring(early.bought())
    assert shop.shields(early.user_id) == 1

    sale = await shop.sold()
    shop.switch("claims_mode", {"mode": "queue"})
    shop.switch("status_message", {"text": "Back at noon."})
    await asyncio.sleep(1.1)  # The message is asked for once in a second.
    answer = await shop.claim(sale)
    assert (answer.status_code, answer.json()["waits_for"]) == (202, "opening")
    assert answer.json()["status_message"] == "Back at noon."
    assert shop.shields(sale.user_id) == 0


async def test_claims_are_well_while_the_database_is_there(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = await shop.client.get(f"{CLAIM}?health=1")
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")
    for path in (CLAIM, f"{CLAIM}?health=0"):
        assert said_no(await shop.client.get(path)) == (400, "invalid_request", "MALFORMED")
    monkeypatch.setattr(health, "TIMEOUT_SECONDS", 0.5)
    app = app_of(Told())
    async with client_of(app) as client:
        away = await client.get(f"{CLAIM}?health=1")
        assert (away.status_code, away.json()["status"]) == (503, "unavailable")
    await app.close()


async def test_items_are_used_once_for_each_key(shop: Shop) -> None:
    sale = await shop.sold()
    await shop.claim(sale)
    me = shop.bearer("authenticated", sale.user_id) | {"idempotency-key": "use-1"}
    for replayed in (False, True):
        answer = await shop.client.post(USE, json={}, headers=me)
        told = answer.json()
        assert (answer.status_code, told["replayed"]) == (200, replayed), answer.text
        assert (told["item"], told["amount"], told["left"]) == ("streak_shield", 1, 0)
    more = await shop.client.post(USE, json={}, headers=me | {"idempotency-key": "use-2"})
    assert said_no(more) == (402, "insufficient_funds", "INSUFFICIENT_FUNDS")
    mismatch = await shop.client.post(USE, json={"amount": 2}, headers=me)
    assert said_no(mismatch) == (422, "idempotency_mismatch", "IDEMPOTENCY_MISMATCH")
    assert shop.rows("SELECT * FROM check_wallet_integrity()") == []


async def test_a_user_sees_their_own_shop(shop: Shop) -> None:
    sale = await shop.sold()
    await shop.claim(sale)
    waiting = await shop.sold(sale.user_id)
    me = shop.bearer("authenticated", sale.user_id)
    told = (await shop.client.get(SHOP, headers=me)).json()
    assert (told["success"], told["wallet"]["streakshield_count"]) == (True, 1)
    assert [one["tx_id"] for one in told["claimable"]] == [waiting.tx_id]
    assert {one["sku"]: bool(one["cap"]) for one in told["skus"]} == {SHIELD: True, BOOSTER: False}
    named = {"user_id": sale.user_id}
    by_service = await shop.client.get(SHOP, params=named, headers=shop.service)
    assert by_service.json()["wallet"] == told["wallet"]
    stranger = shop.bearer("authenticated", new_user())
    spying = await shop.client.get(SHOP, params=named, headers=stranger)
    assert said_no(spying) == (403, "not_authorized", "NOT_AUTHORIZED")


async def test_a_claim_that_plain_sql_recorded_is_answered_with_the_wallet(shop: Shop) -> None:
    sale = await shop.sold()
    shop.rows(
        "INSERT INTO purchase_claims (tx_id, user_id, sku) VALUES (%s, %s, %s) RETURNING 1",
        *(sale.tx_id, sale.user_id, SHIELD),
    )
    answer = await shop.claim(sale)
    assert (answer.status_code, answer.json()["replayed"]) == (200, True)
    assert answer.json()["wallet"]["streakshield_count"] == 0
    shop.rows(
        "UPDATE user_wallet_balances SET streakshield_count = 1 WHERE user_id = %s RETURNING 1",
        sale.user_id,
    )
    assert (await shop.claim(sale)).json()["wallet"]["streakshield_count"] == 1


async def test_while_changes_are_paused_it_is_503_degraded(
    shop: Shop, database: ScratchDatabase
) -> None:
    sale = await shop.sold()
    shop.rows("UPDATE bursar.gate SET degraded = true RETURNING 1")
    assert said_no(await shop.claim(sale)) == (503, "degraded", "DEGRADED")
    shop.rows("UPDATE bursar.gate SET degraded = false RETURNING 1")
    async with shop_of(database, degraded_mode="on") as paused:
        assert said_no(await paused.claim(sale)) == (503, "degraded", "DEGRADED")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (Fault("a column is missing"), (500, "internal_error", "FAULT")),
        (RuntimeError("secret inside"), (500, "internal_error", "FAULT")),
        ({"status": "refused", "code": "BUSY", "message": "BUSY: held"}, (503, "busy", "BUSY")),
    ],
)
async def test_what_fails_says_nothing_of_its_inside(said: Any, told: tuple[int, str, str]) -> None:
    app = app_of(Told(said))
    async with client_of(app) as client:
        headers = Shop.bearer("authenticated", "ann")
        answer = await client.post(CLAIM, json=Sold().claim, headers=headers)
        assert said_no(answer) == told
        assert "missing" not in answer.text
        assert "secret" not in answer.text
    await app.close()


async def test_pages_of_other_sites_may_claim_where_that_was_allowed(
    database: ScratchDatabase,
) -> None:
    origin = {"origin": "https://app.example"}
    async with shop_of(database, cors_origins="https://app.example") as shop:
        asked = origin | {"access-control-request-method": "POST"}
        before = await shop.client.options(CLAIM, headers=asked)
        assert before.status_code == 204
        assert "POST" in before.headers["access-control-allow-methods"]
        answer = await shop.client.post(CLAIM, headers=origin)
        assert answer.headers["access-control-allow-origin"] == "https://app.example"
        assert SECRET not in answer.text
