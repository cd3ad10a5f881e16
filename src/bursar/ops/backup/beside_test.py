"""A restore goes beside the live database, and takes its place with all that belongs to it."""

import contextlib
import secrets
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from bursar.db.embedded import Cluster
from bursar.db.scratch import SERVICE_ROLE
from bursar.ops.backup import (
    BackupError,
    Swap,
    carry_out,
    plan_back,
    prepare,
    restore,
    take_backup,
)
from bursar.ops.backup.database import read_database
from bursar.ops.backup.roles import Role, make_roles, missing_roles
from bursar.ops.backup.session import connected_beside
from bursar.settings import Settings
from tests.patience import AGE_SECONDS, wait_until
from tests.store import balance, grant_all, person

SETTINGS = Settings()
DATABASE_FACTS = """
    ALTER DATABASE {0} SET bursar.environment TO 'production';
    ALTER DATABASE {0} SET search_path TO "$user", public, "a, b";
    ALTER DATABASE {0} SET app.note TO 'it''s kept';
    ALTER ROLE bursar_service IN DATABASE {0} SET lock_timeout TO '3s';
    REVOKE ALL ON DATABASE {0} FROM PUBLIC;
    GRANT CONNECT ON DATABASE {0} TO bursar_service;
    GRANT CREATE ON DATABASE {0} TO bursar_operator WITH GRANT OPTION;
    COMMENT ON DATABASE {0} IS 'the shop''s';
    ALTER DATABASE {0} CONNECTION LIMIT 77;
    ALTER DATABASE {0} OWNER TO bursar_operator;
"""


@dataclass(frozen=True, slots=True)
class Shop:
    """A live database under a name of its own, which a restore may rename."""

    cluster: Cluster
    name: str

    @property
    def url(self) -> str:
        return self.cluster.url(database=self.name)

    def names(self) -> set[str]:
        with psycopg.connect(self.cluster.url()) as connection:
            rows = connection.execute("SELECT datname FROM pg_database").fetchall()
        return {name for (name,) in rows if name.startswith(self.name)}

    def balance_of(self, who: str, name: str = "") -> int:
        with psycopg.connect(self.cluster.url(database=name or self.name)) as connection:
            return balance(connection, who)


@pytest.fixture
def shop(cluster: Cluster, template: str) -> Iterator[Shop]:
    """A database with a name that needs quotes; whatever is made of it is dropped afterwards."""
    made = Shop(cluster, f'Shop "{secrets.token_hex(4)}"')
    with psycopg.connect(cluster.url(), autocommit=True) as connection:
        name = sql.Identifier(made.name)
        create = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        connection.execute(create.format(name, sql.Identifier(template)))
        try:
            yield made
        finally:
            for left in made.names():
                drop = sql.SQL("DROP DATABASE {} WITH (FORCE)")
                connection.execute(drop.format(sql.Identifier(left)))


def test_the_copy_takes_the_place_of_the_live_one_and_the_way_back_brings_it_back(
    shop: Shop, tmp_path: Path
) -> None:
    with psycopg.connect(shop.url, autocommit=True) as connection:
        who = person(connection, 10)
        quoted = sql.Identifier(shop.name).as_string(connection)
        connection.execute(DATABASE_FACTS.format(quoted).encode())
    taken = take_backup(shop.url, tmp_path).path
    with psycopg.connect(shop.url, autocommit=True) as connection:
        grant_all(connection, [who], 5)
    with connected_beside(shop.url) as connection:
        before = read_database(connection, shop.name)
    assert before is not None
    assert len(before.settings) == 4

    plan = prepare(taken, shop.url)
    assert plan.outgoing is not None
    assert plan.outgoing in " ".join(plan.plan)
    outcome = restore(plan, shop.url, SETTINGS)

    assert outcome.swapped
    assert shop.names() == {shop.name, plan.outgoing}
    assert shop.balance_of(who) == 10
    assert shop.balance_of(who, plan.outgoing) == 15
    with connected_beside(shop.url) as connection:
        after = read_database(connection, shop.name)
    assert after is not None
    for facts in (before, after):
        for listed in (facts.settings, facts.grants or []):
            listed.sort(key=str)
    assert after == before
    with psycopg.connect(shop.cluster.url(SERVICE_ROLE, shop.name)) as connection:
        assert connection.execute("SHOW lock_timeout").fetchone() == ("3s",)

    assert plan.undo == f"bursar restore --back '{plan.outgoing}'"
    swap, told = plan_back(shop.url, plan.outgoing)
    carry_out(shop.url, swap)
    assert shop.balance_of(who) == 15
    assert swap.outgoing is not None
    assert swap.outgoing in told[0]
    assert shop.names() == {shop.name, swap.outgoing}


def test_sessions_are_ended_and_new_ones_find_the_copy(shop: Shop, tmp_path: Path) -> None:
    with psycopg.connect(shop.url, autocommit=True) as connection:
        who = person(connection, 10)
        taken = take_backup(shop.url, tmp_path).path
        grant_all(connection, [who], 5)
    stop, seen = threading.Event(), [list[int]() for _ in range(3)]

    def look(own: list[int]) -> None:
        """A client that connects again whenever it is thrown out, and looks without a pause."""
        deadline = time.monotonic() + AGE_SECONDS
        while not stop.is_set() and time.monotonic() < deadline:
            with contextlib.suppress(psycopg.OperationalError), psycopg.connect(shop.url) as one:
                while not stop.is_set():
                    own.append(balance(one, who))

    lookers = [threading.Thread(target=look, args=(own,)) for own in seen]
    for looker in lookers:
        looker.start()
    try:
        wait_until(lambda: all(seen))
        restore(prepare(taken, shop.url), shop.url, SETTINGS)
        wait_until(lambda: all(own[-1] == 10 for own in seen))
    finally:
        stop.set()
        for looker in lookers:
            looker.join()

    for own in seen:
        assert set(own) == {10, 15}
        assert own == sorted(own, reverse=True), "Somebody saw the old one after the new one."


def test_into_another_name_changes_nothing_that_is_there(shop: Shop, tmp_path: Path) -> None:
    taken = take_backup(shop.url, tmp_path).path
    copy = f"{shop.name} copy"

    plan = prepare(taken, shop.url, into=copy)
    outcome = restore(plan, shop.url, SETTINGS)

    assert (outcome.database, outcome.swapped, outcome.findings) == (copy, False, [])
    assert shop.names() == {shop.name, copy}
    with pytest.raises(BackupError, match=r"There is a database .* already"):
        prepare(taken, shop.url, into=copy)


def test_where_nothing_is_live_the_copy_gets_its_name_and_what_the_manifest_knows(
    shop: Shop, tmp_path: Path
) -> None:
    with psycopg.connect(shop.url, autocommit=True) as connection:
        who = person(connection, 10)
        quoted = sql.Identifier(shop.name).as_string(connection)
        connection.execute(DATABASE_FACTS.format(quoted).encode())
    taken = take_backup(shop.url, tmp_path).path
    with psycopg.connect(shop.cluster.url(), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(shop.name)))

    plan = prepare(taken, shop.url)
    outcome = restore(plan, shop.url, SETTINGS)

    assert outcome.swapped
    assert plan.undo == ""
    assert shop.names() == {shop.name}
    assert shop.balance_of(who) == 10
    with connected_beside(shop.url) as connection:
        facts = read_database(connection, shop.name)
    assert facts is not None
    assert facts.owner == "bursar_operator"
    assert [None, "bursar.environment", "production"] in facts.settings


def test_a_failure_leaves_the_live_database_and_no_copy(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = take_backup(shop.url, tmp_path).path
    plan = prepare(taken, shop.url)

    def fails(url: str, swap: Swap) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("bursar.ops.backup.beside.carry_out", fails)
    with pytest.raises(KeyboardInterrupt):
        restore(plan, shop.url, SETTINGS)

    assert shop.names() == {shop.name}


def test_a_database_that_was_never_live_is_no_way_back(shop: Shop) -> None:
    with pytest.raises(BackupError, match="There is no database nowhere to go back to"):
        plan_back(shop.url, "nowhere")
    with pytest.raises(BackupError, match="has no ledger; it was never live"):
        plan_back(shop.url, "template1")


def test_a_login_that_may_not_is_told_in_words(shop: Shop, tmp_path: Path) -> None:
    taken = take_backup(shop.url, tmp_path).path

    with pytest.raises(BackupError, match="bursar_service may not make databases"):
        prepare(taken, shop.cluster.url(SERVICE_ROLE, shop.name))


def test_roles_that_a_server_lacks_are_made_without_passwords_or_named(cluster: Cluster) -> None:
    name = f"clerk_{secrets.token_hex(4)}"
    clerk = Role(name, True, False, False, False, [SERVICE_ROLE])
    with psycopg.connect(cluster.url(), autocommit=True) as connection:
        assert missing_roles(connection, [clerk]) == [clerk]
        connection.execute("SET ROLE bursar_service")
        with pytest.raises(BackupError, match=f'CREATE ROLE "{name}" LOGIN NOINHERIT'):
            make_roles(connection, [clerk])
        connection.execute("RESET ROLE")
        try:
            said = make_roles(connection, [clerk])
            assert missing_roles(connection, [clerk]) == []
            row = connection.execute(
                "SELECT rolpassword IS NULL, pg_has_role(%s, 'bursar_service', 'MEMBER')"
                " FROM pg_authid WHERE rolname = %s",
                [name, name],
            ).fetchone()
        finally:
            connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(name)))
    assert row == (True, True)
    assert "give it one before it logs in" in said[0]
