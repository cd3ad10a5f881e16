"""What counts towards a cap: rolling windows, amounts, and claims at the edge of a window."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.ledger_in_sql import Ledger, Outcome, code, done
from tests.sale import BOOSTER, SHIELD, Sale, new_tx, new_user
from tests.shop import (
    cap,
    claim,
    claim_at,
    claimed,
    claims_of,
    insisted_at_once,
    new_item,
    refused_until,
    request_of,
    set_clock,
    sold,
    take,
    unclean,
    wallet,
)

pytestmark = pytest.mark.postgres_versions("15", "18")

MICROSECOND = timedelta(microseconds=1)
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)


def test_a_rolling_window_frees_up_to_the_microsecond(ledger: Ledger) -> None:
    user, item = new_user(), new_item(ledger.admin)
    cap(ledger.admin, item, "rolling", 2, rolling=timedelta(hours=36))
    first = datetime(2026, 3, 28, 13, 17, 5, 123457, UTC)
    end = first + timedelta(hours=36)
    done(claim_at(ledger, first, user, item))
    done(claim_at(ledger, first + timedelta(hours=1), user, item))

    assert refused_until(claim_at(ledger, first + timedelta(hours=2), user, item)) == end
    refused = claim_at(ledger, end - MICROSECOND, user, item)
    assert refused_until(refused) == end
    assert refused["details"]["window_end"] is None
    done(claim_at(ledger, end, user, item))
    assert refused_until(claim_at(ledger, end, user, item)) == end + timedelta(hours=1)


def test_an_amount_frees_up_when_enough_of_it_has_left_the_window(ledger: Ledger) -> None:
    user, item = new_user(), new_item(ledger.admin)
    cap(ledger.admin, item, "rolling", 10, measure="amount", rolling=timedelta(days=1))

    def claim_of(amount: int, minutes: int) -> Outcome:
        ledger.admin.execute("UPDATE public.skus SET amount = %s WHERE sku = %s", [amount, item])
        return claim_at(ledger, MONDAY + timedelta(minutes=minutes), user, item)

    for amount, minutes in ((2, 0), (3, 10), (4, 20)):
        done(claim_of(amount, minutes))

    def after(minutes: int) -> datetime:
        return MONDAY + timedelta(days=1, minutes=minutes)

    refused = claim_of(2, 30)
    assert (refused["details"]["used"], refused["details"]["allowed"]) == (9, 10)
    assert refused_until(refused) == after(0)
    assert refused_until(claim_of(4, 30)) == after(10)
    assert refused_until(claim_of(6, 30)) == after(10)
    assert refused_until(claim_of(7, 30)) == after(20)
    assert refused_until(claim_of(11, 30)) is None
    assert done(claim_of(1, 30))["wallet"]["streakshield_count"] == 10
    assert done(claim_of(5, 24 * 60 + 10))["amount"] == 5


def test_what_never_fits_is_not_said_to_free_up(ledger: Ledger) -> None:
    user, item, other = new_user(), new_item(ledger.admin, 5), new_item(ledger.admin)
    cap(ledger.admin, item, "month", 4, measure="amount")
    cap(ledger.admin, other, "day", 0)

    assert refused_until(claim_at(ledger, MONDAY, user, item)) is None
    assert refused_until(claim_at(ledger, MONDAY, user, other)) is None


def test_what_is_overridden_refunded_or_anothers_does_not_count(ledger: Ledger) -> None:
    user, item = new_user(), new_item(ledger.admin)
    cap(ledger.admin, item, "day", 1)
    set_clock(ledger, MONDAY)
    given = sold(ledger, user, item)
    done(claim(ledger, given, override_reason="Lost in an outage.", actor="op:kim"))
    done(claim(ledger, sold(ledger, sku=item)))

    first = sold(ledger, user, item)
    done(claim(ledger, first))
    assert code(claim(ledger, sold(ledger, user, item))) == "CAP_EXCEEDED"
    done(take(ledger, first.refund()))
    second = sold(ledger, user, item)
    done(claim(ledger, second))
    # What comes back counts again, and nobody is refused who has been granted.
    done(take(ledger, first.reversal()))
    refused = claim(ledger, sold(ledger, user, item))

    assert refused["details"]["used"] == 2
    assert claims_of(ledger, given.tx_id)[0][4:] == (True, *claims_of(ledger, given.tx_id)[0][5:])
    assert claims_of(ledger, given.tx_id)[0][-2:] == ("op:kim", "Lost in an outage.")
    assert wallet(ledger, user)[0] == 3
    assert unclean(ledger) == []


def test_a_claim_that_plain_sql_recorded_counts(ledger: Ledger) -> None:
    user, item = new_user(), new_item(ledger.admin)
    cap(ledger.admin, item, "day", 1)
    ledger.admin.execute(
        "INSERT INTO public.purchase_claims (tx_id, user_id, sku, claimed_at)"
        " VALUES (%s, %s, %s, %s)",
        [new_tx(), user, item, MONDAY],
    )
    ledger.admin.execute(
        "INSERT INTO public.user_wallet_balances (user_id, streakshield_count) VALUES (%s, 1)",
        [user],
    )

    assert code(claim_at(ledger, MONDAY + timedelta(hours=23), user, item)) == "CAP_EXCEEDED"


def over_cap(ledger: Ledger, sale: Sale) -> list[tuple[Any, ...]]:
    return ledger.rows(
        "SELECT user_id, sku, cap, times, first_at, last_at, frees_up_at"
        " FROM public.claims_over_cap WHERE tx_id = %s",
        sale.tx_id,
    )


def test_a_paid_purchase_over_its_cap_is_recorded_and_stays_claimable(ledger: Ledger) -> None:
    user = new_user()
    done(claim_at(ledger, MONDAY, user))
    sale = sold(ledger, user)
    later, end = MONDAY + timedelta(days=3), MONDAY + timedelta(days=7)

    assert code(claim(ledger, sale)) == "CAP_EXCEEDED"
    set_clock(ledger, later)
    assert code(claim(ledger, sale)) == "CAP_EXCEEDED"

    assert over_cap(ledger, sale) == [(user, SHIELD, "week", 2, MONDAY, later, end)]
    set_clock(ledger, end)
    done(claim(ledger, sale))
    assert over_cap(ledger, sale) == []
    assert wallet(ledger, user)[0] == 2


def test_claims_at_once_at_the_edge_of_a_window_get_exactly_the_cap(ledger: Ledger) -> None:
    user, item = new_user(), new_item(ledger.admin)
    cap(ledger.admin, item, "week", 3)
    cap(ledger.admin, item, "month", 5)
    sales = [sold(ledger, user, item) for _ in range(50)]
    claimed(ledger, user, BOOSTER)  # so that the wallet is there
    edge = MONDAY + timedelta(days=7)
    # The clock steps over the edge while they are under way, whoever reads it.
    ledger.stop_clock()
    ledger.admin.execute("CREATE SEQUENCE public.ticks")
    ledger.admin.execute("GRANT USAGE ON SEQUENCE public.ticks TO PUBLIC")
    ledger.admin.execute(
        "CREATE OR REPLACE FUNCTION bursar.clock() RETURNS timestamptz LANGUAGE sql VOLATILE"
        " RETURN timestamptz '2026-03-09 00:00+00'"
        " - CASE WHEN nextval('public.ticks') < 50 THEN 1 ELSE 0 END * interval '1 microsecond'"
    )

    outcomes = insisted_at_once(ledger, "claim_purchase", [request_of(sale) for sale in sales])

    granted = sorted(o["claimed_at"] for o in outcomes if o["status"] == "done")
    refused = [o for o in outcomes if o["status"] == "refused"]
    assert [datetime.fromisoformat(at) < edge for at in granted] == [True] * 3 + [False] * 2
    assert {code(outcome) for outcome in refused} == {"CAP_EXCEEDED"}
    assert len(refused) == 45
    assert wallet(ledger, user)[0] == 5
    assert unclean(ledger) == []
