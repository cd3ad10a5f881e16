"""The marketplace is taken away and comes back: what it holds stays, guarded, and goes on."""

import asyncio
from typing import Any

import pytest

from bursar.db.scratch import ScratchDatabase
from bursar.ops import migrate
from bursar.ops.audit import run_audit
from bursar.settings import Settings
from tests.busy_trade import trade
from tests.ledger_in_sql import Ledger
from tests.store import digest

pytestmark = pytest.mark.postgres_versions("15", "18")

REWARDS, INBOX, MARKETPLACE = 2, 3, 4  # steps


def found(database: ScratchDatabase) -> dict[str, list[Any]]:
    """What the audit finds, by invariant."""
    report = asyncio.run(run_audit(database.url, Settings()))
    return {one.invariant.name: one.told for one in report.verdicts if not one.holds}


def traded(database: ScratchDatabase) -> Ledger:
    """Let a little of everything happen in the marketplace."""
    ledger = Ledger(database)
    ledger.stop_clock()
    trade(ledger)
    return ledger


def test_what_the_marketplace_holds_outlives_it(database: ScratchDatabase) -> None:
    migrate.down(database.url, to=MARKETPLACE)
    before = digest(traded(database).admin)
    database.close()

    migrate.down(database.url, to=INBOX)
    migrate.down(database.url, to=REWARDS)

    ledger = Ledger(database)
    assert digest(ledger.admin) == before
    # Plain SQL goes on being recorded, with its totals.
    ledger.admin.execute(
        "UPDATE public.workspace_credits SET balance = balance + 1 WHERE workspace_id ="
        " (SELECT min(workspace_id::text)::uuid FROM public.workspace_credits)"
    )
    assert found(database) == {}
    database.close()

    migrate.apply_all(database.url)

    traded(database)
    assert found(database) == {}
    assert migrate.verify(database.url).holds
