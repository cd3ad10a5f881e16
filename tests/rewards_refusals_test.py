"""The reward store says no for the right reason and moves nothing, by every way in."""

from dataclasses import dataclass

import psycopg
import pytest

from bursar.errors import BY_CODE
from tests.deployment import Deployment
from tests.store import digest, freeze, new_id, person, reward
from tests.ways import ANON, Answer, Call, Caller, Way, together, user

pytestmark = pytest.mark.postgres_versions("15", "18")


@dataclass
class Scene:
    """Somebody with 100 credits, and rewards they cannot buy for different reasons."""

    buyer: str
    other: str
    frozen: str
    poor: str
    wanted: str
    own: str
    inactive: str
    owned: str


@pytest.fixture
async def scene(admin: psycopg.Connection, way: Way, postgres_version: str) -> Scene:
    buyer, frozen = person(admin, 110), person(admin, 100)
    freeze(admin, frozen)
    made = Scene(
        buyer=buyer,
        other=person(admin, 100),
        frozen=frozen,
        poor=person(admin, 5),
        wanted=reward(admin, 60),
        own=reward(admin, 60, creator_id=buyer),
        inactive=reward(admin, 60, is_active=False),
        owned=reward(admin, 10),
    )
    bought = await together(way, [purchase(user(buyer), made.owned, buyer)])
    assert bought[0].code == "done"
    return made


def purchase(caller: Caller, reward_id: str, collector_id: str, price: int | None = None) -> Call:
    arguments: dict[str, str | int] = {"p_reward_id": reward_id, "p_collector_id": collector_id}
    if price is not None:
        arguments["p_expected_price"] = price
    return Call(caller, "purchase_reward", arguments)


async def test_each_refusal_has_its_code_and_sentence_and_moves_nothing(
    scene: Scene, way: Way, admin: psycopg.Connection
) -> None:
    me = user(scene.buyer)
    cases = {
        "NOT_AUTHORIZED": purchase(user(scene.other), scene.wanted, scene.buyer),
        "REWARD_NOT_FOUND": purchase(me, new_id(), scene.buyer),
        "SELF_PURCHASE": purchase(me, scene.own, scene.buyer),
        "ALREADY_COLLECTED": purchase(me, scene.owned, scene.buyer),
        "REWARD_INACTIVE": purchase(me, scene.inactive, scene.buyer),
        "PRICE_CHANGED": purchase(me, scene.wanted, scene.buyer, price=50),
        "WALLET_FROZEN": purchase(user(scene.frozen), scene.wanted, scene.frozen),
        "INSUFFICIENT_FUNDS": purchase(user(scene.poor), scene.wanted, scene.poor),
    }
    before = digest(admin)

    rounds = await way.rounds([[one] for one in cases.values()])

    answers = [answers[0] for answers in rounds]
    assert [answer.code for answer in answers] == list(cases)
    for code, answer in zip(cases, answers, strict=True):
        assert_told(way, code, answer)
    assert digest(admin) == before


def assert_told(way: Way, code: str, answer: Answer) -> None:
    """The message has the code and a sentence; over HTTP the rest of the registry is there too."""
    assert answer.message.startswith(f"{code}: ")
    assert len(answer.message) > len(code) + 10
    if way.name != "psql":
        assert answer.status == BY_CODE[code].http_status
        assert answer.body["code"] == BY_CODE[code].sqlstate
        assert answer.body["hint"] == BY_CODE[code].hint


async def test_the_sentences_are_those_of_the_store_front(
    scene: Scene, way: Way, admin: psycopg.Connection
) -> None:
    me = user(scene.buyer)

    rounds = await way.rounds(
        [
            [purchase(me, scene.own, scene.buyer)],
            [purchase(me, scene.owned, scene.buyer)],
            [purchase(user(scene.poor), scene.wanted, scene.poor)],
        ]
    )

    said = [answers[0].message.partition(": ")[2].rstrip(".") for answers in rounds]
    assert said == [
        "Cannot purchase your own reward",
        "You have already collected this reward",
        "Insufficient credits to purchase this reward",
    ]


async def test_an_anonymous_visitor_buys_nothing(
    scene: Scene, way: Way, admin: psycopg.Connection
) -> None:
    before = digest(admin)
    one = purchase(ANON, scene.wanted, scene.buyer)
    older = Call(
        ANON,
        "purchase_bounty",
        {
            "p_bounty_id": scene.wanted,
            "p_collector_id": scene.buyer,
        },
    )
    create = Call(
        ANON,
        "create_reward",
        {
            "p_name": "Sticker",
            "p_description": "",
            "p_cost": 60,
            "p_creator_id": scene.buyer,
        },
    )

    answers = [answers[0] for answers in await way.rounds([[one], [older], [create]])]

    # The database itself has no right for them; our HTTP says so before it is asked.
    assert {answer.code for answer in answers} <= {"NOT_AUTHORIZED", "42501"}
    if way.name != "psql":
        assert {answer.status for answer in answers} == {401}
    assert digest(admin) == before


async def test_the_right_price_named_is_a_purchase(
    scene: Scene, way: Way, admin: psycopg.Connection
) -> None:
    call = purchase(user(scene.buyer), scene.wanted, scene.buyer, price=60)

    answers = await together(way, [call])

    assert answers[0].code == "done"


async def test_a_user_cannot_reach_the_verbs_of_the_ledger(
    deployment: Deployment, way: Way, admin: psycopg.Connection, postgres_version: str
) -> None:
    """Nothing of schema bursar is a function that a door offers to them."""
    thief = person(admin, 10)
    before = digest(admin)
    verbs = ("grant", "spend", "transfer", "adjust", "batch", "purchase_reward_batch")

    rounds = await way.rounds([[Call(user(thief), verb, {"p_requests": "[]"})] for verb in verbs])

    for answers in rounds:
        assert answers[0].code in ("PGRST202", "42883", "42501"), answers
    with deployment.database.connect("authenticated", thief) as session:
        for verb in verbs[:-1]:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                session.execute(f"""SELECT bursar."{verb}"('[]')""".encode())
    assert digest(admin) == before
