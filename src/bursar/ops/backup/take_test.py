"""A backup is whole, private, and of one moment; its manifest says what it holds."""

import json
import os
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from bursar.db.binaries import client_programs
from bursar.db.fault import ClusterError
from bursar.db.libpq import libpq_environment
from bursar.db.scratch import ScratchDatabase
from bursar.ops.backup import (
    BackupError,
    Hidden,
    latest_verified_of,
    take,
    take_backup,
    verify_backup,
)
from bursar.ops.backup.files import manifest_path
from bursar.settings import Settings
from tests.busy_ledger import keep_busy
from tests.ledger_in_sql import Ledger
from tests.store import person


def test_a_backup_of_everything_is_private_and_restores_to_the_same(
    ledger: Ledger, tmp_path: Path
) -> None:
    keep_busy(ledger)
    ledger.admin.execute("CREATE TABLE public.times (id int, at timestamptz, name text)")
    ledger.admin.execute("INSERT INTO public.times VALUES (1, now(), 'é'), (2, NULL, NULL)")
    directory = tmp_path / "new" / "backups"

    taken = take_backup(ledger.database.url, directory)

    assert taken.path.name.startswith("backup_20")
    assert {path.stat().st_mode & 0o777 for path in directory.iterdir()} == {0o600}
    assert directory.stat().st_mode & 0o777 == 0o700
    assert sorted(directory.iterdir()) == [taken.path, manifest_path(taken.path)]
    contents = taken.manifest.contents
    for table in ("bursar.entry", "public.leads", "bursar_meta.step", "public.times"):
        query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(*table.split(".")))
        (count,) = ledger.admin.execute(query).fetchone() or (0,)
        assert contents.tables[table].rows == count > 0
    url = ledger.database.url
    assert latest_verified_of(url, directory) is None
    verified = verify_backup(taken.path, url, Settings())
    assert verified.verification.findings == []
    found = latest_verified_of(url, directory)
    assert found is not None
    assert found.path == taken.path
    assert latest_verified_of(ledger.database.cluster.url(), directory) is None
    assert latest_verified_of(url, directory, within=timedelta()) is None
    assert json.loads(manifest_path(taken.path).read_text())["verification"]["verified"]


@pytest.mark.postgres_versions("15")
def test_a_newer_pg_dump_serves_an_older_server(
    database: ScratchDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It sets what the older one does not have; that is all that the older one refuses."""
    newest = {name: [client_programs(name)[-1]] for name in ("pg_dump", "pg_restore")}
    assert newest["pg_dump"][0][0] > 15
    monkeypatch.setattr("bursar.db.binaries.client_programs", lambda name: newest[name])

    taken = take_backup(database.url, tmp_path)
    verified = verify_backup(taken.path, database.url, Settings())

    assert verified.verification.findings == []
    assert verified.verification.server_version.startswith("15.")


def test_a_schema_backup_is_sql_without_rows(database: ScratchDatabase, tmp_path: Path) -> None:
    taken = take_backup(database.url, tmp_path, schema_only=True)

    assert taken.path.name.startswith("schema_backup_20")
    text = taken.path.read_text()
    assert "CREATE TABLE bursar.entry" in text
    assert "COPY " not in text
    verified = verify_backup(taken.path, database.url, Settings())
    assert verified.verification.findings == []


def test_the_password_is_in_no_command_line(
    database: ScratchDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[list[str]] = []
    password = libpq_environment(database.url)["PGPASSWORD"]
    real = subprocess.Popen

    def watched(command: list[str], **options: Any) -> Any:
        started.append([str(word) for word in command])
        if "--version" not in command:
            assert options["env"]["PGPASSWORD"] == password
        return real(command, **options)

    monkeypatch.setattr("bursar.ops.backup.programs.subprocess.Popen", watched)
    taken = take_backup(database.url, tmp_path)

    assert started
    assert all(password not in word for words in started for word in words)
    assert password not in manifest_path(taken.path).read_text()


def test_a_login_that_does_not_see_every_row_is_told_before_anything_is_written(
    database: ScratchDatabase, tmp_path: Path
) -> None:
    with pytest.raises(Hidden) as raised:
        take_backup(database.service_url, tmp_path)

    said = str(raised.value)
    assert "The login bursar_service does not see every row of bursar." in said
    assert "BYPASSRLS" in said
    assert list(tmp_path.iterdir()) == []


def test_a_table_that_somebody_holds_is_waited_for_and_then_told(
    database: ScratchDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(take, "LOCK_SECONDS", 1)
    holder = database.connect(autocommit=False)
    holder.execute("LOCK TABLE public.rewards IN ACCESS EXCLUSIVE MODE")

    with pytest.raises(BackupError, match="Somebody held a table for more than 1 s"):
        take_backup(database.url, tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_no_program_that_is_new_enough_is_told(
    database: ScratchDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bursar.db.binaries.client_programs", lambda name: [(14, Path("/x"))])

    with pytest.raises(ClusterError) as raised:
        take_backup(database.url, tmp_path)

    assert "or newer was not found; the newest at hand is 14" in str(raised.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="Only root can mount a small disk.")
def test_a_full_disk_is_told_and_nothing_is_left_behind(
    database: ScratchDatabase, tmp_path: Path
) -> None:
    mount = [shutil.which("mount") or "mount", "-t", "tmpfs", "-o", "size=300k", "small"]
    if subprocess.run([*mount, tmp_path], capture_output=True, check=False).returncode != 0:
        pytest.skip("This machine lets nobody mount.")
    try:
        with pytest.raises(BackupError, match=r"its disk is full \(\d+ MB are free there\)"):
            take_backup(database.url, tmp_path)

        assert list(tmp_path.iterdir()) == []
    finally:
        subprocess.run([shutil.which("umount") or "umount", tmp_path], check=True)


def test_digests_do_not_depend_on_order_settings_or_other_tables(
    database: ScratchDatabase, tmp_path: Path
) -> None:
    with database.connect() as connection:
        person(connection, 5)
        connection.execute("CREATE TABLE public.one (t timestamptz, f float8, b bytea)")
        connection.execute("CREATE TABLE public.two (LIKE public.one)")
        rows = "('2026-01-02 03:04+00'::timestamptz, 0.1::float8 + 0.2, '\\x00ff'::bytea)"
        other = "(NULL, 'NaN'::float8, ''::bytea)"
        connection.execute(f"INSERT INTO public.one VALUES {rows}, {other}, {other}".encode())
        connection.execute(f"INSERT INTO public.two VALUES {other}, {rows}, {other}".encode())
        plain = take_backup(database.url, tmp_path).manifest.contents.tables
        name = sql.Identifier(database.name)
        for setting in (
            sql.SQL("timezone = 'Asia/Kolkata'"),
            sql.SQL("datestyle = 'German'"),
            sql.SQL("bytea_output = 'escape'"),
            sql.SQL("extra_float_digits = 0"),
        ):
            connection.execute(sql.SQL("ALTER DATABASE {} SET {}").format(name, setting))

    tables = take_backup(database.url, tmp_path).manifest.contents.tables

    assert tables["public.one"] == tables["public.two"] == plain["public.two"]
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute("DELETE FROM public.two WHERE ctid = (SELECT max(ctid) FROM public.two)")
    again = take_backup(database.url, tmp_path).manifest.contents.tables
    assert again["public.one"] == tables["public.one"]
    assert again["public.two"].digest != tables["public.two"].digest
