"""The windows of caps, against windows reckoned in Python: every moment lies in exactly one."""

import itertools
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.ledger_in_sql import Ledger

pytestmark = pytest.mark.postgres_versions("15", "18")

# Clocks that change at night, by half an hour, at midnight (there days begin at one o'clock or
# have two midnights), never, and back over midnight by three hours.
ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "America/Havana",
    "Asia/Beirut",
    "America/Santiago",
    "Atlantic/Azores",
    "Antarctica/Troll",
    "Antarctica/Casey",
    "Pacific/Apia",
)
PERIODS = ("day", "week", "month")
# Years whose clocks are history, so that every copy of the time zone database agrees on them.
FIRST, LAST = datetime(2010, 1, 1, tzinfo=UTC), datetime(2024, 12, 30, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MICROSECOND = timedelta(microseconds=1)

Window = tuple[datetime, datetime]


@cache
def offset_changes(zone: str) -> list[tuple[datetime, timedelta]]:
    """When the clocks of a zone are changed, and how far they are from UTC from then on."""
    tz = ZoneInfo(zone)
    day = timedelta(days=1)
    low = FIRST - 40 * day
    changes = [(low, _offset(low, tz))]
    while low < LAST + 40 * day:
        before, after = low, low + day
        while after - before > SECOND and _offset(low, tz) != _offset(low + day, tz):
            middle = (before + (after - before) / 2).replace(microsecond=0)
            if _offset(middle, tz) == _offset(low, tz):
                before = middle
            else:
                after = middle
        if after < low + day or _offset(after, tz) != _offset(low, tz):
            changes.append((after, _offset(after, tz)))
        low += day
    return changes


def _offset(moment: datetime, tz: ZoneInfo) -> timedelta:
    offset = moment.astimezone(tz).utcoffset()
    assert offset is not None
    return offset


@cache
def first_moment(day: date, zone: str) -> datetime:
    """The first moment at which the calendar of a zone shows this day, or a later one."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    changes = offset_changes(zone)
    for (begin, offset), (end, _) in itertools.pairwise(
        [*changes, (LAST + timedelta(90), changes[-1][1])]
    ):
        shown_first = max(begin, midnight - offset)
        if shown_first < end:
            return shown_first
    raise AssertionError(day)


def days_of(period: str, day: date) -> tuple[date, date]:
    """The first day of the period that has this day, and the first of the next."""
    if period == "day":
        return day, day + timedelta(1)
    if period == "week":
        monday = date.fromisocalendar(*day.isocalendar()[:2], 1)
        return monday, monday + timedelta(7)
    return day.replace(day=1), (day.replace(day=28) + timedelta(4)).replace(day=1)


@cache
def expected(period: str, zone: str, moment: datetime) -> Window:
    """The window reckoned without the database: between the first moments of two days."""
    day = moment.astimezone(ZoneInfo(zone)).date()
    start, end = (first_moment(limit, zone) for limit in days_of(period, day))
    # Where clocks went back over midnight the calendar shows yesterday again, in today's window.
    while moment >= end:
        start, end = (
            end,
            first_moment(days_of(period, end.astimezone(ZoneInfo(zone)).date())[1], zone),
        )
    return start, end


def windows(ledger: Ledger, period: str, zone: str, moments: list[datetime]) -> list[Window]:
    rows = ledger.rows(
        "SELECT bursar.cap_window(%s, NULL, %s, m) FROM unnest(%s::timestamptz[])"
        " WITH ORDINALITY AS t (m, i) ORDER BY i",
        period,
        zone,
        moments,
    )
    return [(start.astimezone(UTC), end.astimezone(UTC)) for ((start, end),) in rows]


def around_changes(zone: str) -> list[datetime]:
    """Moments about each change of a zone's clocks."""
    steps = [timedelta(minutes=m) for m in (-1500, -181, -61, -31, -1, 0, 1, 29, 59, 61, 119, 1500)]
    found = [change + step for change, _ in offset_changes(zone)[1:] for step in steps]
    return [m for m in found if FIRST <= m <= LAST]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("period", PERIODS)
def test_windows_near_changes_of_clocks_are_those_of_the_calendar(
    ledger: Ledger, period: str, zone: str
) -> None:
    middays = [FIRST + timedelta(days=n, hours=12) for n in range(0, 5400, 29)]
    moments = around_changes(zone) + middays
    edges = [limit for m in moments for limit in expected(period, zone, m)]
    moments += [m for edge in edges for m in (edge, edge - MICROSECOND) if FIRST <= m <= LAST]

    found = windows(ledger, period, zone, moments)

    wrong = [
        (moment, window, expected(period, zone, moment))
        for moment, window in zip(moments, found, strict=True)
        if window != expected(period, zone, moment)
    ]
    assert wrong == []


moments = st.datetimes(
    min_value=FIRST.replace(tzinfo=None),
    max_value=LAST.replace(tzinfo=None),
    timezones=st.just(UTC),
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.sampled_from(PERIODS),
    st.sampled_from(ZONES),
    st.sampled_from(ZONES),
    st.lists(moments, min_size=1),
)
def test_every_moment_lies_in_its_window_and_windows_have_no_gap(
    ledger: Ledger, period: str, zone: str, zone_of_caller: str, chosen: list[datetime]
) -> None:
    ledger.admin.execute("SELECT set_config('timezone', %s, false)", [zone_of_caller])
    own = windows(ledger, period, zone, chosen)
    following = windows(ledger, period, zone, [end for _, end in own])
    before = windows(ledger, period, zone, [start - MICROSECOND for start, _ in own])

    for moment, (start, end), after, last in zip(chosen, own, following, before, strict=True):
        assert start <= moment < end
        assert after[0] == end
        assert last[1] == start
        assert (start, end) == expected(period, zone, moment)


CASES: list[tuple[str, str, str, tuple[str, str]]] = [
    # February, in years of both kinds.
    (
        "month",
        "UTC",
        "2024-02-29 23:59:59.999999+00",
        ("2024-02-01 00:00+00", "2024-03-01 00:00+00"),
    ),
    ("month", "UTC", "2028-02-29 12:00+00", ("2028-02-01 00:00+00", "2028-03-01 00:00+00")),
    ("day", "UTC", "2028-02-29 12:00+00", ("2028-02-29 00:00+00", "2028-03-01 00:00+00")),
    ("month", "UTC", "2100-02-28 12:00+00", ("2100-02-01 00:00+00", "2100-03-01 00:00+00")),
    # Weeks begin on Monday, also across the year: 2026 has a week 53.
    ("week", "UTC", "2026-12-31 12:00+00", ("2026-12-28 00:00+00", "2027-01-04 00:00+00")),
    ("week", "UTC", "2024-12-30 00:00+00", ("2024-12-30 00:00+00", "2025-01-06 00:00+00")),
    (
        "week",
        "UTC",
        "2024-12-29 23:59:59.999999+00",
        ("2024-12-23 00:00+00", "2024-12-30 00:00+00"),
    ),
    # Days of 23 and of 25 hours, and weeks and months that have them.
    ("day", "Europe/Berlin", "2026-03-29 12:00+00", ("2026-03-28 23:00+00", "2026-03-29 22:00+00")),
    ("day", "Europe/Berlin", "2026-10-25 12:00+00", ("2026-10-24 22:00+00", "2026-10-25 23:00+00")),
    (
        "week",
        "America/New_York",
        "2026-03-08 12:00+00",
        ("2026-03-02 05:00+00", "2026-03-09 04:00+00"),
    ),
    (
        "month",
        "America/New_York",
        "2026-11-01 12:00+00",
        ("2026-11-01 04:00+00", "2026-12-01 05:00+00"),
    ),
    # Half an hour.
    (
        "day",
        "Australia/Lord_Howe",
        "2026-04-05 02:00+00",
        ("2026-04-04 13:00+00", "2026-04-05 13:30+00"),
    ),
    # Always three quarters of an hour off.
    (
        "day",
        "Asia/Kathmandu",
        "2026-01-01 12:00+00",
        ("2025-12-31 18:15+00", "2026-01-01 18:15+00"),
    ),
    # Days that begin at one o'clock, and days with two midnights, of which the first counts.
    (
        "day",
        "America/Havana",
        "2024-03-10 12:00+00",
        ("2024-03-10 05:00+00", "2024-03-11 04:00+00"),
    ),
    (
        "day",
        "America/Havana",
        "2024-11-03 04:30+00",
        ("2024-11-03 04:00+00", "2024-11-04 05:00+00"),
    ),
    ("day", "Asia/Beirut", "2024-10-26 21:30+00", ("2024-10-25 21:00+00", "2024-10-26 22:00+00")),
    (
        "day",
        "America/Santiago",
        "2024-09-08 12:00+00",
        ("2024-09-08 04:00+00", "2024-09-09 03:00+00"),
    ),
    # A day that was left out of the calendar.
    ("day", "Pacific/Apia", "2011-12-30 10:00+00", ("2011-12-30 10:00+00", "2011-12-31 10:00+00")),
]


@pytest.mark.parametrize(("period", "zone", "moment", "window"), CASES)
def test_windows_are_those_of_this_table(
    ledger: Ledger, period: str, zone: str, moment: str, window: tuple[str, str]
) -> None:
    [found] = windows(ledger, period, zone, [datetime.fromisoformat(moment)])
    assert found == tuple(datetime.fromisoformat(limit) for limit in window)


def test_a_rolling_window_is_a_stretch_of_time_that_ends_now(ledger: Ledger) -> None:
    now = datetime(2026, 3, 29, 12, tzinfo=UTC)

    found: Any = ledger.value(
        "SELECT bursar.cap_window('rolling', 86400, 'Europe/Berlin', %s)", now
    )

    assert found == [now - timedelta(days=1), now]


# Over midnight, forward and back: no zone does this today. "FOO" is five hours behind.
OVER_MIDNIGHT = "FOO5BAR,M3.2.0/23:30,M11.1.0/0:30"


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.sampled_from(PERIODS), st.lists(moments, min_size=1))
def test_windows_have_no_gap_where_clocks_change_over_midnight(
    ledger: Ledger, period: str, chosen: list[datetime]
) -> None:
    steps = [timedelta(minutes=m) for m in range(-90, 91, 15)]
    for change in ("2024-03-11 04:30+00", "2024-11-03 04:30+00"):
        chosen = chosen + [datetime.fromisoformat(change) + step for step in steps]

    own = windows(ledger, period, OVER_MIDNIGHT, chosen)
    following = windows(ledger, period, OVER_MIDNIGHT, [end for _, end in own])

    for moment, (start, end), after in zip(chosen, own, following, strict=True):
        assert start <= moment < end
        assert after[0] == end


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "user "])
def test_a_zone_that_is_none_is_refused_where_it_is_written(ledger: Ledger, zone: str) -> None:
    for statement in (
        "INSERT INTO public.user_time_zones VALUES ('somebody', %s)",
        "INSERT INTO public.sku_caps (sku, cap, period, allowed, zone)"
        " VALUES ('consumable_xp_booster_7d', 'c', 'day', 1, %s)",
        "UPDATE public.sku_caps SET zone = %s",
    ):
        with pytest.raises(Exception, match="time zone"):
            ledger.admin.execute(statement, [zone])
