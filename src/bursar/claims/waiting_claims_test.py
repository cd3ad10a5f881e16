"""What waits for its purchase, what was kept for later, and what was set aside."""

import threading
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from tests.ledger_in_sql import Ledger, code, done
from tests.sale import BOOSTER, SHIELD, Sale, new_user
from tests.shop import (
    claim,
    claims_of,
    insisted_at_once,
    new_item,
    queue_of,
    replay,
    request_of,
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


def test_a_claim_waits_on_where_a_store_only_granted_for_a_day(ledger: Ledger) -> None:
    sale = Sale()
    done(claim(ledger, sale, accepted=True))

    done(take(ledger, sale.temporary_grant()))
    assert queue_of(ledger, sale.user_id)[0][1:3] == ("purchase", "waiting")
    done(take(ledger, sale.purchase(60)))

    assert wallet(ledger, sale.user_id)[0] == 1


def test_an_unknown_transaction_may_wait_for_its_purchase(ledger: Ledger) -> None:
    for sku in (SHIELD, BOOSTER):
        sale, thief = Sale(sku=sku), new_user()
        with switched(ledger, unknown_transaction="pending"):
            assert done(claim(ledger, sale))["queued"] == "purchase"
            assert done(claim(ledger, sale, thief))["queued"] == "purchase"
            # What was granted for a day is not known yet either.
            done(take(ledger, sale.temporary_grant()))
        assert work(ledger)["claims"] == []

        done(take(ledger, sale.purchase(60)))

        assert claims_of(ledger, sale.tx_id)[0][:3] == (sale.user_id, sku, "granted")
        assert queue_of(ledger, sale.user_id)[0][1:3] == ("purchase", "done")
        assert queue_of(ledger, thief)[0][2:] == ("done", 1, "refused")
        assert wallet(ledger, thief) == (0, None)
    assert unclean(ledger) == []


def test_a_claim_that_was_accepted_elsewhere_waits_though_others_are_refused(
    ledger: Ledger,
) -> None:
    sale = Sale()

    assert code(claim(ledger, sale)) == "UNKNOWN_TRANSACTION"
    assert done(claim(ledger, sale, accepted=True))["queued"] == "purchase"
    done(take(ledger, sale.purchase()))
    assert done(claim(ledger, sale))["replayed"]


def test_a_claim_that_was_accepted_and_is_asked_for_again_still_waits(ledger: Ledger) -> None:
    sale = Sale()
    done(claim(ledger, sale, accepted=True))

    assert done(claim(ledger, sale))["queued"] == "purchase"
    # Another name for it was never accepted.
    assert code(claim(ledger, sale, store="AMAZON")) == "UNKNOWN_TRANSACTION"
    done(take(ledger, sale.purchase()))

    assert wallet(ledger, sale.user_id)[0] == 1
    assert [row[2:] for row in queue_of(ledger, sale.user_id)] == [("done", 1, "done")]


@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        ({"caller": {"role": "authenticated", "sub": "mallory"}}, "NOT_AUTHORIZED"),
        ({"sku": "\u00fc"}, "MALFORMED"),
    ],
)
def test_a_claim_that_nobody_may_make_strikes_no_other_off(
    ledger: Ledger, fields: dict[str, Any], refused: str
) -> None:
    sale = Sale()
    done(claim(ledger, sale, accepted=True))

    assert code(claim(ledger, sale, **fields)) == refused

    assert queue_of(ledger, sale.user_id) == [(sale.tx_id, "purchase", "waiting", 0, None)]
    done(take(ledger, sale.purchase()))
    assert wallet(ledger, sale.user_id)[0] == 1


def test_a_claim_waits_for_the_store_that_it_named(ledger: Ledger) -> None:
    item = new_item(ledger.admin)
    sale = Sale(sku=item, store="PLAY_STORE")
    apple = Sale(sale.user_id, item, sale.tx_id)
    for store in ("PLAY_STORE", "AMAZON", None):
        assert done(claim(ledger, sale, store=store, accepted=True))["queued"] == "purchase"

    done(take(ledger, sale.purchase()))

    assert wallet(ledger, sale.user_id)[0] == 1
    assert [row[2] for row in queue_of(ledger, sale.user_id)] == ["done", "waiting", "done"]
    done(take(ledger, apple.purchase()))
    assert [row[2] for row in queue_of(ledger, sale.user_id)] == ["done", "waiting", "done"]


def test_a_claim_and_its_purchase_at_once_do_not_miss_each_other(ledger: Ledger) -> None:
    with switched(ledger, unknown_transaction="pending"):
        for _ in range(10):
            sale = Sale()
            thread = threading.Thread(target=take, args=(ledger, sale.purchase()))
            thread.start()
            insisted_at_once(ledger, "claim_purchase", [request_of(sale)] * 3)
            thread.join()
            assert wallet(ledger, sale.user_id)[0] == 1
            assert {row[2] for row in queue_of(ledger, sale.user_id)} <= {"done"}


def test_what_cannot_be_carried_out_is_set_aside_and_listed(ledger: Ledger) -> None:
    sale = Sale()
    event = sale.purchase()
    with switched(ledger, claims_mode=QUEUE):
        done(take(ledger, event))
        done(claim(ledger, sale))
    before = work(ledger)["set_aside"]

    for kind, name in (("event", event["id"]), ("claim", sale.tx_id)):
        aside = "SELECT bursar.set_store_work_aside(%s, %s, 'no luck')"
        assert ledger.value(aside, kind, name) == {"set_aside": True}
        assert ledger.value(aside, kind, name) == {"set_aside": False}

    waiting = work(ledger)
    assert (waiting["events"], waiting["claims"]) == ([], [])
    assert waiting["set_aside"] == before + 2
    done(take(ledger, event))
    done(claim(ledger, sale))
    assert work(ledger)["set_aside"] == before + 1


def test_an_event_that_was_only_kept_is_carried_out_later(ledger: Ledger) -> None:
    sale = Sale()
    event = sale.purchase()
    for _ in range(2):
        kept = ledger.value("SELECT bursar.keep_store_event(%s)", Jsonb(event))
        assert kept["effect"] == "queued"
    assert code(claim(ledger, sale)) == "UNKNOWN_TRANSACTION"
    malformed = ledger.value("SELECT bursar.keep_store_event('{}')")
    assert malformed["code"] == "MALFORMED"

    assert [done(o)["effect"] for o in replay(ledger)] == ["applied"]
    done(claim(ledger, sale))
