"""Balances written by plain SQL: audited from operators, refused from everybody else."""

import asyncio

import psycopg
import pytest

from bursar.db.scratch import ScratchDatabase
from tests.deployment import Deployment
from tests.promises import broken_promises
from tests.psql import Psql
from tests.store import balance, collected, digest, new_id, person, reward
from tests.ways import ANON, SERVICE, Answer, Call, Caller, HttpWay, Way, user

pytestmark = pytest.mark.postgres_versions("15", "18")

OPERATOR = Caller("bursar_operator")
SUPERUSER = Caller("postgres")
WRITERS, UPDATES = 8, 200


def set_by(user_id: str, change: str) -> str:
    return f"UPDATE public.user_credits SET balance = balance {change} WHERE user_id = '{user_id}'"


@pytest.mark.parametrize("writer", [OPERATOR, SUPERUSER, SERVICE], ids=lambda who: who.role)
async def test_a_raw_update_below_zero_is_refused_in_words(
    writer: Caller, store: ScratchDatabase, admin: psycopg.Connection, postgres_version: str
) -> None:
    owner = person(admin, 100)
    before = digest(admin)

    answers = await Psql(store).type(
        writer,
        [
            set_by(owner, "- 1000000"),
            f"INSERT INTO public.user_credits (user_id, balance) VALUES ('{new_id()}', -1)",
            "SELECT count(*) FROM public.user_credits WHERE balance < 0",
        ],
    )

    for answer, left in zip(answers[:2], (-999900, -1), strict=True):
        assert answer.code == "23514"
        assert "Balance cannot be negative" in answer.message
        assert str(left) in answer.message
    assert answers[2].body == "0"
    assert digest(admin) == before


async def test_a_negative_balance_is_refused_also_with_the_triggers_off(
    admin: psycopg.Connection, postgres_version: str
) -> None:
    """Whoever may switch triggers off still meets the constraint."""
    owner = person(admin, 100)

    admin.execute("SET session_replication_role = replica")
    with pytest.raises(psycopg.errors.CheckViolation, match="user_credits_balance_"):
        admin.execute(set_by(owner, "- 1000000").encode())

    assert balance(admin, owner) == 100


async def test_a_negative_balance_over_the_tables_door_is_refused_for_the_service(
    deployment: Deployment, admin: psycopg.Connection, postgres_version: str
) -> None:
    owner = person(admin, 100)

    answer = await HttpWay(deployment).set_balance(SERVICE, owner, -1)

    assert (answer.status, answer.code) == (400, "23514")
    assert "Balance cannot be negative" in answer.message
    assert balance(admin, owner) == 100


async def test_a_raw_update_by_the_service_is_an_audited_entry(
    way: Way, admin: psycopg.Connection, postgres_version: str
) -> None:
    owner = person(admin, 100)

    answer = await way.set_balance(SERVICE, owner, 70)

    assert answer.code == "done"
    assert balance(admin, owner) == 70
    assert entries_by(admin, owner) == [
        ("grant", "service", 100, 100),
        ("adjust", "sql:service_role", -30, 70),
    ]
    assert broken_promises(admin) == []


async def test_raw_updates_of_eight_operators_beside_purchases_lose_nothing(
    deployment: Deployment,
    store: ScratchDatabase,
    admin: psycopg.Connection,
    postgres_version: str,
) -> None:
    buyer, creator = person(admin, 100_000), person(admin, 1)
    rewards = [reward(admin, 7, creator_id=creator) for _ in range(300)]
    psql = Psql(store)
    # Each writer adds another amount, so that a lost or doubled one shows in the sum.
    typed = [
        [set_by(owner, f"+ {3 + writer}") for owner in (buyer, creator) * (UPDATES // 2)]
        for writer in range(WRITERS)
    ]
    bought = [
        Call(user(buyer), "purchase_reward", {"p_reward_id": one, "p_collector_id": buyer})
        for one in rewards
    ]

    async def purchases() -> list[Answer]:
        rounds = [bought[start : start + 10] for start in range(0, len(bought), 10)]
        return [one for answers in await HttpWay(deployment).rounds(rounds) for one in answers]

    *written, answers = await asyncio.gather(
        *(psql.type(OPERATOR, statements) for statements in typed), purchases()
    )

    assert {answer.code for answer in answers} == {"done"}
    assert {answer.code for part in written for answer in part} == {"done"}
    added = sum(3 + writer for writer in range(WRITERS)) * UPDATES // 2
    assert balance(admin, buyer) == 100_000 - 7 * 300 + added
    assert balance(admin, creator) == 1 + 7 * 300 + added
    assert collected(admin, buyer) == set(rewards)
    for owner in (buyer, creator):
        raw = [one for one in entries_by(admin, owner) if one[1] == "sql:bursar_operator"]
        assert sorted(amount for _, _, amount, _ in raw) == sorted(
            3 + writer for writer in range(WRITERS) for _ in range(UPDATES // 2)
        )
        assert {verb for verb, *_ in raw} == {"adjust"}
    assert broken_promises(admin) == []


async def test_raw_inserts_upserts_and_deletes_beside_purchases_lose_nothing(
    deployment: Deployment,
    store: ScratchDatabase,
    admin: psycopg.Connection,
    postgres_version: str,
) -> None:
    """Wallets that do not exist yet are opened by purchases and by plain SQL at the same moment."""
    buyer, creators = person(admin, 10_000), [new_id() for _ in range(60)]
    rewards = [reward(admin, 7, creator_id=creator) for creator in creators]
    psql, door = Psql(store), HttpWay(deployment)
    insert = "INSERT INTO public.user_credits (user_id, balance) VALUES"
    upserts = [
        f"{insert} ('{creator}', 5) ON CONFLICT (user_id)"
        " DO UPDATE SET balance = user_credits.balance + excluded.balance"
        for creator in creators
    ]
    deletes = [f"DELETE FROM public.user_credits WHERE user_id = '{one}'" for one in creators]
    bought = [
        [Call(user(buyer), "purchase_reward", {"p_reward_id": one, "p_collector_id": buyer})]
        for one in rewards
    ]

    rounds, *written = await asyncio.gather(
        door.rounds(bought), psql.type(OPERATOR, upserts), psql.type(SUPERUSER, upserts)
    )
    left = [balance(admin, creator) for creator in creators]
    deleted = await psql.type(OPERATOR, deletes)
    again = await psql.type(OPERATOR, upserts)

    answers = [one for part in (*rounds, *written, deleted, again) for one in part]
    assert {answer.code for answer in answers} == {"done"}
    assert left == [7 + 5 + 5] * len(creators)
    assert [balance(admin, creator) for creator in creators] == [5] * len(creators)
    for creator in creators:
        amounts = [amount for _, _, amount, _ in entries_by(admin, creator)]
        assert sorted(amounts) == [-17, 5, 5, 5, 7]
    assert broken_promises(admin) == []


async def test_an_update_by_a_signed_in_user_is_refused(
    way: Way, admin: psycopg.Connection, postgres_version: str
) -> None:
    owner, other = person(admin, 100), person(admin, 100)
    before = digest(admin)

    answers = [
        await way.set_balance(user(owner), owner, 1_000_000),
        await way.set_balance(user(owner), owner, 1),
        await way.set_balance(user(owner), other, 1),
        await way.set_balance(ANON, owner, 1_000_000),
    ]

    assert {answer.code for answer in answers} == {"42501"}
    assert digest(admin) == before


async def test_an_update_by_a_signed_in_user_is_refused_also_when_it_was_granted(
    way: Way, admin: psycopg.Connection, postgres_version: str
) -> None:
    owner = person(admin, 100)
    before = digest(admin)
    admin.execute("GRANT ALL ON public.user_credits TO authenticated, anon")
    admin.execute(
        "CREATE POLICY too_generous ON public.user_credits TO authenticated, anon"
        " USING (true) WITH CHECK (true)"
    )
    try:
        answers = [
            await way.set_balance(user(owner), owner, 1_000_000),
            await way.set_balance(ANON, owner, 1_000_000),
        ]
        if isinstance(way, Psql):
            answers += await way.type(
                user(owner),
                [
                    f"INSERT INTO public.user_credits (user_id, balance) VALUES ('{new_id()}', 5)",
                    f"DELETE FROM public.user_credits WHERE user_id = '{owner}'",
                    f"UPDATE public.user_credits SET bursar_held = -5 WHERE user_id = '{owner}'",
                    "UPDATE public.user_credits SET balance = 5, bursar_seq = bursar_seq + 1"
                    f" WHERE user_id = '{owner}'",
                    f"UPDATE public.user_credits SET user_id = '{new_id()}'"
                    f" WHERE user_id = '{owner}'",
                ],
            )
            answers += await way.type(user(owner), ["TRUNCATE public.user_credits"])
    finally:
        admin.execute("DROP POLICY too_generous ON public.user_credits")
        admin.execute("REVOKE ALL ON public.user_credits FROM authenticated, anon")
        admin.execute("GRANT SELECT ON public.user_credits TO authenticated")

    assert {answer.code for answer in answers} <= {"42501", "23001"}, answers
    assert digest(admin) == before


def entries_by(admin: psycopg.Connection, owner_id: str) -> list[tuple[str, str, int, int]]:
    """Verb, actor, amount and balance of each entry of a credit wallet, oldest first."""
    return admin.execute(
        "SELECT t.verb, t.actor, e.amount, e.balance_after FROM bursar.entry AS e"
        " JOIN bursar.transaction AS t ON t.id = e.transaction_id"
        " WHERE e.owner_id = %s AND e.asset = 'credit' ORDER BY e.seq",
        [owner_id],
    ).fetchall()
