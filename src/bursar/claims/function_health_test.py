"""How the claim endpoint does: calls as recorded, and their conflicts by hour."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.ledger_in_sql import Ledger

pytestmark = pytest.mark.postgres_versions("15", "18")

HOUR = datetime(2026, 3, 1, 12, tzinfo=UTC)


def called(status: int, minute: int = 0, error: str | None = None, **other: Any) -> dict[str, Any]:
    return {
        "function_name": "claim",
        "at": (HOUR + timedelta(minutes=minute)).isoformat(),
        "status_code": status,
        "duration_ms": 12.25,
        "error_code": error,
    } | other


def record(ledger: Ledger, *calls: dict[str, Any]) -> None:
    row = ledger.caller.execute(
        "SELECT bursar.record_function_metrics(%s)", [Jsonb(list(calls))]
    ).fetchone()
    assert row == ({"recorded": len(calls)},)


@pytest.fixture(autouse=True)
def quiet(ledger: Ledger) -> None:
    ledger.admin.execute("DELETE FROM public.function_metrics")


def test_conflicts_are_counted_by_hour_newest_first(ledger: Ledger) -> None:
    record(
        ledger,
        called(200),
        called(200, 59),
        called(409, 10, "cap_exceeded"),
        called(409, 11, "transaction_owned_by_other"),
        called(409, 12, "booster_active"),
        called(403, 13, "sku_disabled"),
        called(409, 60, "cap_exceeded"),
        called(409, 0, "purchase_conflict", function_name="marketplace"),
    )

    rows = ledger.caller.execute("SELECT * FROM public.v_claim_conflicts_rolling").fetchall()

    assert rows == [
        (HOUR + timedelta(hours=1), 1, 1, 1, 0, Decimal("100.00")),
        (HOUR, 6, 3, 1, 1, Decimal("50.00")),
    ]


def test_health_by_hour_as_operators_ask_for_it(ledger: Ledger) -> None:
    record(
        ledger,
        called(200, duration_ms=10),
        called(200, duration_ms=10.5),
        called(500, error="internal_error", duration_ms=100.005),
    )

    assert ledger.rows(
        "SELECT date_trunc('hour', \"timestamp\") AS hour, count(*),"
        " count(*) FILTER (WHERE status_code >= 500), round(avg(duration_ms), 2)"
        " FROM function_metrics WHERE function_name = 'claim' GROUP BY 1 ORDER BY 1 DESC"
    ) == [(HOUR, 3, 1, Decimal("40.17"))]


def test_a_call_without_a_time_was_now(ledger: Ledger) -> None:
    record(ledger, called(200, at=None))

    age = ledger.value('SELECT now() - max("timestamp") FROM function_metrics')
    assert age < timedelta(minutes=1)


def test_nobody_signed_in_reads_or_writes_it(ledger: Ledger) -> None:
    for role in ("anon", "authenticated"):
        visitor = ledger.database.connect(role, "ada")
        for statement in (
            "SELECT * FROM public.function_metrics",
            "SELECT * FROM public.v_claim_conflicts_rolling",
            "INSERT INTO public.function_metrics VALUES ('claim', now(), 200, 1, NULL)",
            "SELECT bursar.record_function_metrics('[]')",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                visitor.execute(statement)
