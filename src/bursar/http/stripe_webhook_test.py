"""The door for the card company's events: which are believed, what is stored, what takes effect."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bursar.db.scratch import ScratchDatabase
from bursar.errors import Fault, OutcomeUnknown
from bursar.http.conftest import WEBHOOK, Till, Told, app_of, client_of, till_of
from bursar.http.stripe_webhook import BODY_BYTES_MAX
from tests import stand_in as staged
from tests.market import Payment, new_id
from tests.stand_in import signed

NEW, OLD, FOREIGN = "whsec_of_today", "whsec_of_yesterday", "whsec_of_somebody_else"
DAY = 86_400


@pytest.fixture
async def rotating(database: ScratchDatabase) -> AsyncIterator[Till]:
    """One whose secret is being replaced."""
    async with till_of(database, stripe_webhook_secret=f"{NEW}, {OLD},") as made:
        yield made


async def test_an_event_that_is_believed_takes_effect_once(till: Till) -> None:
    event = (payment := await till.reserve()).completed()

    answer = await till.bring(event)

    told = answer.json()
    assert answer.status_code == 200, answer.text
    assert (told["received"], told["effect"], told["eventId"]) == (True, "applied", event["id"])
    assert (told["paymentId"], told["purchaseStatus"]) == (payment.payment_id, "completed")
    again = await till.bring(event)
    assert (again.status_code, again.headers["idempotent-replayed"]) == (200, "true")
    assert again.json() == told
    assert (till.inbox(), till.sold()) == ([("done", 2)], [1])


async def test_the_same_event_many_times_at_once_has_one_effect(till: Till) -> None:
    posted = signed((await till.reserve()).completed())
    answers = await asyncio.gather(*(till.send(posted) for _ in range(12)))
    assert [answer.status_code for answer in answers] == [200] * 12
    assert sum("idempotent-replayed" in answer.headers for answer in answers) == 11
    assert (till.inbox(), till.sold()) == ([("done", 12)], [1])
    text = (await till.client.get("/metrics")).text
    assert 'bursar_requests_total{kind="done",outcome="done",verb="take_stripe_event"} 12.0' in text
    assert 'bursar_replays_total{verb="take_stripe_event"} 11.0' in text


async def test_an_event_of_nobody_is_received_and_stored(till: Till) -> None:
    for event in (Payment(new_id(), 60).completed(), Payment("", 60).dispute("funds_withdrawn")):
        answer = await till.bring(event)
        assert (answer.status_code, answer.json()["effect"]) == (200, "unmatched")
    assert till.inbox() == [("done", 1)] * 2


def header(posted: dict[str, Any], value: str) -> dict[str, Any]:
    return {**posted, "headers": {"stripe-signature": value}}


def one_byte_changed(posted: dict[str, Any]) -> dict[str, Any]:
    body: bytes = posted["content"]
    assert b'"amount_total": 60' in body
    return {**posted, "content": body.replace(b'"amount_total": 60', b'"amount_total": 61')}


async def test_what_is_not_to_be_believed_is_400_and_leaves_nothing(
    till: Till, stopped_clock: int
) -> None:
    event, now = (await till.reserve()).completed(), stopped_clock
    good = signed(event)
    mark = good["headers"]["stripe-signature"]
    grid: dict[str, dict[str, Any]] = {
        "no signature": {"content": good["content"]},
        "an empty one": header(good, ""),
        "no signature in it": header(good, f"t={now}"),
        "a signature of nothing": header(good, f"t={now},v1="),
        "another scheme": header(good, mark.replace("v1=", "v0=")),
        "a foreign secret": signed(event, [FOREIGN]),
        "another time than was signed": header(good, mark.replace(f"t={now}", f"t={now + 1}")),
        "two times": header(good, f"t={now - DAY},{mark}"),
        "one byte changed": one_byte_changed(good),
        "one byte more": {**good, "content": good["content"] + b"\n"},
        "another event": {**good, "content": signed(Payment(new_id(), 1).completed())["content"]},
        "too old": signed(event, at=now - 302),
        "from the future": signed(event, at=now + 302),
        "replayed after four days": signed(event, at=now - 4 * DAY),
    }
    for name, posted in grid.items():
        answer = await till.send(posted)
        assert (answer.status_code, answer.json()["code"]) == (400, "SIGNATURE_INVALID"), name
        assert answer.headers["content-type"] == "application/problem+json"
        assert staged.SECRET not in answer.text
    assert (till.inbox(), till.sold()) == ([], [0])
    text = (await till.client.get("/metrics")).text
    counted = (
        'bursar_requests_total{kind="refused",outcome="SIGNATURE_INVALID",verb="take_stripe_event"}'
    )
    assert f"{counted} {len(grid)}.0" in text


@pytest.mark.parametrize("off", [-298, 298])
async def test_within_the_tolerance_either_way_an_event_is_taken(
    till: Till, stopped_clock: int, off: int
) -> None:
    event = (await till.reserve()).completed()
    answer = await till.send(signed(event, at=stopped_clock + off))
    assert (answer.status_code, till.sold()) == (200, [1])


async def test_an_event_of_four_days_ago_that_is_sent_again_today_is_taken_once(
    till: Till,
) -> None:
    """The card company signs each delivery anew; how old the event itself is means nothing."""
    event = (await till.reserve()).completed() | {"created": int(time.time()) - 4 * DAY}
    for _ in range(2):
        assert (await till.bring(event)).status_code == 200
    assert (till.inbox(), till.sold()) == ([("done", 2)], [1])


async def test_while_secrets_rotate_any_of_them_is_enough(rotating: Till) -> None:
    for secrets in ([NEW], [OLD], [FOREIGN, OLD], [OLD, NEW]):
        payment = await rotating.reserve()
        answer = await rotating.send(signed(payment.completed(), secrets))
        assert answer.status_code == 200, secrets
    for secrets in ([FOREIGN], [staged.SECRET]):
        answer = await rotating.send(signed(payment.expired(), secrets))
        assert answer.json()["code"] == "SIGNATURE_INVALID"
    assert rotating.inbox() == [("done", 1)] * 4


@pytest.mark.parametrize(("key", "live"), [("sk_live_x", False), ("sk_test_x", True), ("", True)])
async def test_an_event_of_the_other_mode_is_400_and_leaves_nothing(
    database: ScratchDatabase, key: str, live: bool
) -> None:
    async with till_of(database, stripe_api_key=key) as till:
        event = Payment(new_id(), 60).completed() | {"livemode": live}
        answer = await till.bring(event)
        assert (answer.status_code, answer.json()["code"]) == (400, "MODE_MISMATCH")
        assert till.inbox() == []


async def test_what_is_signed_and_no_event_is_400(till: Till) -> None:
    fair = Payment(new_id(), 60).completed()
    bodies: list[Any] = [[], 7, {}]
    bodies += [fair | {"id": 7}, fair | {"data": None}, fair | {"type": "x\0y"}]
    for bad in bodies:
        answer = await till.bring(bad)
        assert (answer.status_code, answer.json()["code"]) == (400, "MALFORMED"), bad
    assert till.inbox() == []


async def test_a_body_is_bounded_and_nothing_of_a_larger_one_is_kept(
    database: ScratchDatabase,
) -> None:
    async def pieces(size: int) -> AsyncIterator[bytes]:
        for _ in range(size // 1024):
            yield b"x" * 1024

    event = Payment(new_id(), 60).completed()
    for settings, most in (({}, BODY_BYTES_MAX), ({"body_bytes_max": 4096}, 4096)):
        async with till_of(database, **settings) as till:
            for size in (most + 1, 1_048_576):
                posted = signed(event | {"padding": "x" * size})
                answer = await till.send(posted)
                assert (answer.status_code, answer.json()["code"]) == (413, "BODY_TOO_LARGE")
                posted["content"] = pieces(size + 1024)
                assert (await till.send(posted)).status_code == 413
            assert till.inbox() == []
            padding = most - len(signed(event | {"padding": ""})["content"])
            assert (await till.bring(event | {"padding": "x" * padding})).status_code == 200
            database.connect().execute("TRUNCATE bursar.inbox")


async def test_while_changes_are_paused_events_are_kept_and_answered_200(till: Till) -> None:
    event = (await till.reserve()).completed()
    switch = till.database.connect()
    switch.execute("UPDATE bursar.gate SET degraded = true")

    for deliveries in (1, 2):
        answer = await till.bring(event)
        assert (answer.status_code, answer.json()["effect"]) == (200, "kept")
        assert (till.inbox(), till.sold()) == ([("waiting", deliveries)], [0])

    switch.execute("UPDATE bursar.gate SET degraded = false")
    answer = await till.bring(event)
    assert (answer.status_code, answer.json()["effect"]) == (200, "applied")
    assert (till.inbox(), till.sold()) == ([("done", 3)], [1])


async def test_a_process_that_changes_nothing_still_keeps_events(
    database: ScratchDatabase,
) -> None:
    async with till_of(database, degraded_mode="on") as till:
        answer = await till.bring(Payment(new_id(), 60).completed())
        assert (answer.status_code, answer.json()["effect"]) == (200, "kept")
        assert till.inbox() == [("waiting", 1)]
        body = {"leadIds": [new_id()], "paymentMethod": "credits"}
        for path, sent in (("purchase", body), ("top-up", {"credits": 60})):
            answer = await till.client.post(
                f"/api/marketplace/{path}", json=sent, headers=till.user()[1]
            )
            assert (answer.status_code, answer.json()["code"]) == (503, "DEGRADED")


async def test_a_busy_wallet_is_503_and_the_event_is_sent_again(
    database: ScratchDatabase,
) -> None:
    async with till_of(database, busy_timeout_ms=100, lock_timeout_ms=50) as till:
        seller = new_id()
        await till.app._ledger.call(
            "grant", {"owner_id": seller, "asset": "workspace_credit", "amount": 1}
        )
        event = (await till.reserve(seller=seller)).completed()
        holder = database.connect(autocommit=False)
        holder.execute("SELECT FROM workspace_credits WHERE workspace_id = %s FOR UPDATE", [seller])

        answer = await till.bring(event)

        assert (answer.status_code, answer.json()["code"]) == (503, "BUSY")
        assert int(answer.headers["retry-after"]) >= 1
        assert till.inbox() == []
        holder.rollback()
        assert (await till.bring(event)).status_code == 200
        assert till.sold() == [1]


async def test_an_event_that_is_stored_and_refused_is_answered_200(till: Till) -> None:
    seller = new_id()
    grant = {"owner_id": seller, "asset": "workspace_credit", "amount": 1}
    await till.app._ledger.call("grant", grant)
    await till.app._ledger.call("spend", grant)
    event = (await till.reserve(seller=seller)).completed()
    close = {"owner_id": seller, "asset": "workspace_credit", "wallet_status": "closed"}
    assert (await till.app._ledger.call("freeze", close))["status"] == "done"

    answer = await till.bring(event)

    assert (answer.status_code, answer.json()["effect"]) == (200, "refused")
    assert answer.json()["code"] == "WALLET_CLOSED"
    assert till.inbox() == [("refused", 1)]


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (OutcomeUnknown("k"), 503),
        (Fault("a table is missing"), 500),
        ({"status": "refused", "code": "BUSY", "message": "BUSY: held", "details": {}}, 503),
        ({"status": "refused", "code": "NEW", "message": "NEW: unheard of"}, 500),
    ],
)
async def test_what_may_not_be_stored_is_not_received(said: Any, status: int) -> None:
    app = app_of(Told(said), stripe_webhook_secret=staged.SECRET)
    async with client_of(app) as client:
        answer = await client.post(WEBHOOK, **signed(Payment(new_id(), 60).completed()))
        assert answer.status_code == status
        assert ("retry-after" in answer.headers) == (status == 503)
    await app.close()


async def test_events_are_counted_by_the_minute_too(till: Till) -> None:
    await till.bring((await till.reserve()).completed())
    await till.send({"content": b"{}"})
    assert await till.app.minutes.flush(till.app._ledger)
    counted = till.rows(
        "SELECT outcome, requests FROM bursar.metric_minute"
        " WHERE verb = 'take_stripe_event' ORDER BY outcome"
    )
    assert counted == [("SIGNATURE_INVALID", 1), ("done", 1)]


async def test_a_card_purchase_is_counted_once_when_it_has_ended(till: Till) -> None:
    completed = (await till.reserve()).completed()
    for _ in range(2):
        await till.bring(completed)
    await till.bring((await till.reserve()).expired())
    text = (await till.client.get("/metrics")).text

    ended = 'bursar_requests_total{{kind="{}",outcome="{}",verb="card_purchase"}} 1.0'
    assert ended.format("done", "done") in text
    assert ended.format("refused", "EXPIRED") in text
    assert 'outcome="done",verb="take_stripe_event"} 3.0' in text
