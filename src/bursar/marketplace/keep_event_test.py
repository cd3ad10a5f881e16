"""Events that are kept while changes are paused, and carried out when they go on."""

from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.ledger_in_sql import Ledger, code, done
from tests.market import Event, Payment, checkout, leads, new_id, purchase_status, take, totals
from tests.store import digest

pytestmark = pytest.mark.postgres_versions("15", "18")


def keep(ledger: Ledger, event: object) -> dict[str, Any]:
    """Keep an event for later."""
    row = ledger.caller.execute("SELECT bursar.keep_event(%s)", [Jsonb(event)]).fetchone()
    assert row is not None
    answer: dict[str, Any] = row[0]
    return answer


def waiting(ledger: Ledger, limit: int = 100) -> list[Event]:
    """What was kept and has had no effect yet."""
    events: list[dict[str, Event]] = ledger.value("SELECT bursar.waiting_stripe_events(%s)", limit)
    return [kept["event"] for kept in events]


def paused(ledger: Ledger, *, on: bool) -> None:
    ledger.admin.execute("UPDATE bursar.gate SET degraded = %s", [on])


def test_what_is_kept_has_no_effect_until_changes_go_on(ledger: Ledger) -> None:
    seller = new_id()
    payment = checkout(ledger, new_id(), leads(ledger.admin, [10], seller=seller))
    paid, refunded = payment.completed(), payment.refunded(4)
    before = digest(ledger.admin)
    paused(ledger, on=True)
    assert code(take(ledger, paid)) == "DEGRADED"

    kept = [keep(ledger, happened) for happened in (refunded, paid, paid)]

    assert kept[1] == {
        "status": "done",
        "verb": "keep_event",
        "event_id": paid["id"],
        "effect": "kept",
        "replayed": False,
    }
    assert waiting(ledger) == [refunded, paid]
    paused(ledger, on=False)
    after = digest(ledger.admin)
    assert [name for name in after if after[name] != before[name]] == ["bursar.inbox"]
    assert ledger.rows(
        "SELECT status, subject, deliveries FROM bursar.inbox WHERE event_id = %s", paid["id"]
    ) == [("waiting", payment.payment_id, 2)]
    outcomes = ledger.ask("take_stripe_event", [{"event": e} for e in waiting(ledger)])
    assert [done(outcome)["replayed"] for outcome in outcomes] == [False, False]
    assert purchase_status(ledger, payment.payment_id) == "completed"
    assert totals(ledger, seller)[0] == 6
    assert waiting(ledger) == []


def test_what_happened_first_waits_in_front(ledger: Ledger) -> None:
    payment = Payment(new_id(), 10)
    late, early, between = (payment.completed() | {"created": n} for n in (30, 10, 20))
    for happened in (late, early, between):
        keep(ledger, happened)

    assert waiting(ledger) == [early, between, late]
    assert waiting(ledger, 2) == [early, between]
    for happened in waiting(ledger):
        assert done(take(ledger, happened))["effect"] == "unmatched"
    assert waiting(ledger) == []


def test_what_had_its_effect_is_not_kept_anew(ledger: Ledger) -> None:
    payment = checkout(ledger, new_id(), leads(ledger.admin, [10]))
    paid = payment.completed()
    first = done(take(ledger, paid))

    keep(ledger, paid)

    assert waiting(ledger) == []
    assert take(ledger, paid) == first | {"replayed": True}


def test_a_kept_event_counts_when_another_one_of_its_payment_comes(ledger: Ledger) -> None:
    payment = checkout(ledger, new_id(), leads(ledger.admin, [10]))
    keep(ledger, payment.completed())

    assert done(take(ledger, payment.refunded(10)))["purchase_status"] == "refunded"
    [kept] = waiting(ledger)
    assert done(take(ledger, kept))["purchase_status"] == "refunded"


@pytest.mark.parametrize("wrong", [None, 5, "x", [], {}, {"id": "evt_1"}])
def test_what_is_no_event_is_refused(ledger: Ledger, wrong: object) -> None:
    refused = keep(ledger, wrong)

    assert code(refused) == "MALFORMED"
    assert refused["details"]["field"].startswith("event.")


def test_only_the_service_keeps_events(ledger: Ledger) -> None:
    for role in ("anon", "authenticated"):
        caller = ledger.database.connect(role, new_id())
        for query in (
            "SELECT bursar.keep_event('{}')",
            "SELECT bursar.take_stripe_event('[{}]')",
            "SELECT bursar.waiting_stripe_events()",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                caller.execute(query.encode())


def test_the_promises_hold(ledger: Ledger) -> None:
    ledger.keeps_its_promises()
