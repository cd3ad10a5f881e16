"""Caps: how many in which window, to the microsecond, and what does not count."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.ledger_in_sql import Ledger, code, done
from tests.sale import SHIELD, new_user
from tests.shop import cap, claim_at, new_item, refused_until

pytestmark = pytest.mark.postgres_versions("15", "18")

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_a_cap_is_told_with_its_window_and_when_it_frees_up(ledger: Ledger) -> None:
    user = new_user()
    done(claim_at(ledger, MONDAY + timedelta(hours=1), user))

    refused = claim_at(ledger, MONDAY + timedelta(days=6), user)

    assert code(refused) == "CAP_EXCEEDED"
    assert refused["details"] == {
        "cap": "week",
        "period": "week",
        "measure": "count",
        "allowed": 1,
        "used": 1,
        "zone": "UTC",
        "window_start": "2026-03-02T00:00:00+00:00",
        "window_end": "2026-03-09T00:00:00+00:00",
        "frees_up_at": "2026-03-09T00:00:00+00:00",
    }


# Claims of shields at these times, by one user, and whether each is granted, or until when not.
SHIPPED: list[list[tuple[str, str]]] = [
    # One a week, to the microsecond; weeks begin on Monday.
    [
        ("2026-03-08 23:59:59.999999+00", ""),
        ("2026-03-09 00:00:00+00", ""),
        ("2026-03-15 23:59:59.999999+00", "2026-03-16 00:00:00+00"),
        ("2026-03-16 00:00:00+00", ""),
    ],
    # Three a month, though a week is free; the month stays in the way longer than the week.
    [
        ("2026-03-02 00:00+00", ""),
        ("2026-03-09 00:00+00", ""),
        ("2026-03-16 00:00+00", ""),
        ("2026-03-23 00:00+00", "2026-04-01 00:00+00"),
        ("2026-03-31 23:59:59.999999+00", "2026-04-01 00:00+00"),
        ("2026-04-01 00:00+00", ""),
        ("2026-04-05 00:00+00", "2026-04-06 00:00+00"),
    ],
    # A leap day ends its month, and so does the day before in other years.
    [
        ("2024-02-05 00:00+00", ""),
        ("2024-02-12 00:00+00", ""),
        ("2024-02-19 00:00+00", ""),
        ("2024-02-29 23:59:59.999999+00", "2024-03-01 00:00+00"),
        ("2024-03-01 00:00+00", ""),
    ],
    [
        ("2028-02-01 00:00+00", ""),
        ("2028-02-08 00:00+00", ""),
        ("2028-02-15 00:00+00", ""),
        ("2028-02-29 12:00+00", "2028-03-01 00:00+00"),
        ("2028-03-01 00:00+00", ""),
    ],
    # The last week of a year reaches into the next.
    [
        ("2026-12-28 00:00+00", ""),
        ("2027-01-03 23:59:59.999999+00", "2027-01-04 00:00+00"),
        ("2027-01-04 00:00+00", ""),
    ],
]

# The same with one a day, in zones whose clocks change on it.
ZONED: list[tuple[str, list[tuple[str, str]]]] = [
    (
        "Europe/Berlin",
        [
            ("2026-03-28 23:00+00", ""),
            ("2026-03-29 21:59:59.999999+00", "2026-03-29 22:00+00"),
            ("2026-03-29 22:00+00", ""),
        ],
    ),
    (
        "America/New_York",
        [
            ("2026-11-01 04:00+00", ""),
            ("2026-11-02 04:59:59.999999+00", "2026-11-02 05:00+00"),
            ("2026-11-02 05:00+00", ""),
        ],
    ),
    (
        "Australia/Lord_Howe",
        [
            ("2026-04-04 13:00+00", ""),
            ("2026-04-05 13:29:59.999999+00", "2026-04-05 13:30+00"),
            ("2026-04-05 13:30+00", ""),
        ],
    ),
    (
        "Asia/Kathmandu",
        [
            ("2026-01-31 18:14:59.999999+00", ""),
            ("2026-01-31 18:15+00", ""),
            ("2026-02-01 00:00+00", "2026-02-01 18:15+00"),
        ],
    ),
    # Midnight comes twice, and the second is the same day.
    (
        "America/Havana",
        [
            ("2024-11-03 04:00+00", ""),
            ("2024-11-03 05:00+00", "2024-11-04 05:00+00"),
            ("2024-11-04 05:00+00", ""),
        ],
    ),
]


def play(ledger: Ledger, user: str, sku: str, steps: list[tuple[str, str]]) -> None:
    for at, until in steps:
        outcome = claim_at(ledger, moment(at), user, sku)
        if until:
            assert refused_until(outcome) == moment(until), at
        else:
            assert done(outcome)["claimed_at"] is not None, at


@pytest.mark.parametrize("steps", SHIPPED)
def test_shields_are_capped_by_week_and_month(ledger: Ledger, steps: list[tuple[str, str]]) -> None:
    play(ledger, new_user(), SHIELD, steps)


@pytest.mark.parametrize(("zone", "steps"), ZONED)
@pytest.mark.parametrize("own", [False, True])
def test_a_day_is_that_of_the_caps_zone_or_of_the_users_own(
    ledger: Ledger, zone: str, own: bool, steps: list[tuple[str, str]]
) -> None:
    user, item = new_user(), new_item(ledger.admin)
    cap(ledger.admin, item, "day", 1, zone="user" if own else zone)
    if own:
        ledger.admin.execute("INSERT INTO public.user_time_zones VALUES (%s, %s)", [user, zone])

    play(ledger, user, item, steps)

    # Whoever has said nothing lives in UTC.
    other = new_user()
    done(claim_at(ledger, moment("2026-06-01 00:00+00"), other, item))
    if own:
        refused = claim_at(ledger, moment("2026-06-01 23:59+00"), other, item)
        assert refused_until(refused) == moment("2026-06-02 00:00+00")
