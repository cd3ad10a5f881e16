"""What the tests across rooms share: running servers, and the ways in."""

import os
from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from bursar.db.embedded import Cluster
from bursar.db.scratch import SERVICE_ROLE, ScratchDatabase, scratch_database
from tests.citus_nodes import CitusMissingError, CitusNodes
from tests.deployment import SECRET, Deployment
from tests.node import Node, NodeMissingError, installed_node
from tests.psql import Psql
from tests.ways import HttpWay, SupabaseWay, Way


@pytest.fixture(scope="session")
def node_modules() -> Node:
    """Node with the stock supabase-js."""
    try:
        return installed_node()
    except NodeMissingError as error:
        if os.environ.get("BURSAR_REQUIRE_ALL") == "1":
            raise
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def deployment(
    cluster: Cluster, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    """A server process over a database of its own, for all tests of a file."""
    with scratch_database(cluster, template) as database:
        running = Deployment(database, tmp_path_factory.mktemp("server")).start()
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
    running = Deployment(deployment.database, tmp_path_factory.mktemp("server")).start()
    say_something_to(running)
    try:
        yield running
    finally:
        running.stop()
    assert_clean(running)


def say_something_to(deployment: Deployment) -> None:
    """Make the log hold one request at least, also where only tests by SQL are run."""
    assert httpx.get(f"{deployment.url}/rest/v1/rewards").status_code == 200


def assert_clean(deployment: Deployment) -> None:
    """Whatever the tests did to the server, it has logged no secret and no fault."""
    log = deployment.log()
    password = str(conninfo_to_dict(deployment.database.service_url)["password"])
    begin_of_a_token = Deployment.token("anon")[:20]
    assert '"event":"request"' in log
    for secret in (SECRET, password, begin_of_a_token):
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
