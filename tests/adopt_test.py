"""A table's balance column is taken under the ledger, works as a store, and is given back."""

from typing import Any

import psycopg
import pytest

from bursar.adoption import apply_adoption, look, standing
from bursar.adoption.errors import AdoptionError, NotReadyError, TiedError, UndecidedError
from bursar.db.scratch import ScratchDatabase
from tests.adopting import (
    WISH,
    adopt,
    agreement,
    balances,
    carry,
    findings,
    hand_back,
    one,
    points,
    shape,
)


@pytest.fixture
def app(database: ScratchDatabase) -> psycopg.Connection[Any]:
    """The app's table with three members, and a connection as its owner."""
    return points(database)


def test_an_adopted_table_works_as_a_store_and_audits_clean(
    database: ScratchDatabase, app: psycopg.Connection[Any]
) -> None:
    adopt(database)

    granted = carry(app, "grant", owner_id="bob", amount=5)
    spent = carry(app, "spend", owner_id="ann", amount=30)
    moved = carry(app, "transfer", owner_id="ann", to_owner_id="dan", amount=20)
    app.execute("UPDATE public.points SET amount = amount - 1 WHERE member = 'ann'")
    app.execute("INSERT INTO public.points VALUES ('eve', 9)")
    app.execute("DELETE FROM public.points WHERE member = 'cid'")

    assert [o["status"] for o in (granted, spent, moved)] == ["done"] * 3
    assert balances(app) == {"ann": 49, "bob": 5, "dan": 20, "eve": 9}
    assert agreement(database)["balances"] == 83
    assert findings(database) == []
    with pytest.raises(psycopg.errors.CheckViolation, match="Balance cannot be negative"):
        app.execute("UPDATE public.points SET amount = -1 WHERE member = 'ann'")


def test_given_back_it_is_as_it_was_and_may_be_adopted_again(
    database: ScratchDatabase, app: psycopg.Connection[Any]
) -> None:
    before = shape(app)
    adopt(database)
    carry(app, "grant", owner_id="bob", amount=5)
    app.execute("UPDATE public.points SET amount = amount - 40 WHERE member = 'ann'")

    hand_back(database)

    assert shape(app) == before
    assert balances(app) == {"ann": 60, "bob": 5, "cid": 7}
    assert carry(app, "grant", owner_id="bob", amount=5)["code"] == "ASSET_NOT_FOUND"
    [found] = standing(database.url)
    assert (found["stage"], found["agreement"]["entries"]) == ("given back", 0)
    assert findings(database) == []

    # Meanwhile the app goes on as it did before anybody had heard of a ledger.
    app.execute("UPDATE public.points SET amount = 1000 WHERE member = 'ann'")
    app.execute("DELETE FROM public.points WHERE member = 'cid'")
    app.execute("UPDATE public.points SET amount = 0 WHERE member = 'bob'")
    adopt(database)
    app.execute("UPDATE public.points SET amount = amount + 1 WHERE member = 'bob'")
    app.execute("INSERT INTO public.points VALUES ('cid', 3)")

    assert balances(app) == {"ann": 1000, "bob": 1, "cid": 3}
    assert agreement(database)["entries"] == 1004
    assert findings(database) == []


def test_a_table_that_has_its_own_check_trigger_and_policies_gets_them_back(
    database: ScratchDatabase, app: psycopg.Connection[Any]
) -> None:
    app.execute("ALTER TABLE public.points ALTER amount DROP NOT NULL, ALTER amount DROP DEFAULT")
    app.execute(
        "ALTER TABLE public.points ADD CONSTRAINT points_amount_non_negative"
        " CHECK (amount >= 0), ENABLE ROW LEVEL SECURITY"
    )
    app.execute(
        "CREATE FUNCTION public.theirs() RETURNS trigger LANGUAGE plpgsql"
        " AS 'BEGIN RETURN NEW; END'"
    )
    app.execute(
        "CREATE TRIGGER enforce_non_negative_balance BEFORE UPDATE ON public.points"
        " FOR EACH ROW EXECUTE FUNCTION public.theirs()"
    )
    app.execute("INSERT INTO public.points VALUES ('nil', NULL)")
    before = shape(app)

    adopt(database, missing="zero")

    assert balances(app)["nil"] == 0
    app.execute("INSERT INTO public.points (member) VALUES ('new')")
    assert balances(app)["new"] == 0
    assert findings(database) == []
    with database.connect("bursar_operator") as operator:
        assert one(operator, "SELECT count(*) FROM bursar.balance WHERE asset = 'point'") == 5
    hand_back(database)
    assert shape(app) == before


@pytest.mark.parametrize(
    ("choice", "debts"), [("debt", {"low": 30, "lower": 45}), ("zero", {"low": 0, "lower": 0})]
)
def test_negative_balances_become_debts_or_are_written_off(
    database: ScratchDatabase, app: psycopg.Connection[Any], choice: str, debts: dict[str, int]
) -> None:
    app.execute("INSERT INTO public.points VALUES ('low', -30), ('lower', -45)")
    told = look(database.url, WISH).in_the_way
    assert len(told) == 1
    assert "2 rows are negative" in told[0]
    assert "low: -30" in told[0]
    assert "--negative debt" in told[0]
    before = shape(app)
    with pytest.raises(NotReadyError):
        adopt(database)
    assert shape(app) == before

    adopt(database, negative=choice)

    assert balances(app) == {"ann": 100, "bob": 0, "cid": 7, "low": 0, "lower": 0}
    owed = app.execute(
        "SELECT owner_id, balance FROM bursar.wallet WHERE asset = 'point:owed'"
    ).fetchall()
    assert dict(owed) == debts
    assert (
        one(app, "SELECT count(*) FROM bursar.transaction WHERE reason = 'negative balance found'")
        == 2
    )
    assert findings(database) == []
    if choice == "debt":
        with pytest.raises(TiedError, match="low owes 30"):
            hand_back(database)
        carry(app, "grant", owner_id="low", amount=50)
        assert balances(app)["low"] == 20
        app.execute("UPDATE bursar.wallet SET balance = 0 WHERE asset = 'point:owed'")
    hand_back(database)
    assert findings(database) == []


def test_rows_that_turn_negative_meanwhile_wait_for_a_decision(
    database: ScratchDatabase, app: psycopg.Connection[Any]
) -> None:
    begun = ("point", "public.points", "member", "amount", "stop", "stop")
    app.execute("SELECT bursar.begin_adoption(%s, %s, %s, %s, %s, %s, '{}')", begun)
    app.execute("UPDATE public.points SET amount = -5 WHERE member = 'bob'")
    app.execute("UPDATE public.points SET nick = 'b' WHERE member = 'bob'")
    app.execute("UPDATE public.points SET amount = 90 WHERE member = 'ann'")

    with pytest.raises(UndecidedError, match="bob: -5"):
        apply_adoption(database.url, WISH, patience_seconds=0)
    assert agreement(database)["unopened"] == 1
    app.execute("UPDATE public.points SET amount = amount + 1 WHERE member = 'bob'")
    adopt(database, negative="debt")

    assert balances(app) == {"ann": 90, "bob": 0, "cid": 7}
    assert one(app, "SELECT balance FROM bursar.wallet WHERE owner_id = 'bob'") == 4
    assert findings(database) == []


def test_whichever_comes_first_a_negative_row_is_worth_the_same(
    database: ScratchDatabase, app: psycopg.Connection[Any]
) -> None:
    app.execute("INSERT INTO public.points VALUES ('low', -30)")
    begun = ("point", "public.points", "member", "amount", "debt", "stop")
    app.execute("SELECT bursar.begin_adoption(%s, %s, %s, %s, %s, %s, '{}')", begun)

    app.execute("UPDATE public.points SET amount = amount + 80 WHERE member = 'low'")
    app.execute("DELETE FROM public.points WHERE member = 'cid'")
    adopt(database, negative="debt")

    assert balances(app) == {"ann": 100, "bob": 0, "low": 50}
    assert agreement(database)["entries"] == 150
    assert findings(database) == []


def test_an_open_hold_is_in_the_way_back(
    database: ScratchDatabase, app: psycopg.Connection[Any]
) -> None:
    adopt(database)
    held = carry(app, "hold", owner_id="ann", amount=10, expires_in_seconds=3600)

    with pytest.raises(TiedError, match="of ann over 10"):
        hand_back(database)
    assert carry(app, "spend", owner_id="ann", amount=1)["status"] == "done"
    carry(app, "release", hold_id=held["hold_id"])
    hand_back(database)

    assert balances(app)["ann"] == 99
    with pytest.raises(AdoptionError, match="no asset of an adopted table"):
        hand_back(database)
