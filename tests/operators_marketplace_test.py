"""The operators' queries of `docs/marketplace.md`, as they stand there: clean, until it is not."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import psycopg
import psycopg.rows
import pytest

from tests.busy_trade import trade
from tests.ledger_in_sql import Ledger
from tests.promises import broken_promises

PAGE = Path(__file__).parents[1] / "docs" / "marketplace.md"
SECTION = PAGE.read_text("utf-8").partition("## Operators' queries\n")[2].partition("\n## ")[0]
# Each by the words that its paragraph begins with.
QUERIES = dict(re.findall(r"\n\n(\w[^:,.]*)[^`]*\n\n```sql\n(.*?)```", SECTION, re.S))
CHECKS = {
    "Double sales": (
        "ALTER TABLE public.leads DROP CONSTRAINT leads_sold_at_most_max_sales",
        "UPDATE public.leads SET sold_count = max_sales + 1"
        " WHERE id = (SELECT id FROM public.leads ORDER BY id LIMIT 1)",
    ),
    "The same by the receipts": (
        "UPDATE public.leads SET sold_count = 0 WHERE id = (SELECT lead_id"
        " FROM public.marketplace_purchase_items WHERE status = 'sold' LIMIT 1)",
    ),
    "The identity of the totals": (
        "ALTER TABLE public.workspace_credits DROP CONSTRAINT"
        " workspace_credits_totals_make_the_balance",
        "UPDATE public.workspace_credits SET total_used = total_used + 1 WHERE workspace_id ="
        " (SELECT min(workspace_id::text)::uuid FROM public.workspace_credits)",
    ),
    "Credit discrepancy": (
        "ALTER TABLE public.workspace_credits DISABLE TRIGGER USER",
        "UPDATE public.workspace_credits SET balance = balance + 1, total_earned = total_earned + 1"
        " WHERE workspace_id = (SELECT min(workspace_id::text)::uuid"
        " FROM public.workspace_credits)",
    ),
    "Charges and receipts": (
        "UPDATE public.marketplace_purchases SET total_price = total_price + 1"
        " WHERE id = (SELECT min(id::text)::uuid FROM public.marketplace_purchases)",
    ),
}


@pytest.fixture(scope="module")
def busy(ledger: Ledger) -> Ledger:
    """The marketplace of this file; all that happens in it did so within the last hour."""
    ledger.stop_clock()
    ledger.admin.execute(
        "UPDATE public.stopped_clock SET now = clock_timestamp() - interval '30 minutes'"
    )
    trade(ledger)
    return ledger


def ask(connection: psycopg.Connection, words: str) -> list[dict[str, Any]]:
    """Run a query of the page."""
    with connection.cursor(row_factory=psycopg.rows.dict_row) as cursor:
        return cursor.execute(QUERIES[words].encode()).fetchall()


def test_the_market_keeps_its_promises(busy: Ledger) -> None:
    assert broken_promises(busy.admin) == []
    statuses = busy.rows("SELECT DISTINCT status FROM public.marketplace_purchases ORDER BY 1")
    assert [one for (one,) in statuses] == [
        "completed",
        "expired",
        "failed",
        "pending",
        "refunded",
    ]


def test_the_page_has_the_queries_that_operators_watch() -> None:
    assert list(QUERIES) == [
        *CHECKS,
        "Success rate of a day",
        "Purchases per minute of the last hour",
        "How long a purchase takes",
        "Conflicts of a day by the hour and by what stood in the way",
    ]


@pytest.mark.parametrize("role", ["service_role", "bursar_operator"])
@pytest.mark.parametrize("words", CHECKS)
def test_a_check_finds_nothing_where_nothing_is_wrong(busy: Ledger, words: str, role: str) -> None:
    assert ask(busy.database.connect(role), words) == []


@pytest.mark.parametrize("words", CHECKS)
def test_a_check_finds_what_is_wrong(busy: Ledger, words: str) -> None:
    with busy.admin.transaction(force_rollback=True):
        for statement in CHECKS[words]:
            busy.admin.execute(statement.encode())

        assert len(ask(busy.admin, words)) == 1


@pytest.mark.parametrize("role", ["service_role", "bursar_operator"])
def test_the_figures_are_what_happened(busy: Ledger, role: str) -> None:
    connection = busy.database.connect(role)
    purchases = busy.rows("SELECT payment_method, status FROM public.marketplace_purchases")

    rates = ask(connection, "Success rate of a day")
    minutes = ask(connection, "Purchases per minute of the last hour")
    times = ask(connection, "How long a purchase takes")
    conflicts = ask(connection, "Conflicts of a day by the hour and by what stood in the way")

    for rate in rates:
        ended = [status for method, status in purchases if method == rate["payment_method"]]
        ended = [status for status in ended if status != "pending"]
        assert (rate["completed"], rate["ended"]) == (ended.count("completed"), len(ended))
        assert abs(rate["percent"] * rate["ended"] / 100 - rate["completed"]) < 0.01
    assert [rate["payment_method"] for rate in rates] == ["credits", "stripe"]
    assert sum(minute["purchases"] for minute in minutes) == len(purchases)
    for spent in times:
        assert spent["average"].total_seconds() >= 0
        assert spent["p99"] >= spent["average"] / 2
    assert [spent["payment_method"] for spent in times] == ["credits", "stripe"]
    met: Counter[str] = Counter()
    for conflict in conflicts:
        met[conflict["reason"]] += conflict["leads"]
    logged = busy.rows("SELECT details -> 'conflicts' FROM public.audit_logs")
    assert met == Counter(one["reason"] for (found,) in logged for one in found or ())
    assert met
