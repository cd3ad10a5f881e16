"""What the tests across rooms share: running servers, and the ways in."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from bursar.db.embedded import Cluster
from bursar.db.scratch import SERVICE_ROLE, ScratchDatabase, scratch_database
from bursar.stand_ins.stripe.process import StandIn
from tests import stand_in as staged
from tests.app_store import AUTHORIZATION
from tests.citus_nodes import CitusMissingError, CitusNodes
from tests.deployment import PATIENT, SECRET, Deployment
from tests.node import Node, NodeMissingError, installed_node
from tests.own_cluster import own_cluster
from tests.patience import PATIENCE_SECONDS
from tests.psql import Psql
from tests.ways import HttpWay, SupabaseWay, Way

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """The browser in which a file's pages are opened."""
    try:
        from tests.storefront import chromium
    except ImportError as error:
        if os.environ.get("BURSAR_REQUIRE_ALL") == "1":
            raise
        pytest.skip(f"there is no browser: {error}")
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def node_modules() -> Iterator[Node]:
    """Node with the stock supabase-js and axe."""
    try:
        node = installed_node()
    except NodeMissingError as error:
        if os.environ.get("BURSAR_REQUIRE_ALL") == "1":
            raise
        pytest.skip(str(error))
    yield node
    node.close()


@pytest.fixture(scope="module")
def deployment(
    cluster: Cluster, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    """A server process over a database of its own, for all tests of a file."""
    with scratch_database(cluster, template) as database:
        running = Deployment(database, tmp_path_factory.mktemp("server"), PATIENT).start()
        say_something_to(running)
        try:
            yield running
        finally:
            running.stop()
        assert_clean(running)


@pytest.fixture(scope="module")
def second_deployment(
    deployment: Deployment, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    """Another server process over the same database."""
    running = Deployment(deployment.database, tmp_path_factory.mktemp("server"), PATIENT).start()
    say_something_to(running)
    try:
        yield running
    finally:
        running.stop()
    assert_clean(running)


@pytest.fixture(scope="module")
def company() -> Iterator[StandIn]:
    """The local card company, for all tests of a file."""
    with staged.stand_in() as running:
        yield running


@pytest.fixture(scope="module")
def card_deployment(
    cluster: Cluster, template: str, company: StandIn, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    """A server process that takes cards, and gets the card company's events."""
    settings = PATIENT | {
        "stripe_api_key": staged.KEY,
        "stripe_api_base": company.address,
        "stripe_webhook_secret": staged.SECRET,
        "revenuecat_authorization": AUTHORIZATION,
        "worker_interval_ms": "100",
    }
    with scratch_database(cluster, template) as database:
        running = Deployment(database, tmp_path_factory.mktemp("server"), settings).start()
        say_something_to(running)
        company.send_events_to(f"{running.url}/api/webhooks/stripe")
        try:
            yield running
        finally:
            running.stop()
        assert_clean(running)


def say_something_to(deployment: Deployment) -> None:
    """Make the log hold one request at least, also where only tests by SQL are run."""
    answer = httpx.get(f"{deployment.url}/rest/v1/rewards", timeout=PATIENCE_SECONDS)
    assert answer.status_code == 200


def assert_clean(deployment: Deployment) -> None:
    """Whatever the tests did to the server, it has logged no secret and no fault."""
    log = deployment.log()
    password = str(conninfo_to_dict(deployment.database.service_url)["password"])
    begin_of_a_token = Deployment.token("anon")[:20]
    assert '"event":"request"' in log
    hidden = (SECRET, password, begin_of_a_token, staged.SECRET, staged.KEY, AUTHORIZATION)
    for secret in hidden:
        assert secret not in log, "The server has logged a secret."
    for line in log.splitlines():
        assert "Traceback" not in line, log[-4000:]
        assert '"level":"error"' not in line, line


@pytest.fixture
def admin(deployment: Deployment) -> Iterator[psycopg.Connection]:
    """The superuser's connection to the deployment's database."""
    with psycopg.connect(deployment.database.url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def store(deployment: Deployment) -> ScratchDatabase:
    """The deployment's database."""
    return deployment.database


@pytest.fixture
def durable(postgres_version: str, tmp_path: Path) -> Iterator[ScratchDatabase]:
    """A migrated database on a cluster of its own that keeps what it has acknowledged."""
    with own_cluster(tmp_path, postgres_version) as database:
        yield database


@pytest.fixture(params=["psql", "http", "supabase-js"])
def way(request: pytest.FixtureRequest, deployment: Deployment) -> Way:
    """Each way in."""
    if request.param == "psql":
        return Psql(deployment.database)
    if request.param == "http":
        return HttpWay(deployment)
    return SupabaseWay(request.getfixturevalue("node_modules"), deployment)


@pytest.fixture(scope="session")
def nodes() -> Iterator[CitusNodes]:
    """A coordinator and two workers with the ledger's layout, where PostgreSQL 15 has Citus."""
    try:
        made = CitusNodes()
    except CitusMissingError as error:
        pytest.skip(str(error))
    yield made
    made.remove()


@pytest.fixture
def service(nodes: CitusNodes) -> Iterator[psycopg.Connection[Any]]:
    """The service's own login, on the coordinator."""
    with nodes.connect(role=SERVICE_ROLE) as connection:
        yield connection
