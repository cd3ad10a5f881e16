"""The queries of docs/generation.md, executed from the page as they stand, on a busy studio."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from tests.ledger_in_sql import Ledger, code, done
from tests.studio import (
    ASSET,
    credits_of,
    deduct,
    end,
    lease,
    new_artist,
    refund,
    submit,
    submitted,
)

pytestmark = pytest.mark.postgres_versions("15", "18")

PAGE = Path(__file__).parents[1] / "docs" / "generation.md"
QUERIES = PAGE.read_text("utf-8").partition("\n## Operators' queries\n")[2]
USER = "d3300000-0000-4000-8000-000000000002"
OTHER = "d3300000-0000-4000-8000-000000000003"


def blocks_of_the_page() -> list[tuple[str, str]]:
    """Each statement of the page, below its heading, in order."""
    found = []
    for section in QUERIES.split("\n### ")[1:]:
        heading = section.splitlines()[0]
        found += [(heading, sql) for sql in re.findall(r"^```sql\n(.*?)^```", section, re.M | re.S)]
    return found


@dataclass
class Operator:
    """Somebody at psql, with the page in front of them."""

    ledger: Ledger
    role: str

    def types(self, heading: str, place: int = 0) -> list[tuple[Any, ...]]:
        """Run one block of the page; its rows are answered."""
        texts = [sql for title, sql in blocks_of_the_page() if title == heading]
        cursor = self.ledger.database.connect(self.role).execute(texts[place].encode())
        return cursor.fetchall() if cursor.description else []


@dataclass
class Studio:
    """Ids of what happened in it."""

    waiting: str
    working: str
    late: str
    stuck: str
    deducted: str


@pytest.fixture(params=["bursar_operator", "service_role"])
def operator(request: pytest.FixtureRequest, ledger: Ledger) -> Operator:
    return Operator(ledger, request.param)


@pytest.fixture(scope="module")
def studio(ledger: Ledger) -> Studio:
    """A user with a job of each kind, and one whose credit could not be given back."""
    for user in (USER, OTHER):
        done(ledger.one("grant", owner_id=user, asset=ASSET, amount=20))
    done(deduct(ledger, USER))
    deducted = submitted(ledger, USER)
    done(end(ledger, deducted))
    late = submitted(ledger, USER)
    lease(ledger)
    done(end(ledger, late, "failed", provider="studio.example", error="The provider is away."))
    assert done(end(ledger, late))["effect"] == "late_success"
    done(deduct(ledger, USER))
    done(refund(ledger, USER))
    working = submitted(ledger, USER)
    lease(ledger, worker="atelier:1")
    waiting = submitted(ledger, USER)
    done(deduct(ledger, USER))
    stuck = _stuck(ledger)
    _calls(ledger)
    return Studio(waiting, working, late, stuck, deducted)


def _stuck(ledger: Ledger) -> str:
    """A job whose wallet was closed before it failed."""
    done(deduct(ledger, OTHER))
    job_id = submitted(ledger, OTHER)
    done(ledger.one("spend", owner_id=OTHER, asset=ASSET, amount=19))
    done(ledger.one("freeze", owner_id=OTHER, asset=ASSET, wallet_status="closed"))
    assert done(end(ledger, job_id, "failed"))["effect"] == "refund_refused"
    return job_id


def _calls(ledger: Ledger) -> None:
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    calls = [(200, 10.0, None), (429, 20.5, "rate_limited"), (402, 5.5, "insufficient_funds")]
    ledger.value(
        "SELECT bursar.record_function_metrics(%s)",
        Jsonb(
            [
                {
                    "function_name": "submit-generation",
                    "at": hour.isoformat(),
                    "status_code": status,
                    "duration_ms": duration,
                    "error_code": error,
                }
                for status, duration, error in calls
            ]
        ),
    )


def test_every_block_of_the_page_runs_in_order(operator: Operator, studio: Studio) -> None:
    blocks = blocks_of_the_page()
    headings = [heading for heading, _ in blocks]

    for n, (heading, _) in enumerate(blocks):
        operator.types(heading, headings[:n].count(heading))

    assert len(blocks) >= 15
    operator.ledger.keeps_its_promises()


def test_jobs_are_looked_at_by_how_they_stand(operator: Operator, studio: Studio) -> None:
    by_status = {row[1:3]: row[3:5] for row in operator.types("Jobs of a day")}
    assert by_status["completed", "completed"] == (1, 1)
    assert by_status["refunded", "provider_error"] == by_status["processing", None] == (1, 1)

    under_way = operator.types("Jobs under way")
    assert [str(row[0]) for row in under_way] == [studio.working, studio.waiting, studio.stuck]
    assert [row[3:6] for row in under_way] == [
        ("processing", 1, "atelier:1"),
        ("queued", 0, None),
        ("failed", 0, None),
    ]
    assert ("studio.example", "provider_error", "The provider is away.", 1) in [
        row[:4] for row in operator.types("Why jobs failed")
    ]


def test_what_wants_somebody_is_named(operator: Operator, studio: Studio) -> None:
    [(job_id, user, reason, _, _, wallet)] = operator.types("Credits that could not be given back")
    assert (str(job_id), str(user)) == (studio.stuck, OTHER)
    assert (reason, wallet) == ("provider_error", "closed")
    [(user, _, amount, _, lapses_at)] = operator.types("Deductions without a job")
    assert (str(user), amount) == (USER, 1)
    assert lapses_at is not None

    assert operator.types("Held against jobs") == []
    held = done(operator.ledger.one("hold", owner_id=USER, asset=ASSET, amount=2))
    assert [row[1:] for row in operator.types("Held against jobs")] == [(4, 2)]
    done(operator.ledger.one("release", hold_id=held["hold_id"]))
    assert operator.types("Held against jobs") == []


def test_what_happened_is_told_in_words(operator: Operator, studio: Studio) -> None:
    told = [row[1] for row in operator.types("Refunds in words")]

    assert told == [
        f"Could not refund 1 credit to user {OTHER} due to provider_error",
        f"Refunded 1 credit to user {USER} due to no job came of it",
        f"Refunded 1 credit to user {USER} due to provider_error",
    ]
    [(_, what, job_id, *_)] = operator.types("Answers that came late")
    assert (what, str(job_id)) == ("late_success", studio.late)


def test_each_change_of_a_users_credits_has_its_job(operator: Operator, studio: Studio) -> None:
    rows = [row for row in operator.types("A user's credits") if row[2] != "adjust"]

    assert [row[2:5] for row in rows] == [
        ("deduct_credit", "deducted before a job", -1),
        ("refund", "no job came of it", 1),
        ("deduct_credit", "deducted before a job", -1),
        ("deduct_credit", "deducted before a job", -1),
        ("grant", "grant", 20),
    ]
    assert [row[6] for row in rows] == [None, None, None, studio.deducted, None]


def test_calls_are_counted(operator: Operator, studio: Studio) -> None:
    [(_, name, calls, limited, poor, errors, average)] = operator.types("Rate limits by hour")

    assert (name, calls, limited, poor, errors) == ("submit-generation", 3, 1, 1, 0)
    assert str(average) == "12.00"


def test_a_wallet_is_corrected_with_an_entry(operator: Operator, studio: Studio) -> None:
    before = credits_of(operator.ledger, USER)

    operator.types("Correcting a wallet")

    assert credits_of(operator.ledger, USER)[0] == before[0] + 5
    assert operator.ledger.rows(
        "SELECT t.actor, t.verb, e.amount FROM bursar.entry AS e JOIN bursar.transaction AS t"
        " ON t.id = e.transaction_id WHERE e.owner_id = %s AND e.asset = %s"
        " ORDER BY e.seq DESC LIMIT 1",
        USER,
        ASSET,
    ) == [(f"sql:{operator.role}", "adjust", 5)]
    operator.ledger.keeps_its_promises()


def test_turns_and_products_are_switched_by_plain_sql(operator: Operator, studio: Studio) -> None:
    ledger = operator.ledger
    done(deduct(ledger, USER))
    assert code(deduct(ledger, USER, rate_limit_seconds=60)) == "RATE_LIMITED"
    operator.types("Letting somebody have their turn")
    done(deduct(ledger, USER, rate_limit_seconds=60))

    operator.types("Switching a product off and on")
    assert code(submit(ledger, USER)) == "PRODUCT_NOT_FOUND"
    operator.types("Switching a product off and on", 1)
    for _ in range(2):
        done(refund(ledger, USER))


def test_a_product_of_ones_own_costs_what_it_uses(operator: Operator, studio: Studio) -> None:
    ledger = operator.ledger
    operator.types("A product of your own")
    cheap, dear = new_artist(ledger, 10), new_artist(ledger, 10)

    for user, price in ((cheap, 3), (dear, 12)):
        ended = done(end(ledger, submitted(ledger, user, product="story"), price=price))
        assert (ended["effect"], ended["price"]) == ("completed", price)

    assert [credits_of(ledger, user) for user in (cheap, dear)] == [(7, 0, 0), (0, 0, 2)]
