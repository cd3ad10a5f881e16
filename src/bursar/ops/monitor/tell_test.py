"""Who is told of alerts is told once when they fire and once when they clear, and nobody else."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from bursar.ops.monitor.judge import FIRING, OK, UNTOLD, Judged
from bursar.ops.monitor.look import Report
from bursar.ops.monitor.rules import BY_NAME
from bursar.ops.monitor.tell import (
    NotToldError,
    Webhook,
    note_turns,
    require_address,
    tell_events,
)
from tests.bell import TOKEN, Bell
from tests.ledger_in_sql import Ledger
from tests.patience import PATIENCE_SECONDS


class Reading:
    """The functions of a ledger, as the service's own role calls them."""

    def __init__(self, ledger: Ledger) -> None:
        self._connection = ledger.caller

    async def read(self, function: str, *arguments: str | int | None) -> Any:
        places = ", ".join(["%s"] * len(arguments))
        query = f"SELECT bursar.{function}({places})"
        return self._connection.execute(query.encode(), arguments).fetchall()[0][0]


@pytest.fixture
def reading(ledger: Ledger) -> Iterator[Reading]:
    yield Reading(ledger)
    ledger.admin.execute("TRUNCATE bursar.alert, bursar.alert_event")


@pytest.fixture
def bell() -> Iterator[Bell]:
    with Bell() as listening:
        yield listening


def report(**states: str) -> Report:
    judged = [
        Judged(BY_NAME[name], state, None if state == UNTOLD else 12.5, 100)
        for name, state in states.items()
    ]
    return Report("2026-11-02T09:15:00+00:00", judged, {})


async def look(reading: Reading, bell: Bell, **states: str) -> tuple[int, str]:
    """Look as a process does that is started each minute."""
    await note_turns(reading, report(**states))
    webhook = Webhook(bell.address, seconds=PATIENCE_SECONDS)
    try:
        return await tell_events(reading, webhook)
    finally:
        await webhook.close()


async def test_it_is_told_once_when_it_fires_and_once_when_it_clears(
    reading: Reading, bell: Bell
) -> None:
    for state in (OK, FIRING, FIRING, FIRING, OK, OK, FIRING, UNTOLD, UNTOLD):
        await look(reading, bell, error_rate=state, cap_conflicts=OK)

    assert bell.heard() == [("error_rate", state) for state in ("firing", "resolved") * 2]
    first = bell.told[0]
    assert first["text"] == "[CRITICAL] Errors: above 5 % over 5m for 15m"
    assert bell.told[1]["text"].startswith("[RESOLVED] Errors")
    assert (first["value"], first["threshold"], first["unit"]) == (12.5, 5.0, "%")
    assert first["until"] == "2026-11-02T09:15:00+00:00"
    assert bell.told[3]["value"] is None
    assert len({one["id"] for one in bell.told}) == 4
    assert first["path"].endswith(TOKEN)


async def test_what_could_not_be_told_is_told_later_and_in_order(
    reading: Reading, bell: Bell, ledger: Ledger
) -> None:
    bell.answers = [503, 500]
    told, complaint = await look(reading, bell, error_rate=FIRING)
    assert (told, complaint) == (0, "error_rate: it answered 500")
    # It is left alone for a while, and what came of it meanwhile waits as well.
    assert await look(reading, bell, error_rate=OK) == (0, "")
    ledger.admin.execute("UPDATE bursar.alert_event SET next_attempt_at = now()")
    assert await look(reading, bell, error_rate=OK) == (2, "")

    assert bell.heard() == [("error_rate", "firing"), ("error_rate", "resolved")]


async def test_what_is_a_day_old_is_told_to_nobody(
    reading: Reading, bell: Bell, ledger: Ledger
) -> None:
    await note_turns(reading, report(error_rate=FIRING))
    ledger.admin.execute("UPDATE bursar.alert_event SET happened_at = now() - interval '25 hours'")

    assert await look(reading, bell, error_rate=OK) == (1, "")
    assert bell.heard() == [("error_rate", "resolved")]


async def test_two_who_look_at_once_tell_it_once(
    reading: Reading, bell: Bell, ledger: Ledger
) -> None:
    with ledger.database.connect("service_role").transaction() as other:
        other.connection.execute(
            'SELECT bursar.turn_alerts(\'[{"alert": "error_rate", "firing": true,'
            ' "body": {}}]\'), bursar.lease_alert_events(5, 60)'
        )
    await look(reading, bell, error_rate=FIRING)

    assert bell.heard() == []
    rows = ledger.admin.execute("SELECT count(*) FROM bursar.alert_event").fetchall()
    assert rows == [(1,)]


async def post(address: str) -> None:
    require_address(address)
    webhook = Webhook(address, seconds=PATIENCE_SECONDS)
    try:
        await webhook.tell({"alert": "error_rate"})
    finally:
        await webhook.close()


async def test_the_address_is_nowhere_in_what_is_said(
    bell: Bell, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    gone = f"http://127.0.0.1:1/hooks/{TOKEN}"
    bell.answers, bell.location = [302, 302], "/elsewhere"
    for address in (bell.address, gone, f"http://[{TOKEN}/", f"ftp://h/{TOKEN}", TOKEN):
        with pytest.raises((NotToldError, ValueError)) as failed:
            await post(address)
        assert TOKEN not in str(failed.value)
        assert TOKEN not in repr(failed.value.__cause__)
    assert bell.asked == 2  # as often as it is tried, and redirects are not followed
    assert TOKEN not in caplog.text


async def test_an_answer_that_does_not_come_is_given_up(bell: Bell) -> None:
    bell.hangs = 3.0

    webhook = Webhook(bell.address, seconds=0.2)

    with pytest.raises(NotToldError, match="it did not answer in"):
        await webhook.tell({})
    await webhook.close()
