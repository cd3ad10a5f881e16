"""A step of one app comes and goes while everybody else goes on, on a database with a history.

20,000 entries and 40 requests a second; with `BURSAR_LONG=1` 1,000,000 and 300.
"""

import asyncio
import itertools
import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from bench.growth_fill import ENTRIES_PER_PURCHASE, fill
from bench.growth_orders import History
from bench.orders import Sizes, identity
from bench.prepare import open_wallets
from bursar.db.embedded import Cluster
from bursar.db.scratch import ScratchDatabase, scratch_database
from bursar.ops import migrate
from bursar.ops.audit import run_audit
from bursar.settings import Settings
from tests.commons import ASSET, posted
from tests.deployment import PATIENT, Deployment
from tests.ledger_in_sql import Ledger
from tests.steady_load import Request, SteadyLoad, a_request
from tests.storms import LONG
from tests.village import (
    COOKIE,
    FEED,
    LOGIN,
    PASSWORD,
    SCORES,
    a_score,
    member_with_password,
)

pytestmark = pytest.mark.slow

ENTRIES = 1_000_000 if LONG else 20_000
RATE = 300.0 if LONG else 40.0
PEOPLE = 5_000 if LONG else 500
BREATH_SECONDS = 5.0 if LONG else 1.0
ROLLBACK_SECONDS_MAX = 10.0
SIZES = Sizes(
    buyers=PEOPLE,
    sellers=PEOPLE,
    rewards=4 * PEOPLE,
    hot_buyers=1,
    poor_buyers=1,
    stars=1,
    star_rewards=10,
)
COMMUNITY = next(step.number for step in migrate.Source.load().steps if step.room == "community")
BEFORE = COMMUNITY - 1
# Balances of everybody, in every asset.
DIGEST = "SELECT md5(string_agg(t::text, ',' ORDER BY asset, owner_id)) FROM bursar.balance AS t"
# And of the community's, but for the author's, whom the load's reactions give credits.
COMMUNITY_DIGEST = (
    "SELECT md5(string_agg(t::text, ',' ORDER BY owner_id)) FROM bursar.wallet AS t"
    f" WHERE asset = '{ASSET}' AND owner_id <> %s"
)
CREDITS = "SELECT sum(balance) FROM public.user_credits"
_log = logging.getLogger("tests")


@dataclass
class Town:
    """A database with a history, a server before it, and somebody of the community signed in."""

    database: ScratchDatabase
    server: Deployment
    ledger: Ledger
    author: str
    post: str
    session: dict[str, str]

    @property
    def port(self) -> int:
        return int(self.server.url.rpartition(":")[2])


@pytest.fixture(scope="module")
def town(
    cluster: Cluster, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Town]:
    with ExitStack() as stack:
        database = stack.enter_context(scratch_database(cluster, template))
        open_wallets(cluster, database.name, SIZES)
        fill(database.url, ENTRIES // ENTRIES_PER_PURCHASE, SIZES)
        ledger = Ledger(database)
        _, name = member_with_password(ledger)
        author, _ = member_with_password(ledger)
        post = posted(ledger, author)
        ledger.admin.execute(
            "SELECT bursar.\"grant\"(jsonb_build_array(jsonb_build_object('owner_id', u.id,"
            " 'asset', %s::text, 'amount', 7, 'idempotency_key', u.id))) FROM public.users AS u",
            [ASSET],
        )
        server = Deployment(database, tmp_path_factory.mktemp("town"), PATIENT).start()
        stack.callback(server.stop)
        yield Town(database, server, ledger, author, post, sign_in(server, name))


def sign_in(server: Deployment, name: str) -> dict[str, str]:
    """The headers of a session."""
    answer = httpx.post(
        server.url + LOGIN, json={"username": name, "password": PASSWORD}, timeout=60
    )
    assert answer.status_code == 200, answer.text
    token = answer.json()["csrf_token"]
    return {"cookie": f"{COOKIE}={answer.cookies[COOKIE]}", "x-csrf-token": token}


class Asks:
    """Purchases of rewards and ledger reads; three in ten are to the community."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self._orders = History(SIZES).orders_from(ENTRIES // ENTRIES_PER_PURCHASE)
        self._service = Deployment.headers("service_role")
        self._of_community = itertools.cycle((self._feed, self._react, self._score))

    def __call__(self, number: int) -> Request:
        if number % 10 > 6:
            return next(self._of_community)()
        order = next(self._orders)
        if number % 10 % 2:
            owner = quote(identity("buyer", number % PEOPLE))
            path = f"/v1/wallets/{owner}/statement?asset=credit&limit=20"
            return "statement", a_request("GET", path, self._service)
        body: dict[str, Any] = {"p_reward_id": order.reward, "p_collector_id": order.buyer}
        headers = self._service | {"idempotency-key": f"load-{number}"}
        path = "/rest/v1/rpc/purchase_reward"
        return "purchase", a_request("POST", path, headers, body)

    def _feed(self) -> Request:
        return "feed", a_request("GET", FEED, self._town.session)

    def _react(self) -> Request:
        path = f"/community/react/{self._town.post}"
        return "reaction", a_request("POST", path, self._town.session, {"reaction_type": "wow"})

    def _score(self) -> Request:
        return "score", a_request("POST", SCORES, self._town.session, a_score(points=1))


async def test_a_step_comes_and_goes_and_everybody_else_goes_on(town: Town) -> None:
    url, ledger = town.database.url, town.ledger
    total, community = ledger.value(CREDITS), ledger.value(COMMUNITY_DIGEST, town.author)
    load = SteadyLoad(town.port, Asks(town), rate=RATE)
    took: dict[str, float] = {}

    async def phase(name: str, work: Any) -> None:
        started = time.monotonic()
        with load.during(name):
            await asyncio.to_thread(work)
            took[name] = time.monotonic() - started
            await asyncio.sleep(BREATH_SECONDS)

    async with asyncio.TaskGroup() as group:
        group.create_task(load.run())
        with load.during("warming up"):  # Plans are made, pages are read for the first time.
            await asyncio.sleep(3 * BREATH_SECONDS)
        with load.during("before"):
            await asyncio.sleep(BREATH_SECONDS)
        await phase("first down", lambda: migrate.down(url, to=BEFORE))
        await phase("up", lambda: migrate.up(url))
        await phase("verify", lambda: verified(url))
        await phase("down", lambda: migrate.down(url, to=BEFORE))
        await phase("up again", lambda: migrate.up(url))
        await phase("verify again", lambda: verified(url))
        load.stop()

    for name, one in load.phases.items():
        _log.info(
            "%s: %.0f ms; longest request %.0f ms (%s), %.0f ms with its wait to be sent; %s",
            name,
            1000 * took.get(name, 0),
            one.blocked_ms,
            one.blocked,
            one.slowest_ms,
            ", ".join(f"{n} {key}" for key, n in sorted(one.answers.items())),
        )
    others, of_community = split(load)
    assert {status for _, status, _ in others} == {200}, others
    assert set(of_community) - {("", 200, "")} <= {
        (name, status, code)
        for name in ("feed", "reaction", "score")
        for status, code in ((200, ""), (503, "APP_DOWN"))
    }, of_community
    assert any(code == "APP_DOWN" for _, _, code in of_community)
    assert load.phases["verify again"].answers["feed", 200, ""] > 0
    assert ledger.value(CREDITS) == total
    assert ledger.value(COMMUNITY_DIGEST, town.author) == community
    if LONG:
        assert max(took["down"], took["first down"]) < ROLLBACK_SECONDS_MAX


def test_balances_are_what_they_were(town: Town) -> None:
    before = town.ledger.value(DIGEST)

    migrate.down(town.database.url, to=BEFORE)
    down = town.ledger.value(DIGEST)
    migrate.up(town.database.url)

    assert before == down == town.ledger.value(DIGEST)
    report = asyncio.run(run_audit(town.database.url, Settings()))
    assert [one.invariant.name for one in report.verdicts if not one.holds] == []


def verified(url: str) -> None:
    found = migrate.verify(url)
    assert found.holds, [one for one in found.checks if not one.holds]


def split(load: SteadyLoad) -> tuple[dict[Any, int], dict[Any, int]]:
    """The answers to everybody else, and those of the community."""
    both: list[dict[Any, int]] = [{}, {}]
    for phase in load.phases.values():
        for key, count in phase.answers.items():
            kept = both[key[0] not in ("purchase", "statement")]
            kept[key] = kept.get(key, 0) + count
    return both[0], both[1]
