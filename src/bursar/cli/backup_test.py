"""`bursar backup` and `bursar restore` as scripts see them: words, JSON, exit codes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from typer.testing import CliRunner, Result

from bursar.cli import conftest, root
from bursar.db.scratch import ScratchDatabase
from tests.store import balance, grant_all, person

_SMALL_FILES = (
    "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000));"
    "from bursar.cli import main; main()"
)


@pytest.fixture
def shop(
    database: ScratchDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> ScratchDatabase:
    """A database that the commands find in the environment; backups go below a new directory."""
    ours = conftest.environment
    monkeypatch.setattr(
        conftest,
        "environment",
        lambda **more: ours(**{"BURSAR_DATABASE_URL": database.url, **more}),
    )
    monkeypatch.setenv("BURSAR_DATABASE_URL", database.url)
    monkeypatch.chdir(tmp_path)
    return database


def run(*words: str) -> Result:
    """Run a command in this process, which takes a second less than a new one."""
    return CliRunner().invoke(root.app, list(words))


def run_json(*words: str) -> Any:
    done = run(*words, "--json")
    assert done.exit_code == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def drop(database: ScratchDatabase, name: str) -> None:
    with psycopg.connect(database.cluster.url(), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def test_a_backup_is_taken_listed_verified_restored_and_taken_back(
    shop: ScratchDatabase, tmp_path: Path
) -> None:
    with shop.connect() as connection:
        who = person(connection, 10)

    taken = run_json("backup")
    path = Path(taken["file"])
    assert path.parent == Path("backups")
    assert taken["verified"] is False
    verified = run_json("backup", "verify", str(path))
    assert verified["verified"] is True
    assert verified["findings"] == []
    listed = run("backup", "list")
    assert path.name in listed.stdout
    assert "not yet" not in listed.stdout
    with shop.connect() as connection:
        (kept,) = connection.execute("SELECT result FROM bursar.operation").fetchall()
    assert f"{path.name} is verified" in kept[0]
    with shop.connect() as connection:
        grant_all(connection, [who], 5)
    shop.close()

    restored = run("restore", str(path))
    assert restored.exit_code == 0, restored.stderr
    assert "Plan:" in restored.stderr
    assert "verified) into" in restored.stderr
    way_back = next(line for line in restored.stdout.splitlines() if "The way back: " in line)
    outgoing = way_back.split()[-1]
    with psycopg.connect(shop.url) as connection:
        assert balance(connection, who) == 10
        commands = connection.execute("SELECT command, status FROM bursar.operation").fetchall()
    assert commands == [(f"bursar restore {path}", "done")]

    back = run_json("restore", "--back", outgoing)
    with psycopg.connect(shop.url) as connection:
        assert balance(connection, who) == 15
    drop(shop, back["kept"])


def test_older_ones_go_and_the_verified_one_stays(shop: ScratchDatabase) -> None:
    first = run_json("backup", "--schema-only", "--to", "elsewhere")
    second = run_json("backup", "--schema-only", "--to", "elsewhere", "--keep", "1")

    assert second["removed"] == [first["file"]]
    assert [one["file"] for one in run_json("backup", "list", "elsewhere")] == [second["file"]]


def test_what_cannot_be_done_is_said_and_ends_as_scripts_expect(
    shop: ScratchDatabase, tmp_path: Path
) -> None:
    (tmp_path / "backup_20260101_000000.dump").write_bytes(b"")

    for words, code, command in (
        ("is empty", 1, ["backup", "verify", "backup_20260101_000000.dump"]),
        ("Name a file to restore, or a database", 2, ["restore"]),
    ):
        done = run(*command)
        assert (done.exit_code, words in done.stderr) == (code, True), done.stderr
    with psycopg.connect(shop.cluster.url()) as connection:
        rows = connection.execute(
            "SELECT count(*) FROM pg_database WHERE starts_with(datname, %s)", [shop.name]
        ).fetchone()
    assert rows == (1,)


def test_a_file_that_may_not_grow_so_large_is_told_and_nothing_is_left(
    shop: ScratchDatabase, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _SMALL_FILES, "backup", "--json"],
        env=conftest.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 1, done.stderr
    assert "its file became larger than this account may write" in json.loads(done.stdout)["error"]
    assert list((tmp_path / "backups").iterdir()) == []


def test_one_that_is_told_to_stop_leaves_nothing_behind(
    shop: ScratchDatabase, tmp_path: Path
) -> None:
    holder = shop.connect(autocommit=False)
    holder.execute("LOCK TABLE public.rewards IN ACCESS EXCLUSIVE MODE")
    process = subprocess.Popen(
        [*conftest.PROGRAM, "backup"],
        env=conftest.environment(),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    waiting = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'"
    )
    watch = shop.connect()
    deadline = time.monotonic() + 60
    while watch.execute(waiting, [shop.name]).fetchone() == (0,):
        assert time.monotonic() < deadline, "pg_dump never came to the table."
        time.sleep(0.02)

    command = ["ps", "-o", "pid=", "--ppid", str(process.pid)]
    (pg_dump,) = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    os.kill(process.pid, signal.SIGTERM)
    said = process.communicate(timeout=30)[1]

    assert process.returncode == 1
    assert "Stopped. Nothing was left behind." in said
    assert list((tmp_path / "backups").iterdir()) == []
    assert not Path(f"/proc/{pg_dump}").exists(), "pg_dump goes on by itself."
