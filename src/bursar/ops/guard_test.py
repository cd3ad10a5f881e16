import subprocess
import sys
import time
from collections.abc import Iterator

import psycopg
import pytest

from bursar.db.embedded import Cluster
from bursar.db.scratch import ScratchDatabase, scratch_database
from bursar.errors import Refused
from bursar.ops import migrate
from bursar.ops.guard import NotConfirmedError, NotJournaledError, guarded
from bursar.ops.production import environment_of, is_production, mark_production

ADA = "operator:ada"


@pytest.fixture(scope="module")
def journaled(cluster: Cluster, template: str) -> Iterator[ScratchDatabase]:
    """A database that the tests of this file share; each looks at the journal's newest row."""
    with scratch_database(cluster, template) as made:
        yield made


def newest(database: ScratchDatabase) -> tuple[object, ...]:
    row = (
        database.connect()
        .execute(
            "SELECT command, actor, role, plan, status, result, ended_at >= started_at"
            " FROM bursar.operation ORDER BY started_at DESC LIMIT 1"
        )
        .fetchone()
    )
    assert row is not None
    return row


def test_what_was_done_is_kept_with_who_and_how_it_ended(journaled: ScratchDatabase) -> None:
    with guarded(
        journaled.url, command="bursar wallet grant", plan=["one", "two"], actor=ADA
    ) as operation:
        assert newest(journaled)[4:6] == ("running", None)
        operation.result = "It went well."

    assert newest(journaled) == (
        *("bursar wallet grant", ADA, "bursar_admin", ["one", "two"]),
        *("done", "It went well.", True),
    )


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (Refused("WALLET_FROZEN"), "WALLET_FROZEN: "),
        (psycopg.OperationalError("at postgresql://a:s3cret@h/d"), "at postgresql://a:***@h/d"),
        (KeyboardInterrupt(), "It was interrupted."),
        (RuntimeError(), "RuntimeError"),
    ],
)
def test_what_failed_is_kept_in_a_sentence(
    journaled: ScratchDatabase, error: BaseException, sentence: str
) -> None:
    with pytest.raises(type(error)), guarded(journaled.url, command="c", plan=["p"], actor=ADA):
        raise error

    assert newest(journaled)[4] == "failed"
    assert str(newest(journaled)[5]).startswith(sentence)


def test_no_password_is_written_down(journaled: ScratchDatabase) -> None:
    url = "postgresql://ann:s3cret@db/app"
    with guarded(
        journaled.url, command=f"bursar restore {url}", plan=[f"from {url}"], actor=ADA
    ) as operation:
        operation.result = f"password=s3cret was used at {url}"

    assert "s3cret" not in str(newest(journaled))


def test_who_is_killed_has_not_ended(journaled: ScratchDatabase) -> None:
    script = (
        "import sys, time; from bursar.ops.guard import guarded\n"
        "with guarded(sys.argv[1], command='killed', plan=['p'], actor='a'):\n"
        "    print('inside', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, journaled.url], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "inside\n"
    process.kill()
    process.communicate(timeout=30)

    assert newest(journaled)[0] == "killed"
    assert newest(journaled)[4:] == ("running", None, None)


def test_an_operation_ends_once_and_stays_as_it_was(journaled: ScratchDatabase) -> None:
    with guarded(journaled.url, command="c", plan=["p"], actor=ADA):
        pass
    admin = journaled.connect()

    for change in (
        "UPDATE bursar.operation SET status = 'failed'",
        "UPDATE bursar.operation SET actor = 'somebody'",
        "UPDATE bursar.operation SET result = 'well' WHERE status = 'done'",
        "DELETE FROM bursar.operation",
        "TRUNCATE bursar.operation",
    ):
        with pytest.raises(psycopg.errors.RestrictViolation):
            admin.execute(change.encode())


def test_the_journal_is_written_by_operators_and_read_by_the_service(
    journaled: ScratchDatabase,
) -> None:
    with (
        pytest.raises(NotJournaledError, match="nothing was done"),
        guarded(journaled.service_url, command="c", plan=["p"], actor=ADA),
    ):
        pytest.fail("It was let in.")

    service = journaled.connect("service_role")
    assert service.execute("SELECT count(*) > 0 FROM bursar.operation").fetchone() == (True,)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        service.execute("INSERT INTO bursar.operation DEFAULT VALUES")
    operator = journaled.connect("bursar_operator")
    operator.execute(
        "SELECT bursar.begin_operation(gen_random_uuid(), 'by an operator', 'a', '{p}')"
    )


def test_a_database_that_took_the_place_of_another_has_the_whole_operation(
    cluster: Cluster, template: str
) -> None:
    with (
        scratch_database(cluster, template) as live,
        scratch_database(cluster, template) as restored,
        psycopg.connect(cluster.url(), autocommit=True) as admin,
    ):

        def rename(*names: tuple[str, str]) -> None:
            for old, new in names:
                admin.execute(f"ALTER DATABASE {old} RENAME TO {new}".encode())

        with guarded(live.url, command="bursar restore", plan=["swap"], actor=ADA):
            rename((live.name, f"{live.name}_before"), (restored.name, live.name))
        kept = newest(live)
        live.close()
        rename((live.name, restored.name), (f"{live.name}_before", live.name))

    assert kept == ("bursar restore", ADA, "bursar_admin", ["swap"], "done", None, True)


def test_the_first_migration_is_kept_at_its_end(
    empty_database: ScratchDatabase,
) -> None:
    with guarded(empty_database.url, command="bursar migrate up", plan=["all"], actor=ADA):
        time.sleep(0.01)
        migrate.apply_all(empty_database.url)

    assert newest(empty_database) == (
        *("bursar migrate up", ADA, "bursar_admin", ["all"]),
        *("done", None, True),
    )


@pytest.mark.postgres_versions("15", "18")
def test_the_mark_is_the_databases_and_no_session_can_take_it_away(
    empty_database: ScratchDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PROD_CONFIRM", raising=False)
    admin = empty_database.connect()
    assert environment_of(admin) == ""

    mark_production(admin, True)
    admin.execute("SET bursar.environment = 'toy'")

    assert is_production(admin)
    assert is_production(empty_database.connect())
    with (
        pytest.raises(NotConfirmedError, match=f"--confirm {empty_database.name}") as refused,
        guarded(empty_database.url, command="c", plan=["p"], confirm="x", actor=ADA),
    ):
        pytest.fail("It was let in.")
    assert refused.value.plan == ("p",)
    with guarded(
        empty_database.url, command="c", plan=["p"], confirm=empty_database.name, actor=ADA
    ):
        pass
    mark_production(admin, False)
    assert not is_production(admin)


def test_a_mark_of_another_database_or_of_a_role_is_none(
    empty_database: ScratchDatabase,
) -> None:
    admin = empty_database.connect()
    role = f"owner_of_{empty_database.name}"
    admin.execute(f"CREATE ROLE {role}".encode())
    try:
        admin.execute(f"ALTER ROLE {role} SET bursar.environment = 'production'".encode())
        assert not is_production(admin)
        admin.execute(
            f"ALTER DATABASE {empty_database.name} SET bursar.environment = 'Production '".encode()
        )
        assert is_production(admin)
    finally:
        admin.execute(f"DROP ROLE {role}".encode())


@pytest.mark.postgres_versions("15", "18")
def test_an_owner_who_is_no_superuser_marks_the_comment_and_leaves_the_rest_of_it(
    empty_database: ScratchDatabase,
) -> None:
    name = empty_database.name
    admin, owner = empty_database.connect(), empty_database.connect(autocommit=False)
    admin.execute(f"COMMENT ON DATABASE {name} IS 'The shop.\nAsk Ada.'".encode())
    admin.execute(f"CREATE ROLE owner_of_{name}".encode())
    try:
        admin.execute(f"ALTER DATABASE {name} OWNER TO owner_of_{name}".encode())
        owner.execute(f"SET ROLE owner_of_{name}".encode())

        mark_production(owner, True)
        mark_production(owner, True)
        owner.commit()
        marked = is_production(admin), comment_of(admin)
        mark_production(owner, False)
        owner.commit()

        assert marked == (True, "The shop.\nAsk Ada.\nbursar.environment = production")
        assert (is_production(admin), comment_of(admin)) == (False, "The shop.\nAsk Ada.")
    finally:
        owner.close()
        admin.execute(f"ALTER DATABASE {name} OWNER TO CURRENT_USER".encode())
        admin.execute(f"DROP ROLE owner_of_{name}".encode())


def comment_of(connection: psycopg.Connection) -> object:
    row = connection.execute(
        "SELECT shobj_description(oid, 'pg_database') FROM pg_database"
        " WHERE datname = current_database()"
    ).fetchone()
    return row and row[0]
