"""Transfers: what was bought belongs to somebody else from then on, but for what was claimed."""

import uuid
from datetime import timedelta

import psycopg
import pytest

from tests.ledger_in_sql import NOON, Ledger, code, done
from tests.sale import Sale, new_tx, new_user, transfer
from tests.shop import (
    claim,
    claimed,
    new_item,
    owed,
    purchase_of,
    queue_of,
    replay,
    sold,
    switched,
    take,
    unclean,
    wallet,
)

pytestmark = pytest.mark.postgres_versions("15", "18")

HOUR = timedelta(hours=1)


def owner_of(ledger: Ledger, sale: Sale) -> str:
    purchase = purchase_of(ledger, sale.tx_id)
    assert purchase is not None
    return str(purchase[0])


def ids_of(sale: Sale) -> list[str]:
    """The ids by which a store knows the buyer."""
    return list(sale.purchase()["aliases"])


def test_the_new_owner_claims_by_any_of_their_ids_and_the_former_by_none(ledger: Ledger) -> None:
    item = new_item(ledger.admin)
    anonymous, named, other = "$RCAnonymousID:1f", new_user(), new_user()
    sales = [sold(ledger, sku=item) for _ in range(3)]
    for sale in sales:
        event = transfer(ids_of(sale), [anonymous, named, other])
        assert done(take(ledger, event))["effect"] == "applied"
        assert owner_of(ledger, sale) == named

        for former in ids_of(sale):
            assert code(claim(ledger, sale, former)) == "TRANSACTION_OWNED_BY_OTHER"

    for sale, user in zip(sales, (anonymous, named, other), strict=True):
        done(claim(ledger, sale, user))
        assert wallet(ledger, user)[0] == 1


def test_what_was_claimed_stays_where_it_was_granted(ledger: Ledger) -> None:
    sale, heir = claimed(ledger), new_user()
    done(take(ledger, transfer([sale.user_id], [heir])))

    assert owner_of(ledger, sale) == heir
    assert code(claim(ledger, sale, heir)) == "TRANSACTION_OWNED_BY_OTHER"
    assert done(claim(ledger, sale))["replayed"]
    done(take(ledger, sale.refund()))
    assert [wallet(ledger, user)[0] for user in (sale.user_id, heir)] == [0, 0]
    assert [owed(ledger, user) for user in (sale.user_id, heir)] == [0, 0]
    assert unclean(ledger) == []


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (2, 0, 1)])
def test_transfers_are_followed_in_the_order_of_the_stores_clock(
    ledger: Ledger, order: tuple[int, ...]
) -> None:
    sale = Sale()
    second, third = new_user(), new_user()
    events = [
        transfer(ids_of(sale), [second], NOON + HOUR),
        transfer([second], [third], NOON + 2 * HOUR),
        transfer([third], [sale.user_id], NOON + 3 * HOUR),
    ]
    done(take(ledger, sale.purchase()))

    for n in order:
        done(take(ledger, events[n]))

    assert owner_of(ledger, sale) == sale.user_id
    assert code(claim(ledger, sale, third)) == "TRANSACTION_OWNED_BY_OTHER"
    done(claim(ledger, sale))


def test_a_purchase_that_comes_after_its_transfer_belongs_to_the_new_owner(
    ledger: Ledger,
) -> None:
    before, after, heir = Sale(), Sale(), new_user()
    done(take(ledger, transfer(ids_of(before), [heir], NOON + HOUR)))
    # What was bought after a transfer is no part of it.
    done(take(ledger, transfer(ids_of(after), [heir], NOON - HOUR)))

    for sale in (before, after):
        done(take(ledger, sale.purchase()))

    assert owner_of(ledger, before) == heir
    assert owner_of(ledger, after) == after.user_id


def test_one_id_of_the_former_owner_is_enough(ledger: Ledger) -> None:
    sale, heir = sold(ledger), new_user()

    done(take(ledger, transfer([ids_of(sale)[1]], [heir])))

    assert owner_of(ledger, sale) == heir


def test_a_transfer_that_names_no_environment_holds_in_each(ledger: Ledger) -> None:
    item = new_item(ledger.admin)
    both, one, heir = Sale(sku=item), Sale(sku=item), new_user()
    sandbox = [Sale(s.user_id, item, environment="SANDBOX") for s in (both, one)]
    for sale in (both, one, *sandbox):
        done(take(ledger, sale.purchase()))

    done(take(ledger, transfer([both.user_id], [heir])))
    done(take(ledger, transfer([one.user_id], [heir], environment="PRODUCTION")))

    assert [owner_of(ledger, sale) for sale in (both, one)] == [heir, heir]
    with switched(ledger, sandbox_claims=True):
        assert done(claim(ledger, sandbox[0], heir))["user_id"] == heir
        assert done(claim(ledger, sandbox[1]))["user_id"] == one.user_id


@pytest.mark.parametrize(
    ("from_users", "to_users"), [([], ["ada"]), (["ada"], []), ([], []), (["ada"], ["ada"])]
)
def test_a_transfer_from_or_to_nobody_changes_nothing(
    ledger: Ledger, from_users: list[str], to_users: list[str]
) -> None:
    event = transfer(from_users, to_users)

    done(take(ledger, event))

    assert (
        ledger.rows("SELECT * FROM public.purchase_transfers WHERE event_id = %s", event["id"])
        == []
    )


@pytest.mark.parametrize("field", ["transferred_from", "transferred_to"])
@pytest.mark.parametrize("value", [None, "ada", 5, {"a": 1}, [5, None]])
def test_a_list_that_is_none_is_ignored(ledger: Ledger, field: str, value: object) -> None:
    event = transfer(["ada"], ["bob"]) | {field: value}

    assert done(take(ledger, event))["effect"] == "ignored"


def test_purchases_that_plain_sql_recorded_are_transferred_too(ledger: Ledger) -> None:
    sale, heir = Sale(), new_user()
    ledger.admin.execute(
        "INSERT INTO public.audit_purchases (tx_id, user_id, sku, status, purchased_at)"
        " VALUES (%s, %s, %s, 'NON_RENEWING_PURCHASE', %s)",
        [sale.tx_id, sale.user_id, sale.sku, NOON - HOUR],
    )
    done(claim(ledger, claimed(ledger)))

    done(take(ledger, transfer([sale.user_id], [heir])))

    assert code(claim(ledger, sale)) == "TRANSACTION_OWNED_BY_OTHER"
    done(claim(ledger, sale, heir))


@pytest.mark.parametrize("transfer_first", [False, True])
@pytest.mark.parametrize("store", [None, "PLAY_STORE"])
def test_the_claim_of_an_heir_that_was_accepted_is_granted_in_either_order(
    ledger: Ledger, transfer_first: bool, store: str | None
) -> None:
    item, heir, other = new_item(ledger.admin), new_user(), new_user()
    done(take(ledger, Sale(sku=item, tx_id=(tx_id := new_tx())).purchase()))
    # The same id in another store, so that ours is another than the store's.
    sale = Sale("$RCAnonymousID:" + uuid.uuid4().hex, item, tx_id, "PLAY_STORE")
    for user in (heir, other):
        assert done(claim(ledger, sale, user, store="PLAY_STORE", accepted=True))["queued"]
    events = [sale.purchase(), transfer([sale.user_id], [heir, new_user()], NOON + HOUR)]
    if store is None:
        ledger.admin.execute("UPDATE public.claim_queue SET store = NULL")

    for event in reversed(events) if transfer_first else events:
        done(take(ledger, event))
    replay(ledger)

    assert [wallet(ledger, user)[0] for user in (heir, other)] == [1, 0]
    assert [queue_of(ledger, user)[0][2::2] for user in (heir, other)] == [
        ("done", "done"),
        ("done", "refused"),
    ]
    # What was claimed is not taken up for whoever inherits it then.
    done(take(ledger, transfer([heir], [other], NOON + 2 * HOUR)))
    assert queue_of(ledger, other)[0][2] == "done"
    assert unclean(ledger) == []


def test_transfers_are_append_only(ledger: Ledger) -> None:
    done(take(ledger, transfer([new_user()], [new_user()])))

    for statement in (
        "UPDATE public.purchase_transfers SET to_user_id = 'x'",
        "DELETE FROM public.purchase_transfers",
        "TRUNCATE public.purchase_transfers",
    ):
        with pytest.raises(psycopg.errors.RestrictViolation):
            ledger.admin.execute(statement)
