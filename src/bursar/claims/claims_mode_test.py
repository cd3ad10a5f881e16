"""The queue: what waits, who comes first, and that replaying twice adds nothing."""

import hashlib
import itertools

import pytest

from tests.ledger_in_sql import Ledger, code, done
from tests.sale import SHIELD, Sale, new_user
from tests.shop import (
    SERVICE,
    claim,
    claimed,
    claims_of,
    insisted_at_once,
    queue_of,
    replay,
    sold,
    switched,
    take,
    unclean,
    wallet,
    work,
)

pytestmark = pytest.mark.postgres_versions("15", "18")

QUEUE = {"mode": "queue", "percent": 100}


@pytest.fixture(autouse=True)
def nothing_waits(ledger: Ledger) -> None:
    ledger.admin.execute("DELETE FROM public.claim_queue")


def test_while_claims_are_queued_they_are_accepted_and_granted_when_it_opens(
    ledger: Ledger,
) -> None:
    sale = sold(ledger)
    with switched(ledger, claims_mode=QUEUE):
        outcome = done(claim(ledger, sale))
        assert outcome == {
            "status": "done",
            "verb": "claim_purchase",
            "tx_id": sale.tx_id,
            "sku": SHIELD,
            "user_id": sale.user_id,
            "queued": "opening",
            "replayed": False,
        }
        assert done(claim(ledger, sale))["queued"] == "opening"
        assert queue_of(ledger, sale.user_id) == [(sale.tx_id, "opening", "waiting", 0, None)]
        assert claims_of(ledger, sale.tx_id) == []
        assert (work(ledger)["claims"], work(ledger)["waiting_claims"]) == ([], 1)

    [granted] = replay(ledger)

    assert done(granted)["wallet"]["streakshield_count"] == 1
    assert queue_of(ledger, sale.user_id) == [(sale.tx_id, "opening", "done", 1, "done")]
    assert replay(ledger) == []
    assert done(claim(ledger, sale))["replayed"]
    assert unclean(ledger) == []


def test_events_wait_too_and_are_replayed_in_the_order_of_the_stores_clock(
    ledger: Ledger,
) -> None:
    sale = Sale()
    events = [sale.refund(), sale.purchase(), sale.reversal()]
    with switched(ledger, claims_mode=QUEUE):
        for event in events:
            outcome = done(take(ledger, event))
            assert (outcome["effect"], outcome["replayed"]) == ("queued", False)
        assert done(take(ledger, events[0]))["replayed"]
        assert done(claim(ledger, sale))["queued"] == "opening"
        assert work(ledger)["events"] == []
        assert work(ledger)["waiting_events"] == 3

    waiting = work(ledger)

    assert [w["event"]["type"] for w in waiting["events"]] == [
        "NON_RENEWING_PURCHASE",
        "CANCELLATION",
        "REFUND_REVERSED",
    ]
    assert [done(o).get("effect", "granted") for o in replay(ledger)] == ["applied"] * 3 + [
        "granted"
    ]
    # By two at once, and again: nothing is added.
    twice = insisted_at_once(ledger, "take_store_event", waiting["events"] * 2)
    twice += insisted_at_once(ledger, "claim_purchase", waiting["claims"] * 4)
    assert all(done(outcome)["replayed"] for outcome in twice)
    assert wallet(ledger, sale.user_id)[0] == 1


def test_what_has_an_answer_already_does_not_wait(ledger: Ledger) -> None:
    known, refunded, sale = claimed(ledger), claimed(ledger), sold(ledger)
    done(take(ledger, refunded.refund()))

    with switched(ledger, claims_mode=QUEUE):
        assert done(claim(ledger, known))["replayed"]
        assert code(claim(ledger, refunded)) == "TRANSACTION_REFUNDED"
        assert code(claim(ledger, sale, new_user())) == "TRANSACTION_OWNED_BY_OTHER"
        assert code(claim(ledger, sale, tx_id=None)) == "MALFORMED"
        assert code(claim(ledger, sale, caller={})) == "NOT_AUTHORIZED"
        with switched(ledger, sku_enabled={}):
            assert code(claim(ledger, sale)) == "SKU_DISABLED"
        # Operators do not stand in line.
        assert done(claim(ledger, sale, override_reason="VIP"))["wallet"]

    assert work(ledger)["waiting_claims"] == 0


def test_a_queued_claim_that_is_refused_in_the_end_says_so_in_the_queue(ledger: Ledger) -> None:
    user = new_user()
    first, second = sold(ledger, user), sold(ledger, user)
    with switched(ledger, claims_mode=QUEUE):
        for sale in (first, second):
            done(claim(ledger, sale))

    granted, refused = replay(ledger)

    assert done(granted)["tx_id"] == first.tx_id
    assert code(refused) == "CAP_EXCEEDED"
    assert [row[2:] for row in queue_of(ledger, user)] == [
        ("done", 1, "done"),
        ("done", 1, "refused"),
    ]
    assert (
        ledger.value("SELECT times FROM public.claims_over_cap WHERE tx_id = %s", second.tx_id) == 1
    )


def share(user_id: str) -> float:
    """Where somebody stands in the line, from 0 to 100: a matter of their id alone."""
    return int.from_bytes(hashlib.sha256(user_id.encode()).digest()[:2], "big") / 655.36


def test_reopening_by_percentage_lets_the_same_users_in_and_ever_more(ledger: Ledger) -> None:
    users = [new_user() for _ in range(60)]
    let_in: list[set[str]] = []
    for percent in (0, 10, 50, 99, 100):
        with switched(ledger, claims_mode={"mode": "open", "percent": percent}):
            rows = ledger.rows(
                "SELECT u FROM unnest(%s::text[]) AS u WHERE bursar.claims_are_open(u)", users
            )
        let_in.append({row[0] for row in rows})
        expected = {u for u in users if share(u) < percent or percent == 100}
        assert let_in[-1] == expected, percent

    assert let_in[0] == set()
    assert let_in[-1] == set(users)
    assert all(fewer <= more for fewer, more in itertools.pairwise(let_in))


def test_who_is_not_let_in_yet_waits_and_comes_with_the_rest(ledger: Ledger) -> None:
    sales = [sold(ledger) for _ in range(12)]
    half = {"mode": "open", "percent": 50}
    with switched(ledger, claims_mode=QUEUE):
        for sale in sales:
            done(claim(ledger, sale))
    with switched(ledger, claims_mode=half):
        inside = [sale for sale in sales if share(sale.user_id) < 50]
        assert [o["tx_id"] for o in replay(ledger)] == [sale.tx_id for sale in inside]
        newcomers = [sold(ledger) for _ in range(12)]
        for sale in newcomers:
            assert ("queued" in done(claim(ledger, sale))) == (share(sale.user_id) >= 50)

    replay(ledger)

    assert all(wallet(ledger, sale.user_id)[0] == 1 for sale in [*sales, *newcomers])
    assert work(ledger)["waiting_claims"] == 0


@pytest.mark.parametrize(
    "mode", [{}, {"mode": "shut"}, {"mode": 5}, [], "queue", 5, None, {"percent": "half"}]
)
def test_a_mode_that_nobody_knows_is_open(ledger: Ledger, mode: object) -> None:
    sale = Sale()
    with switched(ledger, claims_mode=mode):
        assert done(take(ledger, sale.purchase()))["effect"] == "applied"
        assert "wallet" in done(claim(ledger, sale))


def test_who_asks_again_between_the_opening_and_the_replay_waits_on(ledger: Ledger) -> None:
    sale = Sale()
    with switched(ledger, claims_mode=QUEUE):
        done(take(ledger, sale.purchase()))
        done(claim(ledger, sale))

    assert done(claim(ledger, sale))["queued"] == "purchase"
    replay(ledger)

    assert wallet(ledger, sale.user_id)[0] == 1
    assert [row[2:] for row in queue_of(ledger, sale.user_id)] == [("done", 1, "done")]


def test_who_asks_again_while_the_product_is_off_keeps_their_place(ledger: Ledger) -> None:
    sale = sold(ledger)
    with switched(ledger, claims_mode=QUEUE):
        done(claim(ledger, sale))
        with switched(ledger, sku_enabled={}):
            assert code(claim(ledger, sale)) == "SKU_DISABLED"
        assert queue_of(ledger, sale.user_id) == [(sale.tx_id, "opening", "waiting", 0, None)]

    replay(ledger)

    assert wallet(ledger, sale.user_id)[0] == 1


def aside(ledger: Ledger) -> list[tuple[str, str]]:
    """What operators are shown of the claims that were set aside: of what, and why."""
    listed = ledger.rows(
        "SELECT e ->> 'name', split_part(e ->> 'message', ':', 1)"
        " FROM jsonb_array_elements(bursar.list_store_work(1000)) AS e"
        " WHERE e ->> 'kind' = 'claim' AND e ->> 'status' = 'set_aside'"
    )
    return sorted(listed)


def test_what_cannot_be_granted_for_now_is_set_aside_and_granted_when_it_can(
    ledger: Ledger,
) -> None:
    off, shut, full, late = sold(ledger), sold(ledger), sold(ledger), Sale()
    done(claim(ledger, late, accepted=True))
    with switched(ledger, claims_mode=QUEUE):
        for sale in (off, shut, full):
            done(claim(ledger, sale))
    ledger.admin.execute(
        "UPDATE public.user_wallet_balances SET streakshield_count = 2147483647 WHERE user_id = %s",
        [full.user_id],
    )
    named = {"owner_id": shut.user_id, "asset": "streak_shield"}
    done(ledger.one("freeze", **named, wallet_status="closed"))

    with switched(ledger, sku_enabled={}):
        assert [code(outcome) for outcome in replay(ledger)] == ["SKU_DISABLED"] * 3
        # So it is in the transaction that takes the purchase.
        assert done(take(ledger, late.purchase()))["effect"] == "applied"
        sales = (off, shut, full, late)
        assert aside(ledger) == sorted((sale.tx_id, "SKU_DISABLED") for sale in sales)
        assert replay(ledger) == []
    ledger.value("SELECT bursar.take_store_work_up()")
    replay(ledger)

    assert [wallet(ledger, sale.user_id)[0] for sale in (off, late)] == [1, 1]
    kept = [(shut.tx_id, "WALLET_CLOSED"), (full.tx_id, "BALANCE_LIMIT")]
    assert aside(ledger) == sorted(kept)
    done(ledger.one("freeze", **named, wallet_status="open"))
    done(ledger.one("use_item", user_id=full.user_id, caller=SERVICE))
    ledger.value("SELECT bursar.take_store_work_up()")
    assert all(done(outcome)["wallet"] for outcome in replay(ledger))
    assert aside(ledger) == []
