"""Boosters: how they stack, that they last exactly as long as they say, what a refund undoes."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from tests.ledger_in_sql import Ledger, code, done
from tests.sale import BOOSTER, Sale, new_user
from tests.shop import (
    WEEK,
    cap,
    claim,
    claim_at,
    claimed,
    new_booster,
    set_clock,
    sold,
    take,
    unclean,
    wallet,
)

pytestmark = pytest.mark.postgres_versions("15", "18")

START = datetime(2026, 3, 2, 10, 30, 0, 123456, UTC)
DAY = timedelta(days=1)


def until(ledger: Ledger, user: str) -> datetime | None:
    return wallet(ledger, user)[1]


def changes(ledger: Ledger, user: str) -> list[tuple[Any, ...]]:
    """Every change of somebody's booster: cause, and how long after START it ends."""
    rows = ledger.rows(
        "SELECT seq, cause, until_before, until_after, actor FROM public.booster_changes"
        " WHERE user_id = %s ORDER BY seq",
        user,
    )
    assert [row[0] for row in rows] == list(range(1, len(rows) + 1))
    for earlier, later in itertools.pairwise(rows):
        assert earlier[3] == later[2]
    return [(row[1], row[3] and row[3] - START) for row in rows]


def claims(ledger: Ledger, user: str, sku: str, *days: float) -> list[Sale]:
    """Claim a booster so many days after START each."""
    sales = []
    for day in days:
        set_clock(ledger, START + day * DAY)
        sales.append(claimed(ledger, user, sku))
    return sales


@pytest.mark.parametrize(
    ("stacking", "days", "ends"),
    [
        # Until the later of what runs and a week from now.
        ("max", [0], 7),
        ("max", [0, 1], 8),
        ("max", [0, 0, 0], 7),
        ("max", [0, 30], 37),
        # A week more than what runs.
        ("extend", [0], 7),
        ("extend", [0, 1], 14),
        ("extend", [0, 0, 0], 21),
        ("extend", [0, 7, 30], 37),
        # One after the other.
        ("reject", [0, 7], 14),
        ("reject", [0, 8], 15),
    ],
)
def test_boosters_stack_by_the_rule_of_their_sku(
    ledger: Ledger, stacking: str, days: list[float], ends: int
) -> None:
    user, sku = new_user(), new_booster(ledger.admin, stacking)

    claims(ledger, user, sku, *days)

    assert until(ledger, user) == START + ends * DAY
    assert [cause for cause, _ in changes(ledger, user)] == ["claim"] * len(days)


def test_the_shipped_booster_runs_a_week_from_the_latest_claim(ledger: Ledger) -> None:
    user = new_user()

    claims(ledger, user, BOOSTER, 0, 3)

    assert until(ledger, user) == START + 10 * DAY


def test_a_booster_that_runs_is_in_the_way_of_another_until_it_ends(ledger: Ledger) -> None:
    user, sku = new_user(), new_booster(ledger.admin, "reject")
    claims(ledger, user, sku, 0)

    refused = claim_at(ledger, START + WEEK - timedelta(microseconds=1), user, sku)
    assert code(refused) == "BOOSTER_ACTIVE"
    assert datetime.fromisoformat(refused["details"]["until"]) == START + WEEK
    done(claim_at(ledger, START + WEEK, user, sku))


def test_a_shorter_booster_does_not_cut_a_longer_one(ledger: Ledger) -> None:
    user, short = new_user(), new_booster(ledger.admin, "max", timedelta(hours=1))
    claims(ledger, user, BOOSTER, 0)

    claims(ledger, user, short, 1)

    assert until(ledger, user) == START + WEEK


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu"])
@pytest.mark.parametrize("day", ["2026-03-06", "2026-03-27", "2026-10-23", "2024-02-27"])
def test_a_week_is_168_hours_whatever_the_clocks_do(ledger: Ledger, zone: str, day: str) -> None:
    user, start = new_user(), datetime.fromisoformat(f"{day} 22:59:59.999999+00:00")
    with psycopg.connect(ledger.database.url, autocommit=True) as session:
        session.execute("SELECT set_config('timezone', %s, false)", [zone])
        set_clock(ledger, start)
        sale = sold(ledger, user, BOOSTER)
        outcome = done(
            ledger.one(
                "claim_purchase",
                session,
                user_id=user,
                sku=BOOSTER,
                tx_id=sale.tx_id,
                caller={"role": "service_role"},
            )
        )

    assert datetime.fromisoformat(outcome["wallet"]["xp_booster_until"]) - start == (
        timedelta(hours=168)
    )
    assert until(ledger, user) == start + timedelta(hours=168)


@pytest.mark.parametrize(
    ("stacking", "days", "refunds", "ends"),
    [
        ("max", [0], [0], None),
        ("max", [0, 1], [1], 7),
        ("max", [0, 1], [0], 8),
        ("max", [0, 1, 2], [2, 1], 7),
        ("max", [0, 1], [0, 1], None),
        ("extend", [0], [0], None),
        ("extend", [0, 1], [1], 7),
        # What is left began when it was claimed.
        ("extend", [0, 1], [0], 8),
        ("extend", [0, 1, 2], [1], 14),
        ("extend", [0, 1, 9], [0], 16),
        ("reject", [0, 7], [0], 14),
    ],
)
def test_a_refund_leaves_what_the_others_make_and_its_reversal_what_was(
    ledger: Ledger, stacking: str, days: list[float], refunds: list[int], ends: int | None
) -> None:
    user, sku = new_user(), new_booster(ledger.admin, stacking)
    sales = claims(ledger, user, sku, *days)
    before = until(ledger, user)

    for n in refunds:
        done(take(ledger, sales[n].refund()))
    assert until(ledger, user) == (None if ends is None else START + ends * DAY)
    for n in refunds:
        done(take(ledger, sales[n].reversal()))

    assert until(ledger, user) == before
    causes = {cause for cause, _ in changes(ledger, user)}
    assert causes <= {"claim", "refund", "refund_reversed"}
    assert unclean(ledger) == []


@pytest.mark.parametrize(("stacking", "after"), [("max", 20), ("extend", 27)])
def test_what_plain_sql_set_in_between_stands(ledger: Ledger, stacking: str, after: int) -> None:
    user, sku = new_user(), new_booster(ledger.admin, stacking)
    first, second = claims(ledger, user, sku, 0, 1)
    ledger.admin.execute(
        "UPDATE public.user_wallet_balances SET xp_booster_until = %s WHERE user_id = %s",
        [START + 20 * DAY, user],
    )
    [third] = claims(ledger, user, sku, 2)
    assert until(ledger, user) == START + after * DAY

    # What came before is part of what was set; what came after is not.
    done(take(ledger, first.refund()))
    assert until(ledger, user) == START + after * DAY
    done(take(ledger, third.refund()))
    assert until(ledger, user) == START + 20 * DAY
    done(take(ledger, second.refund()))
    assert until(ledger, user) == START + 20 * DAY
    done(take(ledger, third.reversal()))
    assert until(ledger, user) == START + after * DAY
    assert ("sql", 20 * DAY) in changes(ledger, user)


def test_what_plain_sql_took_away_stays_away(ledger: Ledger) -> None:
    user = new_user()
    [first, second] = claims(ledger, user, BOOSTER, 0, 1)
    ledger.admin.execute(
        "UPDATE public.user_wallet_balances SET xp_booster_until = NULL WHERE user_id = %s", [user]
    )

    done(take(ledger, first.refund()))
    done(take(ledger, second.refund()))
    done(take(ledger, second.reversal()))

    assert until(ledger, user) is None
    assert [cause for cause, _ in changes(ledger, user)] == ["claim", "claim", "sql"]


def test_a_wallet_that_was_deleted_took_its_booster_along(ledger: Ledger) -> None:
    user = new_user()
    first, second = claims(ledger, user, BOOSTER, 0, 1)
    ledger.admin.execute("DELETE FROM public.user_wallet_balances WHERE user_id = %s", [user])

    done(take(ledger, first.refund()))
    assert wallet(ledger, user) == (0, None)
    [third] = claims(ledger, user, BOOSTER, 2)
    assert until(ledger, user) == START + 9 * DAY
    done(take(ledger, third.refund()))
    done(take(ledger, second.refund()))

    assert until(ledger, user) is None
    assert changes(ledger, user) == [
        ("claim", 7 * DAY),
        ("claim", 8 * DAY),
        ("sql", None),
        ("claim", 9 * DAY),
        ("refund", None),
    ]


def test_a_booster_has_caps_as_well(ledger: Ledger) -> None:
    user, sku = new_user(), new_booster(ledger.admin)
    cap(ledger.admin, sku, "month", 1)
    claims(ledger, user, sku, 0)

    assert code(claim(ledger, sold(ledger, user, sku))) == "CAP_EXCEEDED"
    assert until(ledger, user) == START + WEEK


def test_changes_are_append_only(ledger: Ledger) -> None:
    claims(ledger, new_user(), BOOSTER, 0)

    for statement in (
        "UPDATE public.booster_changes SET actor = 'x'",
        "DELETE FROM public.booster_changes",
        "TRUNCATE public.booster_changes",
    ):
        with pytest.raises(psycopg.errors.RestrictViolation):
            ledger.admin.execute(statement)
