"""Who sees what: a user their own, a visitor what is on sale, by every way in."""

import psycopg
import pytest

from tests.deployment import Deployment
from tests.psql import Psql
from tests.store import digest, new_id, person, reward
from tests.ways import ANON, SERVICE, Answer, Caller, Way, buy, user

pytestmark = pytest.mark.postgres_versions("15", "18")

TABLES = ("rewards", "collected_rewards", "user_credits", "credit_transactions")


class Town:
    """Two users who have both bought something, and a reward that is off sale."""

    def __init__(self, admin: psycopg.Connection) -> None:
        self.a, self.b, self.creator = person(admin, 100), person(admin, 100), new_id()
        self.wanted = reward(admin, 60, creator_id=self.creator)
        self.inactive = reward(admin, 60, creator_id=self.creator, is_active=False)


@pytest.fixture
async def town(admin: psycopg.Connection, way: Way, postgres_version: str) -> Town:
    made = Town(admin)
    for who in (made.a, made.b):
        assert (await buy(way, user(who), made.wanted, who)).code == "done"
    return made


async def test_a_user_reads_only_their_own(town: Town, way: Way) -> None:
    for who in (town.a, town.b):
        me = user(who)

        collected = await way.read(me, "collected_rewards")
        history = await way.read(me, "credit_transactions")

        assert {row["collector_id"] for row in rows(collected)} == {who}
        assert {row["user_id"] for row in rows(history)} == {who}
        assert {row["amount"] for row in rows(history)} == {-60, 100}
        assert await balances(way, who) == {who: 40}


async def test_somebody_without_a_wallet_reads_nothing_but_what_is_on_sale(
    town: Town, way: Way
) -> None:
    nobody = user(new_id())

    assert rows(await way.read(nobody, "collected_rewards")) == []
    assert rows(await way.read(nobody, "credit_transactions")) == []
    assert await balances(way, nobody.sub or "") == {}
    on_sale = {row["id"] for row in rows(await way.read(nobody, "rewards"))}
    assert town.wanted in on_sale
    assert town.inactive not in on_sale


async def test_a_visitor_reads_active_rewards_and_nothing_else(town: Town, way: Way) -> None:
    on_sale = rows(await way.read(ANON, "rewards"))

    assert {row["is_active"] for row in on_sale} == {True}
    assert town.wanted in {row["id"] for row in on_sale}
    for table in TABLES[1:]:
        answer = await way.read(ANON, table)
        assert answer.code == "42501", (table, answer)
        assert answer.body is None or isinstance(answer.body, dict)


async def test_a_creator_sees_their_own_reward_that_is_off_sale(town: Town, way: Way) -> None:
    seen = {row["id"] for row in rows(await way.read(user(town.creator), "rewards"))}

    assert {town.wanted, town.inactive} <= seen


async def test_the_service_reads_everybody(town: Town, way: Way) -> None:
    seen = {row["collector_id"] for row in rows(await way.read(SERVICE, "collected_rewards"))}

    assert {town.a, town.b} <= seen


async def test_the_ledger_itself_shows_a_user_only_their_own_entries(
    town: Town, way: Way, deployment: Deployment
) -> None:
    """Schema bursar is behind no door; whoever has SQL still sees only what is theirs."""
    psql = Psql(deployment.database)

    mine, all_wallets, claims = await psql.type(
        user(town.a),
        [
            "SELECT json_agg(DISTINCT owner_id) FROM bursar.entry",
            "SELECT count(*) FROM bursar.balance",
            "SELECT count(*) FROM bursar.idempotency",
        ],
    )
    visitor = (await psql.type(ANON, ["SELECT count(*) FROM bursar.entry"]))[0]

    assert mine.body == [town.a]
    assert (all_wallets.code, claims.code, visitor.code) == ("42501", "42501", "42501")
    for table in ("entry", "wallet", "transaction", "idempotency", "balance"):
        if way.name != "psql":
            assert (await way.read(user(town.a), table)).code == "PGRST205"


async def balances(way: Way, who: str) -> dict[object, object]:
    """What a user sees of user_credits."""
    answer = await way.read(user(who), "user_credits")
    return {row["user_id"]: row["balance"] for row in rows(answer)}


async def test_a_user_writes_nothing_that_is_not_theirs(
    deployment: Deployment, admin: psycopg.Connection, postgres_version: str
) -> None:
    psql = Psql(deployment.database)
    thief, wanted = person(admin, 10), reward(admin, 60)
    statements = [
        f"INSERT INTO public.collected_rewards VALUES ('{wanted}', '{thief}', 0, 0, now())",
        f"DELETE FROM public.collected_rewards WHERE collector_id <> '{thief}'",
        f"INSERT INTO public.rewards (creator_id, name, cost) VALUES ('{new_id()}', 'Trap', 1)",
        f"UPDATE public.rewards SET creator_id = '{thief}' WHERE id = '{wanted}'",
        f"DELETE FROM public.rewards WHERE id = '{wanted}'",
        "UPDATE bursar.entry SET amount = 1",
        "DELETE FROM bursar.idempotency",
        "UPDATE bursar.gate SET degraded = true",
        "CREATE TABLE public.rewards_too (id uuid)",
    ]
    before = digest(admin)

    answers = await psql.type(user(thief), statements)
    repriced = await psql.type(user(thief), ["UPDATE public.rewards SET cost = 1"])
    by_operator = await psql.type(Caller("bursar_operator"), statements[5:7])
    by_superuser = await psql.type(Caller("postgres"), statements[5:6])

    assert [answer.code for answer in answers] == ["42501"] * len(statements)
    assert repriced[0].code == "done"  # it changed the rewards of theirs, of which there are none
    assert [answer.code for answer in by_operator] == ["42501"] * 2
    assert by_superuser[0].code == "23001"
    assert "append-only" in by_superuser[0].message
    assert digest(admin) == before


def rows(answer: Answer) -> list[dict[str, object]]:
    """The rows of an answer that must be one."""
    assert answer.code == "done", answer
    assert isinstance(answer.body, list)
    return answer.body
