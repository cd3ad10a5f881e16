"""What carts come to: fees, prices that changed, parts of a cart, limits, and carts in a batch."""

from collections.abc import Iterator

import pytest

from tests.ledger_in_sql import Ledger, code, done
from tests.market import (
    ASSET,
    buy,
    configure,
    conflicts_logged,
    fees_kept,
    lead,
    lead_state,
    leads,
    new_id,
    purchase_status,
    reserve,
    totals,
)

pytestmark = pytest.mark.postgres_versions("15", "18")

BUY, RESERVE = "complete_credit_lead_purchase", "validate_and_lock_leads_for_purchase"


@pytest.fixture(autouse=True)
def _as_it_was(ledger: Ledger) -> Iterator[None]:
    """A test's configuration ends with it."""
    yield
    configure(ledger.admin, fee_basis_points=0, purchases_per_minute=300)


@pytest.mark.parametrize(
    ("basis_points", "fees"),
    [(0, [0, 0, 0]), (1, [0, 0, 1]), (333, [0, 33, 333]), (10000, [1, 1000, 10000])],
)
def test_the_fee_is_rounded_down_for_each_item_and_nothing_is_lost(
    ledger: Ledger, basis_points: int, fees: list[int]
) -> None:
    buyer, sellers = ledger.funded(20_000, ASSET), [new_id(), new_id()]
    cart = [
        lead(ledger.admin, price, seller=seller)
        for price, seller in zip((1, 1000, 10_000), (*sellers, sellers[1]), strict=True)
    ]
    kept = fees_kept(ledger)
    configure(ledger.admin, fee_basis_points=basis_points)

    outcome = done(buy(ledger, buyer, cart))
    configure(ledger.admin, fee_basis_points=0)

    entries = ledger.entries(outcome["transaction_id"])
    assert sum(amount for _, _, amount, _ in entries) == 0
    assert fees_kept(ledger) - kept == sum(fees)
    assert [e for e in entries if e[1] == "system:fees"] == (
        [(ASSET, "system:fees", sum(fees), "fee")] if basis_points else []
    )
    assert totals(ledger, sellers[0])[0] == 1 - fees[0]
    assert totals(ledger, sellers[1])[0] == 11_000 - fees[1] - fees[2]
    assert ledger.rows(
        "SELECT p.fee, array_agg(i.fee ORDER BY i.price) FROM public.marketplace_purchases AS p"
        " JOIN public.marketplace_purchase_items AS i ON i.purchase_id = p.id"
        " WHERE p.id = %s GROUP BY p.id",
        outcome["purchase_id"],
    ) == [(sum(fees), fees)]


def test_five_hundred_of_the_dearest_leads_do_not_overflow(ledger: Ledger) -> None:
    buyer, price = new_id(), 10**15
    ledger.admin.execute(
        "INSERT INTO public.workspace_credits (workspace_id, balance) VALUES (%s, %s)",
        [buyer, 500 * price],
    )
    cart = [lead(ledger.admin, price, seller=new_id()) for _ in range(500)]
    configure(ledger.admin, fee_basis_points=9999)

    outcome = done(buy(ledger, buyer, cart))
    configure(ledger.admin, fee_basis_points=0)

    assert (outcome["amount"], outcome["balance"]) == (500 * price, 0)
    assert len(outcome["items"]) == 500
    assert len(ledger.entries(outcome["transaction_id"])) == 502
    assert lead_state(ledger, cart[-1]) == ("sold", 1)


def test_prices_that_were_seen_are_the_prices_that_are_paid(ledger: Ledger) -> None:
    buyer, (first, second, sold) = ledger.funded(100, ASSET), leads(ledger.admin, [10, 20, 30])
    done(buy(ledger, ledger.funded(30, ASSET), [sold]))
    seen = {first: 10, second: 19, sold: 29, new_id(): 5}

    changed = buy(ledger, buyer, [first, second], expected_prices=seen)
    conflict = buy(ledger, buyer, [first, second, sold], expected_prices=seen)

    assert code(changed) == "PRICE_CHANGED"
    expected = {"lead_id": second, "reason": "price_changed", "price": 20}
    assert changed["details"] == {"conflicts": [expected]}
    assert code(conflict) == "PURCHASE_CONFLICT"
    assert sorted(c["reason"] for c in conflict["details"]["conflicts"]) == [
        "price_changed",
        "sold",
    ]
    spelled = {first.upper(): 10, second.upper(): 20}
    assert done(buy(ledger, buyer, [first, second], expected_prices=spelled))["amount"] == 30


def test_where_some_are_enough_the_others_are_named(ledger: Ledger) -> None:
    buyer, (free, sold, dear) = ledger.funded(100, ASSET), leads(ledger.admin, [10, 20, 30])
    done(buy(ledger, ledger.funded(20, ASSET), [sold]))
    asked = {"expected_prices": {dear: 29}, "allow_partial": True}

    nothing = buy(ledger, buyer, [sold, dear], **asked)
    some = done(buy(ledger, buyer, [free, sold, dear], key="k", **asked))
    again = buy(ledger, buyer, [free, sold, dear], key="k", **asked)

    assert code(nothing) == "PURCHASE_CONFLICT"
    assert again == some | {"replayed": True}
    assert (some["amount"], some["items"]) == (10, [{"lead_id": free, "price": 10}])
    conflicts = {
        sold: {"lead_id": sold, "reason": "sold"},
        dear: {"lead_id": dear, "reason": "price_changed", "price": 30},
    }
    assert some["conflicts"] == [conflicts[lead_id] for lead_id in sorted(conflicts)]
    assert [(row["code"], row["purchase_id"]) for row in conflicts_logged(ledger, buyer)] == [
        ("PURCHASE_CONFLICT", None),
        (None, some["purchase_id"]),
    ]
    assert lead_state(ledger, dear) == ("available", 0)


@pytest.mark.parametrize("verb", [BUY, RESERVE])
def test_a_lead_that_is_busy_may_be_one_of_some_and_is_never_logged(
    ledger: Ledger, verb: str
) -> None:
    buyer, (sold, held) = ledger.funded(100, ASSET), leads(ledger.admin, [10, 20])
    done(buy(ledger, ledger.funded(10, ASSET), [sold]))
    impatient = ledger.database.connect("service_role")
    impatient.execute("SET lock_timeout = '20ms'")
    asked = {"buyer_workspace_id": buyer, "lead_ids": [sold, held], "key": "k"}

    with ledger.held_by_somebody("SELECT FROM public.leads WHERE id = %s FOR UPDATE", held):
        busy = ledger.one(verb, impatient, **asked, allow_partial=True)
        assert conflicts_logged(ledger, buyer) == []
        all_of_them = ledger.one(verb, impatient, **asked | {"key": "l"})

    assert code(busy) == "BUSY"
    assert code(all_of_them) == "PURCHASE_CONFLICT"
    outcome = done(ledger.one(verb, **asked, allow_partial=True))
    assert [item["lead_id"] for item in outcome["items"]] == [held]


def test_so_many_purchases_a_minute_and_refused_conflicts_count(ledger: Ledger) -> None:
    ledger.stop_clock()
    buyer, other = ledger.funded(100, ASSET), ledger.funded(100, ASSET)
    cart = leads(ledger.admin, [1] * 5)
    configure(ledger.admin, purchases_per_minute=3)

    done(buy(ledger, buyer, cart[:1], key="k"))
    ledger.advance(20)
    assert code(buy(ledger, buyer, [new_id()])) == "PURCHASE_CONFLICT"
    assert code(buy(ledger, buyer, leads(ledger.admin, [1000]))) == "INSUFFICIENT_FUNDS"
    assert code(buy(ledger, buyer, ["x"])) == "MALFORMED"
    ledger.advance(10)
    done(reserve(ledger, buyer, cart[1:2]))
    limited = [buy(ledger, buyer, cart[2:3]), reserve(ledger, buyer, [new_id()])]

    assert [code(outcome) for outcome in limited] == ["RATE_LIMITED"] * 2
    # The first was made 30 seconds ago.
    assert [outcome["details"] for outcome in limited] == [{"retry_after_seconds": 30}] * 2
    assert len(conflicts_logged(ledger, buyer)) == 1
    assert buy(ledger, buyer, cart[:1], key="k")["replayed"]
    done(buy(ledger, other, cart[2:3]))
    configure(ledger.admin, purchases_per_minute=0)
    done(buy(ledger, buyer, cart[3:4]))
    configure(ledger.admin, purchases_per_minute=4)
    ledger.advance(30)
    done(buy(ledger, buyer, cart[4:]))


def test_within_a_batch_the_limit_is_that_of_requests_one_by_one(ledger: Ledger) -> None:
    ledger.stop_clock()
    buyer, cart = ledger.funded(100, ASSET), leads(ledger.admin, [1] * 3)
    configure(ledger.admin, purchases_per_minute=2)

    outcomes = ledger.ask(BUY, [{"buyer_workspace_id": buyer, "lead_ids": [x]} for x in cart])

    assert [o.get("code", "done") for o in outcomes] == ["done", "done", "RATE_LIMITED"]
    assert outcomes[-1]["details"]["retry_after_seconds"] == 60


def test_carts_of_a_batch_are_bought_as_if_in_order(ledger: Ledger) -> None:
    a, b, seller = ledger.funded(30, ASSET), ledger.funded(30, ASSET), new_id()
    x, y, z = leads(ledger.admin, [20, 10, 10], seller=seller)
    of_a = lead(ledger.admin, 15, seller=a)

    outcomes = ledger.ask(
        BUY,
        [
            {"buyer_workspace_id": buyer, "lead_ids": cart} | other
            for buyer, cart, other in (
                (a, [x, y], {"key": "k"}),
                (b, [y, z], {}),
                (a, [x, y], {"key": "k"}),
                (a, [z], {}),
                (b, [of_a], {}),
                (a, [z], {}),
                (a, ["x"], {}),
                (b, [z, x], {"allow_partial": True}),
            )
        ],
    )

    assert [o.get("code", o.get("balance")) for o in outcomes] == [
        0,
        "PURCHASE_CONFLICT",
        0,
        "INSUFFICIENT_FUNDS",
        15,
        5,
        "MALFORMED",
        "PURCHASE_CONFLICT",
    ]
    assert [o["replayed"] for o in outcomes] == [False, False, True] + [False] * 5
    reasons = [
        {c["lead_id"]: c["reason"] for c in outcomes[n]["details"]["conflicts"]} for n in (1, 7)
    ]
    assert reasons == [{y: "sold"}, {x: "sold", z: "sold"}]
    assert totals(ledger, seller)[0] == 40
    assert len(conflicts_logged(ledger, b)) == 2


@pytest.mark.parametrize("verb", [BUY, RESERVE])
def test_in_a_batch_a_reservation_gives_way_to_its_own_buyer_only(
    ledger: Ledger, verb: str
) -> None:
    poor, rich = ledger.funded(1, ASSET), ledger.funded(100, ASSET)
    cheap, shared = lead(ledger.admin, 10), lead(ledger.admin, 10, max_sales=2)
    reserved = done(reserve(ledger, poor, [cheap, shared]))["purchase_id"]
    # Where reserving is asked for, what refuses is a price; where buying is, too few credits too.
    refused = {"expected_prices": {cheap: 9}}

    outcomes = ledger.ask(
        verb,
        [
            {"buyer_workspace_id": rich, "lead_ids": [shared]},
            {"buyer_workspace_id": poor, "lead_ids": [cheap]} | refused,
        ],
    )

    assert [o.get("code", "done") for o in outcomes] == ["done", "PRICE_CHANGED"]
    assert purchase_status(ledger, reserved) == "pending"
    if verb == BUY:
        outcomes = ledger.ask(
            verb,
            [
                {"buyer_workspace_id": poor, "lead_ids": [cheap]},
                {"buyer_workspace_id": ledger.funded(10, ASSET), "lead_ids": [shared]},
            ],
        )
        assert [code(o) for o in outcomes] == ["INSUFFICIENT_FUNDS", "PURCHASE_CONFLICT"]
        assert purchase_status(ledger, reserved) == "pending"


@pytest.mark.parametrize("verb", [BUY, RESERVE])
def test_in_a_batch_what_one_cart_gives_up_the_next_can_have(ledger: Ledger, verb: str) -> None:
    a, b = ledger.funded(100, ASSET), ledger.funded(100, ASSET)
    x, y = leads(ledger.admin, [10, 10])
    reserved = done(reserve(ledger, a, [x, y]))["purchase_id"]

    outcomes = ledger.ask(
        verb,
        [
            {"buyer_workspace_id": a, "lead_ids": [x]},
            {"buyer_workspace_id": b, "lead_ids": [y]},
        ],
    )

    assert [o.get("code", "done") for o in outcomes] == ["done", "done"]
    assert purchase_status(ledger, reserved) == "expired"


def test_the_promises_hold(ledger: Ledger) -> None:
    ledger.keeps_its_promises()
