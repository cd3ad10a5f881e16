"""Whether a lead can be had: what stands in the way, in which order, for whom, and when."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.ledger_in_sql import Ledger, Outcome, code, done
from tests.market import (
    ASSET,
    buy,
    items_of,
    lead,
    lead_state,
    leads,
    new_id,
    purchase_status,
    reserve,
)
from tests.patience import wait_until

pytestmark = pytest.mark.postgres_versions("15", "18")

VERBS = ["complete_credit_lead_purchase", "validate_and_lock_leads_for_purchase"]


def reasons(outcome: Outcome) -> dict[str, str]:
    """Why each lead of a refused cart cannot be had."""
    assert code(outcome) in ("PURCHASE_CONFLICT", "PRICE_CHANGED"), outcome
    return {c["lead_id"]: c["reason"] for c in outcome["details"]["conflicts"]}


def change(ledger: Ledger, lead_id: str, **values: object) -> None:
    """Change a lead as its seller would."""
    for name, value in values.items():
        ledger.admin.execute(
            f"UPDATE public.leads SET {name} = %s WHERE id = %s".encode(), [value, lead_id]
        )


@pytest.mark.parametrize("verb", VERBS)
def test_of_several_reasons_the_first_is_told(ledger: Ledger, verb: str) -> None:
    buyer, other = ledger.funded(100, ASSET), ledger.funded(100, ASSET)
    own = lead(ledger.admin, 1, seller=buyer)
    [mine, sold, reserved, dear] = leads(ledger.admin, [2, 3, 4, 5])
    done(buy(ledger, buyer, [mine]))
    done(buy(ledger, other, [sold]))
    done(reserve(ledger, other, [reserved]))
    missing = new_id()
    cart = [missing, own, mine, sold, reserved, dear]
    asked = {
        "buyer_workspace_id": buyer,
        "lead_ids": cart,
        "expected_prices": dict.fromkeys(cart, 9),
    }
    told = {
        missing: "not_found",
        own: "own_lead",
        mine: "already_purchased",
        sold: "sold",
        reserved: "reserved",
        dear: "price_changed",
    }

    refused = ledger.one(verb, **asked)
    assert reasons(refused) == told
    assert [c for c in refused["details"]["conflicts"] if "price" in c] == [
        {"lead_id": dear, "reason": "price_changed", "price": 5}
    ]
    for lead_id in cart[1:]:
        change(ledger, lead_id, is_marketplace_listed=False)

    assert reasons(ledger.one(verb, **asked)) == told | {reserved: "not_listed", dear: "not_listed"}
    for lead_id in (own, dear):
        change(ledger, lead_id, marketplace_status="sold")
    assert reasons(ledger.one(verb, **asked)) == told | {reserved: "not_listed", dear: "sold"}


def test_a_lead_for_three_is_sold_to_three_buyers_and_to_no_fourth(ledger: Ledger) -> None:
    lead_id = lead(ledger.admin, 5, max_sales=3)
    buyers = [ledger.funded(10, ASSET) for _ in range(4)]
    states = []

    for buyer in buyers[:3]:
        done(buy(ledger, buyer, [lead_id]))
        states.append(lead_state(ledger, lead_id))
        assert reasons(buy(ledger, buyer, [lead_id])) == {lead_id: "already_purchased"}

    assert states == [("available", 1), ("available", 2), ("sold", 3)]
    assert reasons(buy(ledger, buyers[3], [lead_id])) == {lead_id: "sold"}
    assert ledger.rows(
        "SELECT first_sold_at < sold_at FROM public.leads WHERE id = %s", lead_id
    ) == [(True,)]


def test_what_was_sold_elsewhere_before_counts(ledger: Ledger) -> None:
    lead_id = lead(ledger.admin, 5, max_sales=3)
    change(ledger, lead_id, sold_count=2)

    done(buy(ledger, ledger.funded(10, ASSET), [lead_id]))

    assert lead_state(ledger, lead_id) == ("sold", 3)


def test_the_last_piece_can_be_reserved_once(ledger: Ledger) -> None:
    lead_id = lead(ledger.admin, 5, max_sales=2)
    done(reserve(ledger, new_id(), [lead_id]))
    assert lead_state(ledger, lead_id) == ("available", 0)
    done(buy(ledger, ledger.funded(10, ASSET), [lead_id]))
    assert lead_state(ledger, lead_id) == ("reserved", 1)

    assert reasons(reserve(ledger, new_id(), [lead_id])) == {lead_id: "reserved"}
    assert reasons(buy(ledger, ledger.funded(10, ASSET), [lead_id])) == {lead_id: "reserved"}


def test_a_reservation_that_has_lapsed_is_no_reservation_swept_up_or_not(ledger: Ledger) -> None:
    ledger.stop_clock()
    lead_id = lead(ledger.admin, 5, max_sales=2)
    done(reserve(ledger, new_id(), [lead_id], reserve_seconds=60))
    ledger.advance(60)

    done(buy(ledger, ledger.funded(10, ASSET), [lead_id]))

    assert lead_state(ledger, lead_id) == ("available", 1)


def test_reservations_of_others_stand_in_the_way_until_they_lapse(ledger: Ledger) -> None:
    ledger.stop_clock()
    first, second, third = (ledger.funded(10, ASSET) for _ in range(3))
    [lead_id] = leads(ledger.admin, [5])
    reserved = done(reserve(ledger, first, [lead_id], reserve_seconds=60))["purchase_id"]

    ledger.advance(59)
    assert reasons(buy(ledger, second, [lead_id])) == {lead_id: "reserved"}
    assert reasons(reserve(ledger, second, [lead_id])) == {lead_id: "reserved"}
    ledger.advance(1)
    again = done(reserve(ledger, second, [lead_id], reserve_seconds=60))["purchase_id"]

    # Nobody has swept the first up.
    assert purchase_status(ledger, reserved) == "pending"
    assert reasons(buy(ledger, first, [lead_id])) == {lead_id: "reserved"}
    ledger.advance(60)
    done(buy(ledger, third, [lead_id]))
    assert lead_state(ledger, lead_id) == ("sold", 1)
    assert items_of(ledger, reserved) == items_of(ledger, again) == {lead_id: "reserved"}
    ledger.value("SELECT bursar.expire_lead_reservations()")
    assert [purchase_status(ledger, one) for one in (reserved, again)] == ["expired"] * 2
    assert lead_state(ledger, lead_id) == ("sold", 1)


@pytest.mark.parametrize("verb", VERBS)
def test_ones_own_reservation_is_given_up_with_all_that_it_held(ledger: Ledger, verb: str) -> None:
    buyer, (wanted, left) = ledger.funded(10, ASSET), leads(ledger.admin, [5, 6])
    first = done(reserve(ledger, buyer, [wanted, left]))["purchase_id"]
    other = done(reserve(ledger, buyer, leads(ledger.admin, [1])))["purchase_id"]

    done(ledger.one(verb, buyer_workspace_id=buyer, lead_ids=[wanted]))

    assert purchase_status(ledger, first) == "expired"
    assert items_of(ledger, first) == {wanted: "released", left: "released"}
    assert lead_state(ledger, left) == ("available", 0)
    assert purchase_status(ledger, other) == "pending"
    assert ledger.rows(
        "SELECT reserved_until FROM public.marketplace_purchases WHERE id = %s", first
    ) == [(None,)]


@pytest.mark.parametrize("verb", VERBS)
def test_a_refused_cart_gives_nothing_up(ledger: Ledger, verb: str) -> None:
    buyer, (wanted, sold) = ledger.funded(10, ASSET), leads(ledger.admin, [5, 6])
    first = done(reserve(ledger, buyer, [wanted]))["purchase_id"]
    done(buy(ledger, ledger.funded(10, ASSET), [sold]))

    refused = ledger.one(verb, buyer_workspace_id=buyer, lead_ids=[wanted, sold])

    assert reasons(refused) == {sold: "sold"}
    assert purchase_status(ledger, first) == "pending"
    assert lead_state(ledger, wanted) == ("reserved", 0)


@pytest.mark.parametrize("verb", VERBS)
def test_while_another_session_decides_the_answer_is_busy_and_then_the_truth(
    ledger: Ledger, verb: str
) -> None:
    buyer, (sold, kept) = ledger.funded(100, ASSET), leads(ledger.admin, [5, 6])
    other = ledger.funded(100, ASSET)
    impatient = ledger.database.connect("service_role")
    impatient.execute("SET lock_timeout = '20ms'")
    rival = ledger.database.connect("service_role", autocommit=False)
    asked = {"buyer_workspace_id": buyer}

    done(ledger.one(VERBS[0], rival, buyer_workspace_id=other, lead_ids=[sold]))
    assert code(ledger.one(verb, impatient, **asked, lead_ids=[sold])) == "BUSY"
    rival.commit()
    assert reasons(ledger.one(verb, impatient, **asked, lead_ids=[sold])) == {sold: "sold"}
    done(ledger.one(VERBS[1], rival, buyer_workspace_id=other, lead_ids=[kept]))
    assert code(ledger.one(verb, impatient, **asked, lead_ids=[kept])) == "BUSY"
    rival.rollback()
    done(ledger.one(verb, impatient, **asked, lead_ids=[kept]))


@pytest.mark.parametrize("verb", VERBS)
def test_what_cannot_be_let_go_of_now_makes_its_buyer_wait(ledger: Ledger, verb: str) -> None:
    buyer, (wanted, held) = ledger.funded(10, ASSET), leads(ledger.admin, [5, 6])
    first = done(reserve(ledger, buyer, [wanted, held]))["purchase_id"]
    impatient = ledger.database.connect("service_role")
    impatient.execute("SET lock_timeout = '20ms'")
    asked = {"buyer_workspace_id": buyer, "lead_ids": [wanted]}
    neighbour = {
        "buyer_workspace_id": ledger.funded(10, ASSET),
        "lead_ids": leads(ledger.admin, [1]),
    }

    with ledger.held_by_somebody("SELECT FROM public.leads WHERE id = %s FOR UPDATE", held):
        outcomes = ledger.ask(verb, [asked, neighbour], impatient)

    assert [o.get("code", "done") for o in outcomes] == ["BUSY", "done"]
    assert purchase_status(ledger, first) == "pending"
    done(ledger.one(verb, impatient, **asked))
    assert lead_state(ledger, held) == ("available", 0)


def test_of_a_batch_only_the_carts_whose_lead_is_held_are_busy(ledger: Ledger) -> None:
    buyers, cart = [ledger.funded(10, ASSET) for _ in range(3)], leads(ledger.admin, [1, 2, 3])
    impatient = ledger.database.connect("service_role")
    impatient.execute("SET lock_timeout = '20ms'")

    with ledger.held_by_somebody("SELECT FROM public.leads WHERE id = %s FOR UPDATE", cart[1]):
        outcomes = ledger.ask(
            VERBS[0],
            [
                {"buyer_workspace_id": buyer, "lead_ids": [lead_id]}
                for buyer, lead_id in zip(buyers, cart, strict=True)
            ],
            impatient,
        )

    assert [o.get("code", "done") for o in outcomes] == ["done", "BUSY", "done"]


def test_a_lead_that_changes_hands_meanwhile_is_asked_for_again(ledger: Ledger) -> None:
    """Its new seller's wallet is not among those that were locked."""
    buyer, new_seller, [lead_id] = ledger.funded(10, ASSET), new_id(), leads(ledger.admin, [5])
    patient = ledger.database.connect("service_role")
    patient.execute("SET lock_timeout = '60s'")

    with (
        ledger.held_by_somebody(
            "UPDATE public.leads SET seller_workspace_id = %s WHERE id = %s", new_seller, lead_id
        ) as holder,
        ThreadPoolExecutor(1) as pool,
    ):
        asked = pool.submit(
            ledger.one, VERBS[0], patient, buyer_workspace_id=buyer, lead_ids=[lead_id]
        )
        wait_until(lambda: ledger.is_blocked(patient))
        holder.commit()
        assert code(asked.result()) == "BUSY"

    done(buy(ledger, buyer, [lead_id]))
    assert ledger.wallet(new_seller, ASSET) == (5, 0, 0)


def test_the_promises_hold(ledger: Ledger) -> None:
    ledger.keeps_its_promises()
