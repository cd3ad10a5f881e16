"""Where a password comes from, and that nobody ever sees it again."""

import contextlib
import os
import pty
import secrets
import select
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from typer.testing import CliRunner, Result

from bursar.cli import conftest, root
from bursar.cli.conftest import PROGRAM
from bursar.cli.login import login
from bursar.db.embedded import Cluster
from bursar.db.scratch import ScratchDatabase, scratch_database

PASSWORD = "S3cret@/:%" + secrets.token_hex(6)  # with every sign that a URL trips over
PROMPT_SECONDS = 60.0


class Operated:
    """A database with an operator of its own, who needs a password."""

    def __init__(self, database: ScratchDatabase, role: str) -> None:
        self.database = database
        self.role = role
        parts = conninfo_to_dict(database.url)
        self.where = f"/{database.name}?host={quote(str(parts['host']))}&port={parts['port']}"
        self.url = f"postgresql://{role}@{self.where}"


@pytest.fixture(scope="module")
def operated(cluster: Cluster, template: str) -> Iterator[Operated]:
    role = f"owner_of_{secrets.token_hex(4)}"
    with scratch_database(cluster, template) as database:
        admin = database.connect()
        name = sql.Identifier(role)
        admin.execute(
            sql.SQL("CREATE ROLE {} LOGIN SUPERUSER PASSWORD {}").format(
                name, sql.Literal(PASSWORD)
            )
        )
        try:
            yield Operated(database, role)
        finally:
            admin.execute(sql.SQL("DROP ROLE {}").format(name))


@pytest.fixture(autouse=True)
def plain(operated: Operated, monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment in which no password is to be found."""
    for name in ("PGPASSWORD", "PGPASSFILE", "PGUSER", "PROD_CONFIRM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/nonexistent")
    monkeypatch.setenv("BURSAR_DATABASE_URL", operated.url)


def grant(*more: str) -> Result:
    return CliRunner().invoke(root.app, ["wallet", "grant", "ann", "5", "--asset", "gem", *more])


def seen(operated: Operated, *results: Result) -> str:
    """All that was said, and all that the journal keeps."""
    said = "".join(one.stdout + one.stderr + str(one.exception) for one in results)
    admin = operated.database.connect()
    kept = admin.execute("SELECT coalesce(string_agg(o::text, ' '), '') FROM bursar.operation o")
    return said + str(kept.fetchall())


def test_libpq_finds_it_in_the_environment_and_in_a_file(
    operated: Operated, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    operated.database.connect().execute("SELECT bursar.register_asset('gem')")
    nowhere = grant()

    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    variable = grant()
    monkeypatch.delenv("PGPASSWORD")
    file = tmp_path / "pgpass"
    escaped = PASSWORD.replace("\\", "\\\\").replace(":", "\\:")
    file.write_text(f"*:*:*:{operated.role}:{escaped}\n", "utf-8")
    file.chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(file))
    passfile = grant("--json")
    monkeypatch.delenv("PGPASSFILE")
    in_url = f"postgresql://{operated.role}:{quote(PASSWORD, safe='')}@{operated.where}"
    monkeypatch.setenv("BURSAR_DATABASE_URL", in_url)
    url = grant()
    option = CliRunner().invoke(root.app, ["migrate", "up", "--database-url", in_url])

    assert nowhere.exit_code == 6
    results = (variable, passfile, url, option)
    assert [one.exit_code for one in results] == [0, 0, 0, 0], [one.stderr for one in results]
    told = seen(operated, nowhere, *results)
    assert operated.role in told
    assert "bursar migrate up --database-url …" in told
    assert PASSWORD not in told
    assert quote(PASSWORD, safe="") not in told


def test_it_is_asked_for_where_somebody_sits_and_never_shown(operated: Operated) -> None:
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [*PROGRAM, "production", "status"],
        env=conftest.environment(BURSAR_DATABASE_URL=operated.url),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    deadline = time.monotonic() + PROMPT_SECONDS
    said = read_until(master, b"Password of", deadline)
    os.write(master, PASSWORD.encode() + b"\n")
    said += read_until(master, b"database", deadline)
    with contextlib.suppress(OSError):
        said += os.read(master, 65536)

    assert process.wait(timeout=PROMPT_SECONDS) == 0, said
    os.close(master)
    assert operated.database.name.encode() in said
    assert PASSWORD.encode() not in said


def test_where_nobody_sits_nobody_is_asked(operated: Operated) -> None:
    assert login(operated.url) == operated.url


@pytest.mark.parametrize(
    "url",
    [
        "postgresql//ann:s3cret@db/app",
        "postgresql://ann:s3cret@x@db/app",
        "postgresql://ann:s3cret/x@db/app",
        "postgresql://ann:x/s3cret@db/app",
        "postgresql://ann:s3cret%zz@db/app",
        "host=db password=s3cret x",
    ],
)
def test_an_unreadable_url_is_not_repeated(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURSAR_DATABASE_URL", url)
    runner = CliRunner()

    for command in (
        ["wallet", "show", "ann"],
        ["migrate", "status"],
        ["migrate", "up", "--database-url", url],
        ["production", "on", "--json"],
        ["doctor"],
        ["audit"],
        ["db", "url"],
    ):
        done = runner.invoke(root.app, command)
        said = done.stdout + done.stderr + str(done.exception)

        assert done.exit_code == 2, said
        assert "s3cret" not in said, command


def test_a_wrong_password_is_not_repeated(
    operated: Operated, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", "wr0ng-one")

    done = grant()

    assert done.exit_code == 6
    assert "password authentication failed" in done.stderr
    assert "wr0ng-one" not in seen(operated, done)


def read_until(descriptor: int, sign: bytes, deadline: float) -> bytes:
    said = b""
    while sign not in said:
        ready, _, _ = select.select([descriptor], [], [], max(0, deadline - time.monotonic()))
        assert ready, f"It said only {said!r}."
        said += os.read(descriptor, 65536)
    return said
