"""Reconciling mends what compensation can, changes no entry, and names the procedure for the rest.

With BURSAR_LONG=1 every damage there is is gone through; otherwise one of each remedy, and some
that have a procedure.
"""

import asyncio
import os
import re
from pathlib import Path
from typing import Any

import psycopg
import pytest

from bursar.db.scratch import ScratchDatabase
from bursar.ops.audit import load_invariants
from bursar.ops.reconcile import Reconciliation, reconcile
from bursar.ops.reconcile.kinds import HEADINGS, REMEDIES, known, remedy_of
from bursar.ops.reconcile.run import Wishes
from bursar.ops.seal import verify_seals
from bursar.settings import Settings
from tests.damage import Damage
from tests.damage_all import DAMAGES, inflict
from tests.ledger_in_sql import Ledger

RUNBOOK = Path(__file__).parents[4] / "docs" / "runbook.md"
WISHES = Wishes("found at night", "operator:ada")
GUARDS = {
    "guards_are_on",
    "marketplace_guards_are_on",
    "seal_guards_are_on",
    "shop_guards_are_on",
}
# Of one kind, where it depends on what else is there whether compensation mends it.
EITHER = {
    ("card_payments_match_events", "a card payment is not as paid as its events say"),
    ("card_payments_match_events", "a refund is more than is owed"),
    ("card_payments_match_events", "money that is owed back has no refund"),
    ("card_payouts_match_transactions", "what went back is not what the payment says"),
    ("claims_match_transactions", "a granted claim gave nothing"),
    ("holds_add_up", "the parts of a hold are not what its transactions say"),
    ("jobs_match_holds", "a hold outlived its job"),
    ("jobs_match_holds", "an open job has a hold that has ended"),
    ("over_cap_purchases_stay_claimable", "a purchase over its cap is not there"),
    ("purchases_match_events", "a purchase is not as refunded as its events say"),
    ("accepted_claims_have_an_outcome", "a claim that the queue granted is not there"),
}
# Something else than tables was changed: bursar doctor and bursar repair are for that.
OF_ROWS = [d for d in DAMAGES if d.invariant not in {*GUARDS, "only_the_kernel_may_write"}]


def chosen() -> list[Damage]:
    """One damage of each remedy and some without one, or all of them."""
    if os.environ.get("BURSAR_LONG") == "1":
        return OF_ROWS
    mended: dict[str, Damage] = {}
    left: dict[str, Damage] = {}
    for damage in OF_ROWS:
        if (damage.invariant, damage.what) not in EITHER:
            remedy = remedy_of(damage.invariant, damage.what)
            (mended if remedy else left).setdefault(remedy or damage.invariant, damage)
    return [*mended.values(), *list(left.values())[::4]]


def run(database: ScratchDatabase, *, apply: bool = True, keep: bool = False) -> Reconciliation:
    """Reconcile; the copies that are made before are looked at as well."""

    def back_up(rows: list[dict[str, Any]]) -> str:
        assert rows
        assert all(set(row) == {"where", "remedy", "rows"} for row in rows)
        return "a copy"

    wishes = Wishes(WISHES.reason, WISHES.actor, keep)
    return asyncio.run(
        reconcile(database.url, Settings(), wishes, back_up=back_up if apply else None)
    )


def damaged(database: ScratchDatabase, *statements: str) -> psycopg.Connection:
    connection = database.connect()
    connection.execute("SET session_replication_role = replica")
    for statement in statements:
        assert connection.execute(statement.encode()).rowcount != 0
    connection.execute("SET session_replication_role = origin")
    return connection


def held_together(database: ScratchDatabase) -> bool:
    return asyncio.run(verify_seals(database.url, Settings())).holds


@pytest.mark.parametrize("damage", chosen(), ids=lambda d: f"{d.invariant}: {d.what}")
def test_damage_is_mended_or_has_its_procedure(
    damage: Damage, busy_database: ScratchDatabase
) -> None:
    inflict(busy_database, damage)
    Ledger(busy_database).rows("SELECT bursar.seal_ledger('test')")
    kind = (damage.invariant, damage.what)

    result = run(busy_database)

    left = {(one.invariant, one.finding.what) for one in result.unmended}
    assert {one.heading for one in result.unmended} <= set(HEADINGS)
    if kind not in EITHER:
        assert (kind in left) == (remedy_of(*kind) is None), result.unmended
    assert all(step.done for step in result.steps)
    assert held_together(busy_database), "The contents of transactions and entries were changed."
    again = run(busy_database, apply=False)
    assert again.steps == []
    assert again.left == result.left == len(result.unmended)


def test_what_is_not_applied_changes_nothing(busy_database: ScratchDatabase) -> None:
    connection = damaged(
        busy_database, "UPDATE bursar.wallet SET balance = balance + 7 WHERE owner_id = 'bob'"
    )
    query = "SELECT (SELECT count(*) FROM bursar.entry), sum(balance)::bigint FROM bursar.wallet"
    before = connection.execute(query.encode()).fetchall()

    plan = run(busy_database, apply=False)

    assert connection.execute(query.encode()).fetchall() == before
    [step] = plan.steps
    assert (step.remedy, step.done, plan.applied, plan.clean) == ("wallet", False, False, False)
    assert step.before["balance"] - step.after["balance"] == 7
    assert len(step.transactions) == 2


@pytest.mark.parametrize("change", [700, -700])
def test_a_balance_goes_back_by_two_adjustments_that_say_why(
    change: int, busy_database: ScratchDatabase
) -> None:
    connection = damaged(
        busy_database,
        f"UPDATE bursar.wallet SET balance = balance + {change} WHERE owner_id = 'bob'",
    )

    [step] = run(busy_database).steps

    rows = connection.execute(
        "SELECT verb, amount, reason, actor, corrects, metadata ->> 'reconciled'"
        " FROM bursar.transaction WHERE id = ANY (%s) ORDER BY id",
        [step.transactions],
    ).fetchall()
    said = {amount: said for _, amount, _, _, _, said in rows}
    assert [row[:4] for row in rows] == [
        ("adjust", amount, "found at night", "operator:ada") for amount in (700, -700)
    ]
    assert [row[4] for row in rows] == [None, step.transactions[0]]
    assert said == {
        change: "recorded a change past the ledger",
        -change: "corrected a change past the ledger",
    }


def test_a_balance_may_be_kept_and_its_entries_catch_up(busy_database: ScratchDatabase) -> None:
    connection = damaged(
        busy_database, "UPDATE bursar.wallet SET balance = balance + 7 WHERE owner_id = 'bob'"
    )
    query = "SELECT balance FROM bursar.wallet WHERE owner_id = 'bob'"
    before = connection.execute(query.encode()).fetchall()

    result = run(busy_database, keep=True)

    assert result.clean
    assert len(result.steps[0].transactions) == 1
    assert connection.execute(query.encode()).fetchall() == before


def test_a_frozen_wallet_stays_frozen(busy_database: ScratchDatabase) -> None:
    connection = damaged(
        busy_database,
        "UPDATE public.user_credits SET balance = balance + 7 WHERE bursar_status = 'frozen'",
    )

    assert run(busy_database).clean
    rows = connection.execute(
        "SELECT bursar_status FROM public.user_credits WHERE bursar_status <> 'open'"
    ).fetchall()
    assert rows == [("frozen",)]


def test_a_wallet_whose_entries_were_edited_is_left_alone(busy_database: ScratchDatabase) -> None:
    """What its entries sum to is not what it should have, also where they follow one another."""
    ledger = Ledger(busy_database)
    ledger.rows("SELECT bursar.seal_ledger('test')")
    damaged(
        busy_database,
        "UPDATE bursar.entry SET amount = amount + 7, balance_after = balance_after + 7"
        " WHERE owner_id = 'bob' AND asset = 'gem' AND seq = (SELECT max(seq) FROM bursar.entry"
        " WHERE owner_id = 'bob' AND asset = 'gem')",
    )

    result = run(busy_database)

    assert result.steps == []
    assert {"An edited entry"} <= {one.heading for one in result.unmended}
    assert "verify-seal" in {one.invariant for one in result.unmended}


def test_an_entry_missing_at_the_end_is_no_raw_write(busy_database: ScratchDatabase) -> None:
    damaged(
        busy_database,
        "DELETE FROM bursar.entry WHERE owner_id = 'bob' AND asset = 'gem' AND seq ="
        " (SELECT max(seq) FROM bursar.entry WHERE owner_id = 'bob' AND asset = 'gem')",
    )

    result = run(busy_database)

    assert result.steps == []
    assert "a balance is not the sum of its entries" in {o.finding.what for o in result.unmended}


def test_a_wallet_that_owes_is_left_alone(busy_database: ScratchDatabase) -> None:
    ledger = Ledger(busy_database)
    [(owner,)] = ledger.rows(
        "SELECT owner_id FROM bursar.wallet WHERE asset = 'credit:owed' AND balance > 0 LIMIT 1"
    )
    damaged(
        busy_database,
        f"UPDATE public.user_credits SET balance = balance + 7 WHERE user_id::text = '{owner}'",
    )

    [left] = run(busy_database).unmended

    assert "owes" in left.why
    # As the runbook says: the row is written anew, with its sequence moved and moved back.
    expected = left.finding.expected.removeprefix("balance ").partition(",")[0]
    where = f"WHERE user_id = '{owner}'"
    ledger.admin.execute(
        f"UPDATE public.user_credits SET bursar_seq = bursar_seq + 1 {where};"
        f"UPDATE public.user_credits SET balance = {expected}, bursar_seq = bursar_seq - 1 {where}"
        "".encode()
    )
    assert run(busy_database, apply=False).clean


def test_a_busy_wallet_is_told_and_mended_later(busy_database: ScratchDatabase) -> None:
    damaged(busy_database, "UPDATE bursar.wallet SET balance = balance + 7 WHERE owner_id = 'bob'")
    other = busy_database.connect(autocommit=False)
    other.execute("SELECT FROM bursar.wallet WHERE owner_id = 'bob' FOR UPDATE")

    first = run(busy_database)
    other.rollback()

    assert (first.clean, first.steps) == (False, [])
    assert "lock timeout" in first.unmended[0].why
    assert run(busy_database).clean


def test_operators_reconcile_while_changes_are_paused(busy_database: ScratchDatabase) -> None:
    damaged(busy_database, "UPDATE bursar.wallet SET balance = balance + 7 WHERE owner_id = 'bob'")
    Ledger(busy_database).rows("SELECT bursar.set_degraded(true, 'an incident', 'test')")

    assert run(busy_database).clean


def test_a_sound_ledger_has_nothing_to_mend(busy_database: ScratchDatabase) -> None:
    result = run(busy_database)

    assert (result.clean, result.steps, result.unmended, result.backups) == (True, [], [], [])


def test_it_is_decided_for_every_invariant_and_every_remedy_is_used() -> None:
    kinds = {(damage.invariant, damage.what) for damage in DAMAGES}

    assert [one.name for one in load_invariants() if not known(one.name)] == []
    assert {remedy_of(*kind) for kind in kinds} - {None} == set(REMEDIES)


def test_every_procedure_is_in_the_runbook() -> None:
    page = RUNBOOK.read_text("utf-8")
    section = page[page.index("## What compensation cannot mend") :]

    assert tuple(re.findall(r"^### (.+)$", section, re.MULTILINE)) == HEADINGS
