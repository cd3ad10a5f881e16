"""The door for RevenueCat's events: who is believed, what is kept, what takes effect."""

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from typing import Any

from bursar.db.scratch import ScratchDatabase
from bursar.errors import Fault
from bursar.http.conftest import Shop, Told, app_of, client_of, shop_of
from bursar.http.revenuecat_webhook import BODY_BYTES_MAX
from tests.app_store import AUTHORIZATION, SHIELD, WEBHOOK, Sold, new_user, posted, transfer

SECRET = "signed with this by RevenueCat"


def inbox(shop: Shop) -> list[tuple[str, str, int]]:
    return shop.rows("SELECT type, status, deliveries FROM bursar.inbox ORDER BY id")


def signed(body: bytes, secret: str = SECRET, at: int | None = None) -> str:
    moment = int(time.time()) if at is None else at
    mark = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={mark}"


async def test_an_event_takes_effect_once(shop: Shop) -> None:
    sale = Sold()
    event = sale.bought()

    answer = await shop.bring(event)

    assert answer.status_code == 200, answer.text
    assert answer.json() == {
        "received": True,
        "event_id": event["id"],
        "type": "NON_RENEWING_PURCHASE",
        "effect": "applied",
        "tx_id": sale.tx_id,
        "purchase_status": "NON_RENEWING_PURCHASE",
    }
    again = await shop.bring(event)
    assert (again.status_code, again.headers["idempotent-replayed"]) == (200, "true")
    assert again.json() == answer.json()
    assert inbox(shop) == [("NON_RENEWING_PURCHASE", "done", 2)]


async def test_the_same_event_many_times_at_once_has_one_effect(shop: Shop) -> None:
    sale = await shop.sold()
    await shop.claim(sale)
    refund = sale.refunded()
    answers = await asyncio.gather(*(shop.bring(refund) for _ in range(12)))
    assert [answer.status_code for answer in answers] == [200] * 12
    assert sum("idempotent-replayed" in answer.headers for answer in answers) == 11
    assert shop.shields(sale.user_id) == 0
    assert shop.rows("SELECT * FROM check_wallet_integrity()") == []


async def test_a_refund_takes_back_and_its_reversal_gives_again(shop: Shop) -> None:
    sale = await shop.sold()
    await shop.claim(sale)
    for event, shields in ((sale.refunded(), 0), (sale.refund_reversed(), 1)):
        assert (await shop.bring(event)).json()["effect"] == "applied"
        assert shop.shields(sale.user_id) == shields


async def test_types_of_no_consequence_and_unknown_ones_are_kept(shop: Shop) -> None:
    sale = Sold()
    events = [
        sale.event("TEST", transaction_id=None),
        sale.event("INVENTED_YESTERDAY", product_id=None, novelty={"deep": [1, None]}),
        sale.event("INVENTED_TODAY", app_user_id=7),
        {"id": "1", "type": "PAYWALL_SHOWN", "event_timestamp_ms": 1_790_000_000_000},
    ]
    for event in events:
        answer = await shop.bring(event)
        assert (answer.status_code, answer.json().get("effect")) == (200, "ignored"), answer.text
    assert [status for _, status, _ in inbox(shop)] == ["done"] * 4
    assert (await shop.bring(sale.bought())).json()["effect"] == "applied"
    assert (await shop.claim(sale)).status_code == 200


async def test_what_a_transfer_moves_is_claimed_by_its_new_owner(shop: Shop) -> None:
    sale, heir = await shop.sold(), new_user()
    answer = await shop.bring(transfer(sale.user_id, heir, sale.at_ms + 1000))
    assert answer.json()["effect"] == "applied"
    assert (await shop.claim(sale, heir)).status_code == 200


async def test_who_is_not_believed_is_401_and_leaves_nothing(shop: Shop) -> None:
    event = Sold().bought()
    for authorization in (
        *("", AUTHORIZATION[:-1], AUTHORIZATION + "x", AUTHORIZATION.upper(), "Bearer"),
        shop.service["authorization"],
    ):
        answer = await shop.client.post(WEBHOOK, **posted(event, authorization))
        assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHENTICATED")
        assert AUTHORIZATION not in answer.text
    twice = [("authorization", AUTHORIZATION), ("authorization", "x")]
    answer = await shop.client.post(WEBHOOK, json=posted(event)["json"], headers=twice)
    assert answer.status_code == 400
    assert inbox(shop) == []


async def test_a_signature_is_asked_for_where_there_is_a_secret(
    database: ScratchDatabase, stopped_clock: int
) -> None:
    now = stopped_clock
    async with shop_of(database, revenuecat_signature_secret=SECRET) as shop:
        body = json.dumps(posted(Sold().bought())["json"]).encode()
        good = signed(body)
        plain = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()

        async def status(header: str, value: str, content: bytes = body) -> int:
            headers = {"authorization": AUTHORIZATION, header: value}
            return (await shop.client.post(WEBHOOK, content=content, headers=headers)).status_code

        for value in (
            *("", f"t={now}", "v1=", good[:-1], good.replace("v1=", "v0="), f"t={now},{good}"),
            good.replace(f"t={now}", f"t={now + 1}"),
            signed(body, "another"),
            signed(body, at=now - 302),
            signed(body, at=now + 303),
            plain,
        ):
            assert await status("x-revenuecat-webhook-signature", value) == 401, value
        assert await status("x-revenuecat-webhook-signature", good, body + b" ") == 401
        assert await status("x-revenuecat-signature", plain[:-1]) == 401
        assert inbox(shop) == []
        rotating = f"{signed(body, 'the old secret')},{good.partition(',')[2]}"
        assert await status("x-revenuecat-webhook-signature", rotating) == 200
        assert await status("x-revenuecat-webhook-signature", signed(body, at=now - 298)) == 200
        assert await status("x-revenuecat-signature", plain) == 200
        wrong = {"authorization": "x", "x-revenuecat-webhook-signature": signed(body)}
        answer = await shop.client.post(WEBHOOK, content=body, headers=wrong)
        assert answer.status_code == 401


async def test_the_signature_alone_is_enough_where_no_header_was_agreed(
    database: ScratchDatabase,
) -> None:
    asked = {"revenuecat_authorization": "", "revenuecat_signature_secret": SECRET}
    async with shop_of(database, **asked) as shop:
        body = json.dumps(posted(Sold().bought())["json"]).encode()
        headers = {"x-revenuecat-webhook-signature": signed(body)}
        assert (await shop.client.post(WEBHOOK, content=body, headers=headers)).status_code == 200
        assert (await shop.client.post(WEBHOOK, content=body)).status_code == 401


async def test_where_nothing_was_agreed_nobody_is_believed(database: ScratchDatabase) -> None:
    async with shop_of(database, revenuecat_authorization="") as shop:
        for authorization in ("", AUTHORIZATION):
            answer = await shop.client.post(WEBHOOK, **posted(Sold().bought(), authorization))
            assert (answer.status_code, answer.json()["code"]) == (503, "NOT_CONFIGURED")
            assert "BURSAR_REVENUECAT_AUTHORIZATION" in answer.json()["detail"]
        assert inbox(shop) == []


async def test_what_is_no_event_is_400_and_leaves_nothing(shop: Shop) -> None:
    fair = Sold().bought()
    bad: list[Any] = [None, [], 7, {}, fair | {"id": 7}, fair | {"id": ""}, fair | {"type": None}]
    bad += [fair | {"event_timestamp_ms": at} for at in (None, "1", -1, True, 1.5, 10**15)]
    bad += [fair | {"product_id": None}, fair | {"transaction_id": "x" * 201}]
    bad += [fair | {"app_user_id": who} for who in (None, "", "system:external", " ann")]
    for event in bad:
        answer = await shop.bring(event)
        assert (answer.status_code, answer.json()["code"]) == (400, "MALFORMED"), event
    for body in (b"", b"[]", b"{", b'{"event": NaN}', b'{"event":' + b"[" * 5000):
        headers = {"authorization": AUTHORIZATION}
        answer = await shop.client.post(WEBHOOK, content=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (400, "MALFORMED"), body
    assert inbox(shop) == []


async def test_what_users_write_into_attributes_costs_nobody_a_purchase(shop: Shop) -> None:
    sale = Sold()
    written = {"$displayName": {"value": "a\0b\ud800c \U0001f600"}, "k\0": 1}
    body = json.dumps({"event": sale.bought(subscriber_attributes=written)}).encode()
    body = body.replace(b'"price": 1.09', b'"price": 1e400, "raw": "\xff"')
    headers = {"authorization": AUTHORIZATION}
    answer = await shop.client.post(WEBHOOK, content=body, headers=headers)
    assert answer.status_code == 200, answer.text
    assert (await shop.claim(sale)).status_code == 200


async def test_a_body_is_bounded(shop: Shop) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(BODY_BYTES_MAX // 1024 + 1):
            yield b"x" * 1024

    headers = {"authorization": AUTHORIZATION}
    for content in (b"x" * (BODY_BYTES_MAX + 1), pieces()):
        answer = await shop.client.post(WEBHOOK, content=content, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (413, "BODY_TOO_LARGE")


async def test_while_claims_are_queued_events_wait_too(shop: Shop) -> None:
    shop.switch("claims_mode", {"mode": "queue"})
    sale = Sold()
    assert (await shop.bring(sale.bought())).json()["effect"] == "queued"
    assert shop.rows("SELECT FROM audit_purchases") == []
    shop.switch("claims_mode", {"mode": "open"})
    await shop.app._worker.work(shop.app._ledger)
    assert shop.rows("SELECT tx_id FROM audit_purchases") == [(sale.tx_id,)]


async def test_while_changes_are_paused_events_are_kept_and_take_effect_later(
    shop: Shop, database: ScratchDatabase
) -> None:
    events = [Sold().bought() for _ in range(3)]
    gate = "UPDATE bursar.gate SET degraded = %s RETURNING 1"
    shop.rows(gate, True)
    assert (await shop.bring(events[0])).json()["effect"] == "kept"
    await shop.app._worker.work(shop.app._ledger)
    assert inbox(shop) == [("NON_RENEWING_PURCHASE", "waiting", 1)]
    shop.rows(gate, False)
    async with shop_of(database, degraded_mode="on") as paused:
        assert (await paused.bring(events[1])).json()["effect"] == "kept"
    await shop.app._worker.work(shop.app._ledger)
    assert [status for _, status, _ in inbox(shop)] == ["done", "done"]
    assert len(shop.rows("SELECT FROM audit_purchases")) == 2


async def test_a_busy_wallet_is_503_and_delays_nobody_else(database: ScratchDatabase) -> None:
    async with shop_of(database, busy_timeout_ms=200, lock_timeout_ms=50) as shop:
        sale = await shop.sold()
        await shop.claim(sale)
        holder = database.connect(autocommit=False)
        holder.execute(
            "SELECT FROM user_wallet_balances WHERE user_id = %s FOR UPDATE", [sale.user_id]
        )
        refund = sale.refunded()
        busy = asyncio.ensure_future(shop.bring(refund))
        await asyncio.sleep(0.1)
        assert (await shop.bring(Sold().bought())).json()["effect"] == "applied"
        answer = await busy
        assert (answer.status_code, answer.json()["code"]) == (503, "BUSY")
        assert int(answer.headers["retry-after"]) >= 1
        assert len(inbox(shop)) == 2
        holder.rollback()
        assert (await shop.bring(refund)).json()["effect"] == "applied"


async def test_an_event_that_is_stored_and_refused_is_answered_200(shop: Shop) -> None:
    sale = await shop.sold()
    await shop.claim(sale)
    wallet = {"owner_id": sale.user_id, "asset": "streak_shield"}
    for verb, more in (("spend", {"amount": 1}), ("freeze", {"wallet_status": "closed"})):
        assert (await shop.app._ledger.call(verb, wallet | more))["status"] == "done"
    answer = await shop.bring(sale.refunded())
    told = answer.json()
    assert (answer.status_code, told["effect"], told["code"]) == (200, "refused", "WALLET_CLOSED")
    assert inbox(shop)[1][1] == "refused"


async def test_an_event_that_fails_by_itself_is_kept_and_listed(
    shop: Shop, database: ScratchDatabase
) -> None:
    sale = await shop.sold()
    await shop.claim(sale)
    trap = database.connect()
    trap.execute(
        "CREATE FUNCTION trap() RETURNS trigger LANGUAGE plpgsql AS"
        " $$BEGIN RAISE 'not today'; END$$;"
        "CREATE TRIGGER a_trap BEFORE UPDATE ON user_wallet_balances"
        " FOR EACH ROW EXECUTE FUNCTION trap()"
    )
    answer = await shop.bring(sale.refunded())
    assert (answer.status_code, answer.json()["effect"]) == (200, "kept")
    await shop.app._worker.work(shop.app._ledger)
    listed = shop.rows("SELECT outcome ->> 'message' FROM bursar.inbox WHERE status = 'refused'")
    assert len(listed) == 1
    assert "not today" in listed[0][0]


async def test_what_is_nowhere_kept_is_not_received() -> None:
    app = app_of(Told(Fault("a table is missing")), revenuecat_authorization=AUTHORIZATION)
    async with client_of(app) as client:
        answer = await client.post(WEBHOOK, **posted(Sold(sku=SHIELD).bought()))
        assert (answer.status_code, answer.json()["code"]) == (503, "UNAVAILABLE")
    await app.close()
