"""Every door, while the apps behind it are taken back: it says so, and nothing fails."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from bursar.client import connect
from bursar.db.embedded import Cluster
from bursar.db.scratch import ScratchDatabase, scratch_database
from bursar.errors import BY_CODE, Refused
from bursar.ops import migrate
from tests.deployment import Deployment
from tests.ledger_in_sql import Ledger
from tests.store import grant_all, new_id, person, reward

USER = new_id()
REWARDS = next(step.number for step in migrate.Source.load().steps if step.room == "rewards")
REFUSED = BY_CODE["APP_DOWN"].sqlstate  # what PostgREST's doors call it
# What an app in the field sends, where the door's own example is not enough to come to the app.
BODIES: dict[str, dict[str, Any]] = {
    "/functions/v1/submit-generation": {"prompt": "a fox", "user_id": USER},
    "/functions/v1/check-and-deduct-credit": {"user_id": USER},
    "/functions/v1/refund-credit": {"user_id": USER},
    "/functions/v1/use-item": {"user_id": USER},
}
# They serve streams, or pages, or change what the others meet.
NOT_CALLED = ("/v1/degraded", "/community/logout")


@pytest.fixture(scope="module")
def database(cluster: Cluster, template: str) -> Iterator[ScratchDatabase]:
    """A database that has the ledger and the rewards, and had everything else."""
    with scratch_database(cluster, template) as made:
        Ledger(made)
        migrate.down(made.url, to=REWARDS)
        yield made


@pytest.fixture(scope="module")
def server(
    database: ScratchDatabase, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    started = Deployment(database, tmp_path_factory.mktemp("down")).start()
    yield started
    started.stop()


def operations(server: Deployment) -> Iterator[tuple[str, str, Any]]:
    """Every operation of the doors with a body that can be sent: method, path, body."""
    paths = httpx.get(f"{server.url}/openapi.json", timeout=60).json()["paths"]
    for path, methods in paths.items():
        for method, operation in methods.items():
            if path in NOT_CALLED or method not in ("get", "post", "delete", "put"):
                continue
            content: dict[str, dict[str, Any]]
            content = operation.get("requestBody", {}).get("content", {})
            shown: list[dict[str, Any]] = list(content.values())
            body = shown[0].get("example", {}) if shown else None
            yield method.upper(), path, BODIES.get(path, body)


def test_no_door_fails_and_those_of_the_apps_say_that_they_are_down(server: Deployment) -> None:
    headers = Deployment.headers("service_role")
    said: dict[str, tuple[int, str]] = {}
    for method, path, body in operations(server):
        address = path
        while "{" in address:
            address = address[: address.index("{")] + USER + address[address.index("}") + 1 :]
        answer = httpx.request(method, server.url + address, json=body, headers=headers, timeout=60)
        try:
            code = str(answer.json().get("code"))
            code = "APP_DOWN" if code == REFUSED else code
        except (ValueError, AttributeError):
            code = ""
        said[f"{method} {path}"] = (answer.status_code, code)

    assert {door: told for door, told in said.items() if told[0] == 500} == {}
    assert {
        door for door, told in said.items() if told[1] == "APP_DOWN" and told[0] != 503
    } == set()
    down = {door for door, told in said.items() if told[0] == 503}
    for app in ("/functions/v1/claim", "/functions/v1/submit-generation", "/community/users"):
        assert f"POST {app}" in down
    assert len(down) > 15


def test_rewards_are_sold_meanwhile(server: Deployment, database: ScratchDatabase) -> None:
    connection = database.connect()
    buyer, thing = person(connection, 50), reward(connection, 7)
    grant_all(connection, [USER], 1)

    answer = httpx.post(
        f"{server.url}/rest/v1/rpc/purchase_reward",
        json={"p_reward_id": thing, "p_collector_id": buyer},
        headers=Deployment.headers("service_role"),
        timeout=60,
    )

    assert answer.status_code == 200, answer.text


async def test_the_client_is_told_by_a_refusal(database: ScratchDatabase) -> None:
    async with connect(database.service_url) as bank:
        outcome = await bank.submit_generation(
            user_id=USER, product="picture", input={"prompt": "a fox"}
        )
        assert outcome.code == "APP_DOWN"
        assert outcome.details == {"retry_after_seconds": 1}
        with pytest.raises(Refused, match="APP_DOWN"):
            await bank.read("read_studio", USER, 10)


def test_it_is_back_at_once_when_the_step_is(server: Deployment, database: ScratchDatabase) -> None:
    database.close()
    migrate.up(database.url)

    answer = httpx.get(
        f"{server.url}/functions/v1/generation-jobs?user_id={USER}",
        headers=Deployment.headers("service_role"),
        timeout=60,
    )

    assert answer.status_code == 200, answer.text
