"""What plain SQL does to a workspace's credits: the totals go on adding up, and say what it was."""

from typing import Any

import psycopg
import pytest

from tests.ledger_in_sql import Ledger, done
from tests.market import ASSET, new_id, totals

pytestmark = pytest.mark.postgres_versions("15", "18")


def logged(ledger: Ledger, workspace_id: str) -> list[dict[str, Any]]:
    """What the audit log says of totals that were set by hand."""
    rows = ledger.rows(
        "SELECT actor, details FROM public.audit_logs WHERE workspace_id = %s"
        " AND action = 'workspace_totals_set' ORDER BY id",
        workspace_id,
    )
    assert all(actor.startswith("sql:") for actor, _ in rows)
    return [details for _, details in rows]


def spent(ledger: Ledger) -> str:
    """A workspace that purchased 100, earned 30 and used all of it."""
    workspace = new_id()
    wallet = {"owner_id": workspace, "asset": ASSET}
    done(ledger.one("grant", **wallet, amount=100, bucket="purchased"))
    done(ledger.one("grant", **wallet, amount=30))
    done(ledger.one("spend", **wallet, amount=130))
    assert totals(ledger, workspace) == (0, 100, 30, 130)
    return workspace


def test_an_update_of_the_balance_alone_is_earned_or_used(ledger: Ledger) -> None:
    workspace = spent(ledger)
    for change in (50, -20):
        ledger.admin.execute(
            "UPDATE public.workspace_credits SET balance = balance + %s WHERE workspace_id = %s",
            [change, workspace],
        )

    assert totals(ledger, workspace) == (30, 100, 80, 150)
    assert logged(ledger, workspace) == []


def test_what_an_update_says_of_the_totals_is_kept_and_logged(ledger: Ledger) -> None:
    workspace = spent(ledger)
    ledger.admin.execute(
        "UPDATE public.workspace_credits SET balance = balance + 50,"
        " total_purchased = total_purchased + 50 WHERE workspace_id = %s",
        [workspace],
    )
    ledger.admin.execute(
        "UPDATE public.workspace_credits SET total_purchased = total_purchased - 5,"
        " total_earned = total_earned + 5 WHERE workspace_id = %s",
        [workspace],
    )

    assert totals(ledger, workspace) == (50, 145, 35, 130)
    assert logged(ledger, workspace) == [
        {
            "balance": 50,
            "totals": [150, 30, 130],
            "balance_before": 0,
            "totals_before": [100, 30, 130],
        },
        {
            "balance": 50,
            "totals": [145, 35, 130],
            "balance_before": 50,
            "totals_before": [150, 30, 130],
        },
    ]


def test_totals_that_do_not_make_the_balance_are_refused(ledger: Ledger) -> None:
    workspace = spent(ledger)
    with pytest.raises(psycopg.errors.CheckViolation, match="totals_make_the_balance"):
        ledger.admin.execute(
            "UPDATE public.workspace_credits SET total_used = 0 WHERE workspace_id = %s",
            [workspace],
        )

    assert logged(ledger, workspace) == []


def test_an_opening_balance_is_earned_and_a_history_that_comes_along_is_kept(
    ledger: Ledger,
) -> None:
    plain, moved, spent_all = new_id(), new_id(), new_id()
    for workspace, values in (
        (plain, (40, 0, 0, 0)),
        (moved, (40, 100, 20, 80)),
        (spent_all, (0, 70, 0, 70)),
    ):
        ledger.admin.execute(
            "INSERT INTO public.workspace_credits (workspace_id, balance, total_purchased,"
            " total_earned, total_used) VALUES (%s, %s, %s, %s, %s)",
            [workspace, *values],
        )

    assert totals(ledger, plain) == (40, 0, 40, 0)
    assert totals(ledger, moved) == (40, 100, 20, 80)
    assert totals(ledger, spent_all) == (0, 70, 0, 70)
    assert [len(logged(ledger, one)) for one in (plain, moved, spent_all)] == [0, 1, 1]


@pytest.mark.parametrize("left", [0, 25])
def test_a_wallet_that_comes_back_goes_on_where_its_totals_ended(ledger: Ledger, left: int) -> None:
    workspace = spent(ledger)
    if left:
        done(ledger.one("grant", owner_id=workspace, asset=ASSET, amount=left))
    ledger.admin.execute(
        "DELETE FROM public.workspace_credits WHERE workspace_id = %s", [workspace]
    )

    done(ledger.one("grant", owner_id=workspace, asset=ASSET, amount=7))
    assert totals(ledger, workspace) == (7, 100, 30 + left + 7, 130 + left)

    ledger.admin.execute(
        "DELETE FROM public.workspace_credits WHERE workspace_id = %s", [workspace]
    )
    ledger.admin.execute(
        "INSERT INTO public.workspace_credits (workspace_id, balance) VALUES (%s, 9)", [workspace]
    )
    assert totals(ledger, workspace) == (9, 100, 30 + left + 16, 130 + left + 7)
    assert logged(ledger, workspace) == []


def test_an_insert_that_waited_for_a_delete_counts_it(ledger: Ledger) -> None:
    """Its triggers have run when the other session's deletion becomes known."""
    workspace = spent(ledger)
    done(ledger.one("grant", owner_id=workspace, asset=ASSET, amount=25))
    with (
        psycopg.connect(ledger.database.url) as deletes,
        psycopg.connect(ledger.database.url, autocommit=True) as inserts,
    ):
        deletes.execute("DELETE FROM public.workspace_credits WHERE workspace_id = %s", [workspace])
        with inserts.pipeline():
            inserts.execute(
                "INSERT INTO public.workspace_credits (workspace_id, balance) VALUES (%s, 9)",
                [workspace],
            )
            ledger.rows("SELECT pg_sleep(0.3)")
            deletes.commit()

    assert totals(ledger, workspace) == (9, 100, 30 + 25 + 9, 130 + 25)


def test_the_promises_hold(ledger: Ledger) -> None:
    ledger.keeps_its_promises()
