"""The reward store's races, each told by psql, by our HTTP and by the stock supabase-js."""

import psycopg
import pytest

from bursar.db.scratch import ScratchDatabase
from tests.deployment import Deployment
from tests.promises import broken_promises
from tests.store import balance, collected, grant_all, new_id, person, reward
from tests.ways import SERVICE, Answer, Call, HttpWay, Way, buy, call, together, user

pytestmark = pytest.mark.postgres_versions("15", "18")

# Rounds of the race between two windows.
ROUNDS = {"psql": 10, "http": 100, "supabase-js": 50}


def purchase(collector_id: str, reward_id: str) -> Call:
    arguments = {"p_reward_id": reward_id, "p_collector_id": collector_id}
    return Call(user(collector_id), "purchase_reward", arguments)


def bounty(collector_id: str, reward_id: str) -> Call:
    arguments = {"p_bounty_id": reward_id, "p_collector_id": collector_id}
    return Call(user(collector_id), "purchase_bounty", arguments)


def codes(answers: list[Answer]) -> list[str]:
    return sorted(answer.code for answer in answers)


def assert_one_of_two(
    admin: psycopg.Connection, buyers: list[str], rounds: list[list[Answer]]
) -> None:
    """Of two purchases of 60 with 100 at hand exactly one succeeded, each time."""
    for buyer, answers in zip(buyers, rounds, strict=True):
        assert codes(answers) == ["INSUFFICIENT_FUNDS", "done"], answers
        assert balance(admin, buyer) == 40
        assert len(collected(admin, buyer)) == 1
    assert broken_promises(admin) == []


async def test_two_rewards_of_60_bought_at_once_with_100_credits_are_one_success(
    way: Way, admin: psycopg.Connection, postgres_version: str
) -> None:
    x, y = reward(admin, 60), reward(admin, 60)
    buyers = [new_id() for _ in range(ROUNDS[way.name])]
    grant_all(admin, buyers, 100)

    rounds = await way.rounds([[purchase(buyer, x), purchase(buyer, y)] for buyer in buyers])

    assert_one_of_two(admin, buyers, rounds)
    refused = next(one for one in rounds[0] if one.code != "done")
    assert refused.message == "INSUFFICIENT_FUNDS: Insufficient credits to purchase this reward."


async def test_two_windows_on_two_servers_are_one_success(
    deployment: Deployment,
    second_deployment: Deployment,
    admin: psycopg.Connection,
    postgres_version: str,
) -> None:
    x, y = reward(admin, 60), reward(admin, 60)
    buyers = [new_id() for _ in range(ROUNDS["http"])]
    grant_all(admin, buyers, 100)
    way = HttpWay(deployment, second_deployment)

    rounds = await way.rounds([[purchase(buyer, x), purchase(buyer, y)] for buyer in buyers])

    assert_one_of_two(admin, buyers, rounds)


async def test_a_hundred_purchases_of_one_reward_at_once_are_one_success(
    way: Way, admin: psycopg.Connection, postgres_version: str
) -> None:
    buyer, creator = person(admin, 6000), new_id()
    wanted = reward(admin, 60, creator_id=creator)

    answers = await together(way, [purchase(buyer, wanted)] * 100)

    assert codes(answers) == ["ALREADY_COLLECTED"] * 99 + ["done"]
    assert balance(admin, buyer) == 5940
    assert balance(admin, creator) == 60
    assert broken_promises(admin) == []


async def test_a_purchase_says_what_it_did(
    way: Way, admin: psycopg.Connection, postgres_version: str
) -> None:
    buyer, creator = person(admin, 100), new_id()
    wanted = reward(admin, 60, creator_id=creator)

    answer = await buy(way, user(buyer), wanted, buyer)

    said = answer.body
    assert answer.code == "done"
    assert (said["amount"], said["balance"], said["price"]) == (60, 40, 60)
    assert (said["owner_id"], said["reward_id"], said["replayed"]) == (buyer, wanted, False)
    assert (balance(admin, buyer), balance(admin, creator)) == (40, 60)
    assert collected(admin, buyer) == {wanted}


async def test_the_service_buys_for_a_user(
    way: Way, admin: psycopg.Connection, postgres_version: str
) -> None:
    buyer, wanted = person(admin, 100), reward(admin, 60)

    answer = await buy(way, SERVICE, wanted, buyer)

    assert answer.code == "done"
    assert balance(admin, buyer) == 40


async def test_the_older_purchase_bounty_works_and_cannot_race(
    way: Way, admin: psycopg.Connection, postgres_version: str
) -> None:
    x, y, buyer = reward(admin, 60), reward(admin, 60), person(admin, 100)
    mixed = person(admin, 100)

    bounties = await together(way, [bounty(buyer, x), bounty(buyer, y)] * 5)
    both_names = await together(way, [bounty(mixed, x), purchase(mixed, y)] * 5)

    for who, answers in ((buyer, bounties), (mixed, both_names)):
        # The winner's other four tries meet its collection or its empty wallet.
        assert codes(answers).count("done") == 1
        assert set(codes(answers)) <= {"done", "INSUFFICIENT_FUNDS", "ALREADY_COLLECTED"}
        assert balance(admin, who) == 40
        assert len(collected(admin, who)) == 1
    assert broken_promises(admin) == []


async def test_a_user_puts_a_reward_on_sale_and_another_buys_it(
    way: Way, admin: psycopg.Connection, postgres_version: str
) -> None:
    creator, buyer = new_id(), person(admin, 60)

    made = await call(
        way, user(creator), "create_reward", p_name="Sticker", p_description="", p_cost=60
    )
    bought = await buy(way, user(buyer), str(made.body).strip('"'), buyer)

    assert (made.code, bought.code) == ("done", "done")
    assert (balance(admin, buyer), balance(admin, creator)) == (0, 60)


async def test_the_queries_of_operators_run_as_they_are(
    deployment: Deployment,
    store: ScratchDatabase,
    admin: psycopg.Connection,
    postgres_version: str,
) -> None:
    buyer, wanted = person(admin, 60), reward(admin, 60)
    assert (await buy(HttpWay(deployment), user(buyer), wanted, buyer)).code == "done"
    operator = store.connect("bursar_operator")

    below = operator.execute(
        "SELECT COUNT(*) FROM public.user_credits WHERE balance < 0"
    ).fetchall()
    recent = operator.execute(
        "SELECT collector_id::text, reward_id::text, price FROM public.collected_rewards"
        " WHERE collected_at > now() - interval '15 minutes'"
    ).fetchall()
    history = operator.execute(
        "SELECT amount, type, balance_after FROM public.credit_transactions"
        " WHERE user_id = %s ORDER BY created_at",
        [buyer],
    ).fetchall()

    assert below == [(0,)]
    assert (buyer, wanted, 60) in recent
    assert history == [(60, "grant", 60), (-60, "purchase_reward", 0)]
