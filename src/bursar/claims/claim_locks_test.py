"""Claims beside locks that somebody holds, and on wallets that refuse: nothing is half done."""

import threading
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.ledger_in_sql import Ledger, code, done
from tests.sale import BOOSTER, SHIELD, Sale, new_user, transfer
from tests.shop import (
    claim,
    claimed,
    claims_of,
    insist,
    new_item,
    request_of,
    sold,
    take,
    unclean,
    wallet,
)

pytestmark = pytest.mark.postgres_versions("15", "18")

# Each of these holds something that a claim by this user, of this transaction, needs.
HOLDERS: dict[str, Callable[[psycopg.Connection, Sale], object]] = {
    "wallet": lambda session, sale: session.execute(
        "UPDATE public.user_wallet_balances SET updated_at = now() WHERE user_id = %s",
        [sale.user_id],
    ),
    "purchase": lambda session, sale: session.execute(
        "UPDATE public.audit_purchases SET raw = raw WHERE tx_id = %s", [sale.tx_id]
    ),
    "transaction": lambda session, sale: session.execute(
        "SELECT bursar.claim_purchase(jsonb_build_array(%s::jsonb))",
        [Jsonb(request_of(sale, new_user()))],
    ),
}


def open_wallet(ledger: Ledger, user_id: str) -> None:
    ledger.admin.execute("INSERT INTO public.user_wallet_balances (user_id) VALUES (%s)", [user_id])


@pytest.mark.parametrize("held", list(HOLDERS))
@pytest.mark.parametrize("sku", [SHIELD, BOOSTER])
def test_what_is_busy_does_not_hold_up_its_neighbours(ledger: Ledger, held: str, sku: str) -> None:
    sales = [sold(ledger, sku=sku) for _ in range(3)]
    for sale in sales:
        open_wallet(ledger, sale.user_id)
    with psycopg.connect(ledger.database.url) as somebody:
        HOLDERS[held](somebody, sales[1])

        outcomes = ledger.ask("claim_purchase", [request_of(sale) for sale in sales])

        assert [o.get("code", "done") for o in outcomes] == ["done", "BUSY", "done"]
        assert claims_of(ledger, sales[1].tx_id) == []
        somebody.rollback()

    done(claim(ledger, sales[1]))


@pytest.mark.parametrize("held", list(HOLDERS))
def test_a_busy_event_does_not_hold_up_its_neighbours_and_is_sent_again(
    ledger: Ledger, held: str
) -> None:
    sales = [claimed(ledger) for _ in range(3)]
    events = [{"event": sale.refund()} for sale in sales]
    with psycopg.connect(ledger.database.url) as somebody:
        HOLDERS[held](somebody, sales[1])

        outcomes = ledger.ask("take_store_event", events)

        assert [o.get("code", "done") for o in outcomes] == ["done", "BUSY", "done"]
        somebody.rollback()

    assert done(take(ledger, events[1]["event"]))["effect"] == "applied"
    assert [wallet(ledger, sale.user_id)[0] for sale in sales] == [0, 0, 0]
    assert unclean(ledger) == []


def test_a_claim_that_waits_for_an_event_is_granted_though_its_user_was_busy(
    ledger: Ledger,
) -> None:
    sale = Sale()
    open_wallet(ledger, sale.user_id)
    done(claim(ledger, sale, accepted=True))
    event = sale.purchase()
    with psycopg.connect(ledger.database.url) as somebody:
        HOLDERS["wallet"](somebody, sale)
        busy, other = ledger.ask(
            "take_store_event", [{"event": event}, {"event": Sale().purchase()}]
        )
        somebody.rollback()

    assert code(busy) == "BUSY"
    assert done(other)["effect"] == "applied"
    done(take(ledger, event))
    assert wallet(ledger, sale.user_id)[0] == 1


def test_purchases_wait_for_a_transfer_and_say_so(ledger: Ledger) -> None:
    first, second = sold(ledger), Sale()
    with psycopg.connect(ledger.database.url) as somebody:
        somebody.execute(
            "SELECT bursar.take_store_event(jsonb_build_array(jsonb_build_object('event', %s)))",
            [Jsonb(transfer([first.user_id], [new_user()]))],
        )
        assert code(take(ledger, second.purchase())) == "BUSY"
        somebody.rollback()

    assert done(take(ledger, second.purchase()))["effect"] == "applied"


def close(ledger: Ledger, user_id: str, status: str = "closed") -> None:
    done(ledger.one("freeze", owner_id=user_id, asset="streak_shield", wallet_status=status))


@pytest.mark.parametrize("sku", [SHIELD, BOOSTER])
def test_a_closed_wallet_gets_nothing_and_the_purchase_stays_claimable(
    ledger: Ledger, sku: str
) -> None:
    sale = sold(ledger, sku=sku)
    open_wallet(ledger, sale.user_id)
    close(ledger, sale.user_id)

    assert code(claim(ledger, sale)) == "WALLET_CLOSED"
    assert claims_of(ledger, sale.tx_id) == []
    assert wallet(ledger, sale.user_id) == (0, None)
    close(ledger, sale.user_id, "open")
    done(claim(ledger, sale))


def test_a_frozen_wallet_is_credited(ledger: Ledger) -> None:
    sale = sold(ledger)
    open_wallet(ledger, sale.user_id)
    close(ledger, sale.user_id, "frozen")

    assert done(claim(ledger, sale))["wallet"]["streakshield_count"] == 1


def test_an_item_with_a_wallet_of_its_own_is_granted_exactly_when_it_is_claimed(
    ledger: Ledger,
) -> None:
    ledger.register_gem()
    gems = new_item(ledger.admin, 5, asset="gem")
    sale, neighbour = sold(ledger, sku=gems), sold(ledger)
    open_wallet(ledger, sale.user_id)
    with psycopg.connect(ledger.database.url) as somebody:
        HOLDERS["wallet"](somebody, sale)
        outcomes = ledger.ask("claim_purchase", [request_of(sale), request_of(neighbour)])
        somebody.rollback()

    assert [o.get("code", "done") for o in outcomes] == ["BUSY", "done"]
    assert (ledger.wallet(sale.user_id, "gem"), claims_of(ledger, sale.tx_id)) == ((0, 0, 0), [])

    # Where shields are kept is closed; gems are not kept there.
    close(ledger, sale.user_id)
    first = done(claim(ledger, sale))
    assert claim(ledger, sale) == first | {"replayed": True}
    assert ledger.wallet(sale.user_id, "gem") == (5, 0, 0)
    done(take(ledger, sale.refund()))
    assert ledger.wallet(sale.user_id, "gem") == (0, 0, 0)


def test_a_wallet_that_is_full_refuses_and_the_purchase_stays_claimable(ledger: Ledger) -> None:
    sale = sold(ledger)
    ledger.admin.execute(
        "INSERT INTO public.user_wallet_balances (user_id, streakshield_count)"
        " VALUES (%s, 2147483647)",
        [sale.user_id],
    )

    assert code(claim(ledger, sale)) == "BALANCE_LIMIT"
    assert claims_of(ledger, sale.tx_id) == []
    ledger.admin.execute(
        "UPDATE public.user_wallet_balances SET streakshield_count = 0 WHERE user_id = %s",
        [sale.user_id],
    )
    done(claim(ledger, sale))


def test_one_purchase_by_two_names_in_one_batch_is_granted_once(ledger: Ledger) -> None:
    first, other = sold(ledger), new_user()
    sale = Sale(tx_id=first.tx_id, store="PLAY_STORE")
    done(take(ledger, sale.purchase(aliases=[other])))
    ours = f"PRODUCTION:PLAY_STORE:{sale.tx_id}"

    outcomes = ledger.ask(
        "claim_purchase",
        [request_of(sale), request_of(sale, other) | {"tx_id": ours}, request_of(first)],
    )

    assert [o.get("code", "done") for o in outcomes] == [
        "done",
        "TRANSACTION_OWNED_BY_OTHER",
        "done",
    ]


def test_a_claim_waits_for_plain_sql_that_records_it(ledger: Ledger) -> None:
    sale = sold(ledger)
    open_wallet(ledger, sale.user_id)
    answers: list[dict[str, Any]] = []
    with psycopg.connect(ledger.database.url) as somebody:
        somebody.execute(
            "INSERT INTO public.purchase_claims (tx_id, user_id, sku) VALUES (%s, %s, %s)",
            [sale.tx_id, sale.user_id, sale.sku],
        )
        other = ledger.database.connect("service_role")
        waiting = threading.Thread(
            target=lambda: answers.append(insist(ledger, "claim_purchase", other, request_of(sale)))
        )
        waiting.start()
        waiting.join(0.5)
        assert answers == []
        somebody.execute(
            "UPDATE public.user_wallet_balances SET streakshield_count = streakshield_count + 1"
            " WHERE user_id = %s",
            [sale.user_id],
        )
        somebody.commit()
        waiting.join()

    assert done(answers[0])["replayed"]
    assert answers[0]["wallet"]["streakshield_count"] == 1
    assert wallet(ledger, sale.user_id)[0] == 1
    assert unclean(ledger) == []
