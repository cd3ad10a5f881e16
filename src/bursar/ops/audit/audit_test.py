"""The audit finds nothing in a sound ledger, and names what is wrong in a damaged one."""

import asyncio
from itertools import pairwise
from pathlib import Path
from typing import Any

import psycopg
import pytest

from bursar.db.scratch import ScratchDatabase
from bursar.ops import migrate
from bursar.ops.audit import (
    Finding,
    Invariant,
    NotInstalled,
    PartlyHidden,
    Report,
    UnknownInvariant,
    load_invariants,
    run_audit,
)
from bursar.ops.audit.run import slices
from bursar.settings import Settings
from tests.damage import Damage
from tests.damage_all import DAMAGES, inflict
from tests.ledger_in_sql import Ledger, done


def audit(database: ScratchDatabase, **options: Any) -> Report:
    return asyncio.run(run_audit(database.url, Settings(), **options))


def told(report: Report, name: str) -> list[Finding]:
    """What was found against one invariant."""
    return next(verdict.told for verdict in report.verdicts if verdict.invariant.name == name)


def broken(report: Report) -> set[str]:
    """The names of the invariants that do not hold."""
    return {verdict.invariant.name for verdict in report.verdicts if not verdict.holds}


@pytest.fixture
def ledger(busy_database: ScratchDatabase) -> ScratchDatabase:
    """A busy ledger, to be damaged."""
    return busy_database


@pytest.mark.postgres_versions("15", "16", "18")
def test_a_sound_ledger_breaks_no_promise(ledger: ScratchDatabase) -> None:
    report = audit(ledger)

    assert {name: told(report, name) for name in broken(report)} == {}
    assert report.clean
    rows = {verdict.invariant.name: verdict.rows for verdict in report.verdicts}
    assert all(rows.values()), "Something was not looked at at all."


def test_an_empty_ledger_is_clean(database: ScratchDatabase) -> None:
    assert audit(database).clean


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: f"{damage.invariant}: {damage.what}")
def test_damage_is_named_with_its_row(damage: Damage, ledger: ScratchDatabase) -> None:
    damaged = inflict(ledger, damage)
    assert damaged, "Nothing was damaged."

    report = audit(ledger, limit=1000)

    found = [finding for finding in told(report, damage.invariant) if finding.what == damage.what]
    assert found, told(report, damage.invariant)
    for ids in damaged:
        assert any(ids.items() <= finding.ids.items() for finding in found), (ids, found)
    assert all(finding.expected != finding.found for finding in found)


@pytest.mark.parametrize("invariant", load_invariants(), ids=lambda invariant: invariant.name)
def test_every_invariant_has_damage_that_it_finds(invariant: Invariant) -> None:
    assert any(damage.invariant == invariant.name for damage in DAMAGES)


def test_all_findings_are_counted_and_a_few_told(ledger: ScratchDatabase) -> None:
    connection = ledger.connect()
    connection.execute("SET session_replication_role = replica")
    changed = connection.execute(
        "UPDATE bursar.entry SET amount = amount + 1"
        " WHERE owner_id LIKE 'system:%' AND amount <> -1"
    ).rowcount
    assert changed > 10

    [verdict] = audit(ledger, only=["entries_sum_to_zero"], limit=3).verdicts

    assert verdict.findings > 10
    assert len(verdict.told) == 3


def test_what_is_written_meanwhile_is_not_looked_at(ledger: ScratchDatabase) -> None:
    """Later statements see the moment of the first: a balance that moves breaks nothing."""
    live = Ledger(ledger)
    calls: list[int] = []

    def write(done_pieces: int, pieces: int) -> None:
        calls.append(pieces)
        done(live.one("grant", owner_id="bob", asset="gem", amount=5))

    report = audit(ledger, on_piece=write)

    assert broken(report) == set()
    assert calls == [len(calls)] * len(calls)
    assert len(calls) > len(report.verdicts)


def test_a_view_that_hides_a_wallet_hides_nothing(ledger: ScratchDatabase) -> None:
    connection = ledger.connect()
    connection.execute("SET session_replication_role = replica")
    connection.execute("UPDATE bursar.wallet SET balance = balance + 1 WHERE owner_id = 'bob'")
    connection.execute("DROP VIEW bursar.balance")
    connection.execute(
        "CREATE VIEW bursar.balance AS SELECT NULL::text AS asset, NULL::text"
        " AS owner_id, 0::bigint AS balance, 0::bigint AS held, 0::bigint AS available,"
        " 0::bigint AS seq, 'open'::text AS status WHERE false"
    )

    assert "wallets_match_entries" in broken(audit(ledger))


def test_an_app_that_is_not_installed_is_left_out(empty_database: ScratchDatabase) -> None:
    migrate.apply_all(empty_database.url, rooms=["ledger"])

    report = audit(empty_database)

    names = {verdict.invariant.name for verdict in report.verdicts}
    assert report.clean
    assert names == {one.name for one in load_invariants() if not one.needs}
    assert "wallets_match_entries" in names


def test_a_forgotten_asset_is_measured_by_itself(ledger: ScratchDatabase) -> None:
    connection = ledger.connect()
    connection.execute("SELECT bursar.forget_asset('credit')")
    assert "wallets_match_entries" not in broken(audit(ledger))

    connection.execute("SET session_replication_role = replica")
    connection.execute(
        "UPDATE bursar.entry SET balance_after = balance_after + 1"
        " WHERE asset = 'credit' AND seq = 2"
    )

    assert "wallets_match_entries" in broken(audit(ledger))


def test_the_service_s_login_sees_everything_as_its_role(ledger: ScratchDatabase) -> None:
    report = asyncio.run(run_audit(ledger.service_url, Settings()))

    assert broken(report) == set()
    assert min(verdict.rows for verdict in report.verdicts) > 0


def test_a_login_that_sees_half_of_the_rows_proves_nothing(ledger: ScratchDatabase) -> None:
    connection = ledger.connect()
    connection.execute("DROP POLICY user_credits_service ON public.user_credits")
    connection.execute(
        "CREATE POLICY user_credits_service ON public.user_credits TO service_role"
        " USING (balance < 50)"
    )

    with pytest.raises(PartlyHidden, match="user_credits"):
        asyncio.run(run_audit(ledger.service_url, Settings()))


def test_a_restrictive_policy_hides_rows_as_well(ledger: ScratchDatabase) -> None:
    ledger.connect().execute(
        "CREATE POLICY fewer ON bursar.entry AS RESTRICTIVE USING (amount > 0)"
    )

    with pytest.raises(PartlyHidden, match=r"bursar\.entry"):
        asyncio.run(run_audit(ledger.service_url, Settings()))


def test_without_a_ledger_there_is_nothing_to_audit(empty_database: ScratchDatabase) -> None:
    with pytest.raises(NotInstalled):
        audit(empty_database)


def test_the_audit_changes_nothing(
    ledger: ScratchDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its transaction is read-only, so that not even a file that was tampered with could."""
    invariant = load_invariants(["assets_sum_to_zero"])[0]
    writing = Invariant(**{**_fields(invariant), "query": "DELETE FROM bursar.idempotency"})
    monkeypatch.setattr("bursar.ops.audit.run.load_invariants", lambda only: (writing,))

    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        audit(ledger)


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UnknownInvariant, match="entries_sum_to_zero"):
        load_invariants(["entries_sum_to_one"])


@pytest.mark.parametrize(
    ("lowest", "highest"), [(None, None), (1, 1), (1, 250_000), (1, 250_001), (-5, 10**18)]
)
def test_slices_leave_out_no_transaction(lowest: int | None, highest: int | None) -> None:
    cut = slices(lowest, highest)

    assert cut[0][0] == -(2**63)
    assert cut[-1][1] == 2**63 - 1
    assert all(first <= last for first, last in cut)
    assert all(last + 1 == first for (_, last), (first, _) in pairwise(cut))
    assert len(cut) <= 4_001


def _fields(invariant: Invariant) -> dict[str, Any]:
    return {name: getattr(invariant, name) for name in invariant.__slots__}


def test_every_invariant_is_documented_in_its_own_words() -> None:
    page = (Path(__file__).parents[4] / "docs" / "audit.md").read_text("utf-8")

    wanted = [f"| {one.promise} | `{one.name}` | {one.sentence} |" for one in load_invariants()]
    assert [row for row in page.splitlines() if row.startswith("| P")] == wanted
