"""Who puts what on sale, and who sees it."""

import uuid

import psycopg
import pytest

from tests.ledger_in_sql import Ledger
from tests.store import reward

pytestmark = pytest.mark.postgres_versions("15", "18")

CREATE = "SELECT public.create_reward(%s, %s, %s)"


def test_a_user_puts_their_own_reward_on_sale(ledger: Ledger) -> None:
    creator = str(uuid.uuid4())

    row = (
        ledger.database.connect("authenticated", creator)
        .execute(CREATE, ["Sticker", None, 5])
        .fetchone()
    )

    assert row is not None
    assert ledger.rows(
        "SELECT creator_id::text, name, description, cost, is_active FROM public.rewards"
        " WHERE id = %s",
        row[0],
    ) == [(creator, "Sticker", "", 5, True)]


def test_for_somebody_else_only_the_service_does(ledger: Ledger) -> None:
    user, other = str(uuid.uuid4()), str(uuid.uuid4())
    create = "SELECT public.create_reward('Sticker', '', 5, %s)"

    for caller in (
        ledger.database.connect("authenticated", user),
        ledger.database.connect("authenticated"),
    ):
        with pytest.raises(psycopg.DatabaseError, match=r"^NOT_AUTHORIZED: ") as refused:
            caller.execute(create, [other])
        assert refused.value.sqlstate == "UB002"
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        ledger.database.connect("anon").execute(create, [other])
    ledger.caller.execute(create, [other])

    assert (
        ledger.value(
            "SELECT count(*) FROM public.rewards WHERE creator_id = ANY (%s::uuid[])", [user, other]
        )
        == 1
    )


@pytest.mark.parametrize(
    ("name", "description", "cost", "field"),
    [
        ("", "", 5, "p_name"),
        (None, "", 5, "p_name"),
        ("n" * 201, "", 5, "p_name"),
        ("Sticker", "d" * 2001, 5, "p_description"),
        ("Sticker", "", 0, "p_cost"),
        ("Sticker", "", -1, "p_cost"),
        ("Sticker", "", None, "p_cost"),
        ("Sticker", "", 10**15 + 1, "p_cost"),
        ("", "", 0, "p_cost"),
    ],
)
def test_a_wrong_value_is_refused_by_name(
    ledger: Ledger, name: str | None, description: str, cost: int | None, field: str
) -> None:
    caller = ledger.database.connect("authenticated", str(uuid.uuid4()))

    with pytest.raises(psycopg.DatabaseError, match=r"^MALFORMED: ") as refused:
        caller.execute(CREATE, [name, description, cost])

    assert refused.value.sqlstate == "UB001"
    assert refused.value.diag.message_detail == f'{{"field": "{field}"}}'


def test_the_table_itself_refuses_what_is_no_price(ledger: Ledger) -> None:
    for cost in (0, -1, 10**15 + 1):
        with pytest.raises(psycopg.errors.CheckViolation):
            reward(ledger.admin, cost)


def test_users_change_their_own_rewards_only(ledger: Ledger) -> None:
    creator, other = str(uuid.uuid4()), str(uuid.uuid4())
    reward_id = reward(ledger.admin, 5, creator_id=creator)
    change = "UPDATE public.rewards SET cost = cost + 1 WHERE id = %s"

    mine = ledger.database.connect("authenticated", creator).execute(change, [reward_id])
    others = ledger.database.connect("authenticated", other).execute(change, [reward_id])

    assert (mine.rowcount, others.rowcount) == (1, 0)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        ledger.database.connect("authenticated", creator).execute(
            "UPDATE public.rewards SET creator_id = %s WHERE id = %s", [other, reward_id]
        )
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        ledger.database.connect("authenticated", other).execute(
            "INSERT INTO public.rewards (creator_id, name, cost) VALUES (%s, 'x', 1)", [creator]
        )
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        ledger.database.connect("authenticated", creator).execute(
            "DELETE FROM public.rewards WHERE id = %s", [reward_id]
        )


def test_what_is_off_sale_is_seen_by_creator_collectors_and_service(ledger: Ledger) -> None:
    creator, buyer = str(uuid.uuid4()), ledger.funded(5)
    reward_id = reward(ledger.admin, 5, creator_id=creator)
    ledger.database.connect("authenticated", buyer).execute(
        "SELECT public.purchase_reward(%s, %s)", [reward_id, buyer]
    )
    ledger.admin.execute("UPDATE public.rewards SET is_active = false WHERE id = %s", [reward_id])

    seen = [
        ledger.database.connect(role, sub)
        .execute("SELECT count(*) FROM public.rewards WHERE id = %s", [reward_id])
        .fetchone()
        for role, sub in (
            ("authenticated", creator),
            ("authenticated", buyer),
            ("service_role", None),
            ("authenticated", str(uuid.uuid4())),
            ("anon", None),
        )
    ]

    assert seen == [(1,), (1,), (1,), (0,), (0,)]


def test_a_user_reads_only_their_own_balance_history_and_collections(ledger: Ledger) -> None:
    buyer, other = ledger.funded(5), ledger.funded(7)
    reward_id = reward(ledger.admin, 5)
    mine = ledger.database.connect("authenticated", buyer)
    mine.execute("SELECT public.purchase_reward(%s, %s)", [reward_id, buyer])

    assert mine.execute("SELECT user_id::text, balance FROM public.user_credits").fetchall() == [
        (buyer, 0)
    ]
    assert mine.execute(
        "SELECT amount FROM public.credit_transactions ORDER BY balance_after"
    ).fetchall() == [(-5,), (5,)]
    assert mine.execute("SELECT reward_id::text FROM public.collected_rewards").fetchall() == [
        (reward_id,)
    ]
    theirs = ledger.database.connect("authenticated", other)
    assert theirs.execute("SELECT balance FROM public.user_credits").fetchall() == [(7,)]
    assert theirs.execute("SELECT FROM public.collected_rewards").fetchall() == []
    visitor = ledger.database.connect("anon")
    for table in ("user_credits", "collected_rewards", "credit_transactions"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            visitor.execute(f"SELECT FROM public.{table}".encode())
