"""The migrations build what `schema.lock.sql` says; down and up again leads there too."""

import re
from pathlib import Path

import psycopg
import pytest

from bursar.db.embedded import Cluster
from bursar.db.scratch import ScratchDatabase
from bursar.ops import migrate
from bursar.ops.migrate.lock import (
    LOCK_FILE,
    VERSION,
    built_schema,
    difference,
    dump_schema,
    main,
)

ROOT = Path(__file__).parents[1]
# What the way down leaves: the runner's memory, and schema auth, which others may use.
LEFT_BY_DOWN = {"auth", "bursar_meta"}
MADE = re.compile(r"^CREATE OR REPLACE (?:FUNCTION|VIEW) (\w+\.\w+)", re.MULTILINE)


@pytest.mark.postgres_versions(VERSION)
def test_the_migrations_build_the_locked_schema(cluster: Cluster, postgres_version: str) -> None:
    built = built_schema(cluster)

    found = (ROOT / LOCK_FILE).read_text("utf-8")

    changes = difference(found, built, str(LOCK_FILE))
    assert not changes, f"Run python -m bursar.ops.migrate.lock and look at this:\n{changes}"


def test_the_lock_command_writes_a_file_and_finds_an_edit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "lock.sql"

    assert main(["--file", str(file)]) == 0
    assert main(["--check", "--file", str(file)]) == 0
    file.write_text(file.read_text("utf-8").replace("CREATE SCHEMA bursar;", ""), "utf-8")
    assert main(["--check", "--file", str(file)]) == 1

    assert "+CREATE SCHEMA bursar;" in capsys.readouterr().out


@pytest.mark.postgres_versions("15", "18")
def test_up_down_up_gives_the_same_schema(empty_database: ScratchDatabase) -> None:
    migrate.apply_all(empty_database.url)
    first = dump_schema(empty_database)

    migrate.down(empty_database.url, to=0)
    left = objects_left(empty_database)
    migrate.apply_all(empty_database.url)

    assert left == set()
    assert difference(first, dump_schema(empty_database), "after the first up") == ""
    assert migrate.verify(empty_database.url).holds


@pytest.mark.postgres_versions("15", "18")
def test_each_step_can_be_undone_and_applied_again(empty_database: ScratchDatabase) -> None:
    migrate.apply_all(empty_database.url)
    first = dump_schema(empty_database)

    source = migrate.Source.load()
    steps = source.steps
    earlier = [0, *(step.number for step in steps[:-1])]
    for step, before in reversed(list(zip(steps, earlier, strict=True))):
        migrate.down(empty_database.url, to=before)
        left = objects_left(empty_database) & made_by_routines(
            source,
            {routine.room for routine in source.routines}
            - {kept.room for kept in steps if kept.number <= before},
        )
        assert left == set(), f"{step.name} leaves functions behind"
        migrate.apply_all(empty_database.url)

        changes = difference(first, dump_schema(empty_database), "before")
        assert not changes, f"{step.name}: {changes}"


@pytest.mark.postgres_versions("15", "18")
def test_a_wallet_without_entries_outlives_the_ledger_with_its_guard(
    empty_database: ScratchDatabase,
) -> None:
    migrate.apply_all(empty_database.url)
    with psycopg.connect(empty_database.url, autocommit=True) as connection:
        connection.execute("INSERT INTO public.user_credits (user_id) VALUES (gen_random_uuid())")

        migrate.down(empty_database.url, to=0)

        with pytest.raises(psycopg.errors.CheckViolation, match="cannot be negative"):
            connection.execute("UPDATE public.user_credits SET balance = -1")
        migrate.apply_all(empty_database.url)
        assert connection.execute("SELECT balance FROM public.user_credits").fetchall() == [(0,)]
    assert migrate.verify(empty_database.url).holds


@pytest.mark.postgres_versions("15", "18")
def test_the_ledger_alone_can_be_installed(empty_database: ScratchDatabase) -> None:
    migrate.apply_all(empty_database.url, rooms=["ledger"])

    status = migrate.status(empty_database.url)

    assert status.up_to_date
    assert {step.room for step in status.steps if step.standing == "applied"} == {
        "ledger",
        "ops",
        "adoption",
    }


@pytest.mark.postgres_versions("15", "18")
def test_an_owner_who_is_no_superuser_can_install_everything(
    empty_database: ScratchDatabase, template: str
) -> None:
    """As on Supabase: the roles exist already, and the owner of the database is no superuser."""
    owner = f"owner_of_{empty_database.name}"
    with psycopg.connect(empty_database.url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {owner} LOGIN CREATEROLE".encode())
        connection.execute(
            "GRANT anon, authenticated, service_role, bursar_service, bursar_operator"
            f" TO {owner} WITH ADMIN OPTION".encode()
        )
        connection.execute(f"ALTER DATABASE {empty_database.name} OWNER TO {owner}".encode())
        empty_database.cluster.give_password(owner)
        try:
            url = empty_database.cluster.url(owner, empty_database.name)

            migrate.apply_all(url)

            assert migrate.verify(url).holds
        finally:
            connection.execute(f"DROP OWNED BY {owner} CASCADE".encode())
            connection.execute(f"REASSIGN OWNED BY {owner} TO CURRENT_USER".encode())
            connection.execute(f"DROP ROLE {owner}".encode())


def made_by_routines(source: migrate.Source, rooms: set[str]) -> set[str]:
    """Name every function and view that a file of these rooms makes."""
    return {
        name
        for routine in source.routines
        if routine.room in rooms
        for name in MADE.findall(routine.text)
    }


def objects_left(database: ScratchDatabase) -> set[str]:
    """Name every relation, function and type outside the system's schemas and those that stay."""
    with psycopg.connect(database.url) as connection:
        rows = connection.execute(
            """
            SELECT n.nspname, o.name
            FROM (
                SELECT relnamespace, relname FROM pg_catalog.pg_class
                UNION ALL SELECT pronamespace, proname FROM pg_catalog.pg_proc
                UNION ALL SELECT typnamespace, typname FROM pg_catalog.pg_type
            ) AS o (namespace, name)
            JOIN pg_catalog.pg_namespace AS n ON n.oid = o.namespace
            WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
            """
        ).fetchall()
    return {f"{schema}.{name}" for schema, name in rows if schema not in LEFT_BY_DOWN}
