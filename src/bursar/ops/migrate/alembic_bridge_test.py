"""The revisions, run by Alembic itself, in the way an app runs its own."""

from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import URL

from bursar.db.scratch import ScratchDatabase, scratch_database
from bursar.ops import migrate
from bursar.ops.migrate.lock import dump_schema
from bursar.ops.migrate.scratch_tree import Tree

# What `alembic init` writes, without what it does for models and offline SQL.
ENVIRONMENT = """
from alembic import context
from sqlalchemy import create_engine, pool

engine = create_engine(context.config.get_main_option("sqlalchemy.url"), poolclass=pool.NullPool)
with engine.connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"""
FUNCTION = "CREATE OR REPLACE FUNCTION ledger.f() RETURNS text LANGUAGE sql AS $$SELECT '{}%s:x'$$;"
# Alembic's own table, which the dump of a database that the runner made does not have.
BOOK = "DROP TABLE public.alembic_version"


@pytest.fixture
def app(tmp_path: Path, empty_database: ScratchDatabase) -> Config:
    """An app's Alembic directory, with the database in its configuration."""
    folder = tmp_path / "alembic"
    (folder / "versions").mkdir(parents=True)
    (folder / "env.py").write_text(ENVIRONMENT, "utf-8")
    config = Config()
    config.set_main_option("script_location", str(folder))
    config.set_main_option("path_separator", "os")
    parts = conninfo_to_dict(empty_database.url)
    url = URL.create(
        "postgresql+psycopg",
        username=str(parts["user"]),
        password=str(parts["password"]),
        database=str(parts["dbname"]),
        query={"host": str(parts["host"]), "port": str(parts["port"])},  # a socket's directory
    )
    config.set_main_option(
        "sqlalchemy.url", url.render_as_string(hide_password=False).replace("%", "%%")
    )
    return config


def versions(app: Config) -> Path:
    return Path(str(app.get_main_option("script_location"))) / "versions"


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    made = Tree(tmp_path / "tree")
    made.step(
        "0001_ledger",
        "CREATE SCHEMA ledger; CREATE TABLE ledger.wallet (id int);",
        "DROP SCHEMA ledger CASCADE;",
    )
    made.write("ledger/f.sql", FUNCTION.format(1))
    made.step(
        "0002_shop",
        "CREATE SCHEMA shop;",
        "DROP SCHEMA shop CASCADE; DROP INDEX ledger.wallet_id;",
        concurrent="CREATE INDEX CONCURRENTLY wallet_id ON ledger.wallet (id);",
    )
    made.write("shop/v.sql", "CREATE OR REPLACE VIEW shop.v AS SELECT ledger.f() AS a;")
    return made


def function(database: ScratchDatabase) -> str:
    with psycopg.connect(database.url) as connection:
        row = connection.execute("SELECT ledger.f()").fetchone()
    assert row is not None
    return str(row[0])


def test_our_own_migrations_up_verified_and_down(
    empty_database: ScratchDatabase, app: Config
) -> None:
    migrate.write_revisions(versions(app))

    command.upgrade(app, "head")

    assert migrate.status(empty_database.url).up_to_date
    assert migrate.verify(empty_database.url).holds
    command.downgrade(app, "base")

    assert all(step.standing == "pending" for step in migrate.status(empty_database.url).steps)
    with scratch_database(empty_database.cluster) as other:
        migrate.apply_all(other.url)
        migrate.down(other.url, to=0)
        with psycopg.connect(empty_database.url) as connection:
            connection.execute(BOOK)
        assert dump_schema(empty_database) == dump_schema(other)


def test_one_step_at_a_time_and_back_to_the_texts_before(
    empty_database: ScratchDatabase, app: Config, tree: Tree
) -> None:
    files = migrate.write_revisions(versions(app), source=tree.source)

    assert [file.name for file in files] == [
        "bursar_0001_ledger.py",
        "bursar_0002_shop.py",
    ]
    command.upgrade(app, "bursar_0001")
    command.upgrade(app, "head")
    assert migrate.verify(empty_database.url, source=tree.source).holds
    command.downgrade(app, "-1")

    status = migrate.status(empty_database.url, source=tree.source)
    assert [step.standing for step in status.steps] == ["applied", "pending"]
    # The runner goes on where Alembic stopped.
    migrate.up(empty_database.url, source=tree.source)
    assert migrate.verify(empty_database.url, source=tree.source).holds


def test_what_is_new_is_added_and_nothing_is_replaced(
    empty_database: ScratchDatabase, app: Config, tree: Tree
) -> None:
    first = migrate.write_revisions(versions(app), source=tree.source)
    texts = [file.read_bytes() for file in first]
    command.upgrade(app, "head")
    assert migrate.write_revisions(versions(app), source=tree.source) == []

    tree.write("ledger/f.sql", FUNCTION.format(2))
    [routines] = migrate.write_revisions(versions(app), source=tree.source)
    assert migrate.write_revisions(versions(app), source=tree.source) == []
    command.upgrade(app, "head")
    assert migrate.verify(empty_database.url, source=tree.source).holds
    command.downgrade(app, "-1")
    assert function(empty_database) == "1%s:x"
    command.upgrade(app, "head")
    assert function(empty_database) == "2%s:x"

    tree.step("0003_shop_more", "CREATE TABLE shop.more ();", "DROP TABLE shop.more;")
    [more] = migrate.write_revisions(versions(app), source=tree.source)
    tree.write("ledger/f.sql", FUNCTION.format(3))
    tree.step("0004_shop_most", "CREATE TABLE shop.most ();", "DROP TABLE shop.most;")
    both = migrate.write_revisions(versions(app), source=tree.source)
    assert [file.name.rpartition("_")[0] for file in both] == [
        "bursar_0004_shop",
        "bursar_0004_routines",
    ]
    command.upgrade(app, "head")
    assert migrate.verify(empty_database.url, source=tree.source).holds
    assert [file.read_bytes() for file in first] == texts
    assert "bursar_0002_" in routines.name
    assert 'revision = "bursar_0003"' in more.read_text("utf-8")


def test_a_revision_that_fails_leaves_nothing(
    empty_database: ScratchDatabase, app: Config, tree: Tree
) -> None:
    tree.write("shop/v.sql", "SELECT 1/0;")
    migrate.write_revisions(versions(app), source=tree.source)

    with pytest.raises(psycopg.errors.DivisionByZero):
        command.upgrade(app, "head")

    with psycopg.connect(empty_database.url) as connection:
        found = connection.execute("SELECT to_regnamespace('shop')").fetchone()
    assert found == (None,)
