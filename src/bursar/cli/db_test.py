import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from bursar.cli.conftest import Up, free_port, run, run_json
from bursar.db.embedded import Cluster, open_cluster


@pytest.fixture
def stopped(tmp_path: Path) -> Iterator[Cluster]:
    """A cluster that was made and stopped, with the database that `bursar up` would have made."""
    cluster = open_cluster(tmp_path / "data", settings={"fsync": "off"})
    cluster.create_database("bursar")
    cluster.stop()
    yield cluster
    cluster.remove()


def url_of(data: Path, *more: str) -> str:
    done = run("db", "url", "--data", str(data), *more)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_url_leads_psql_and_psycopg_to_the_running_deployment(running: Up) -> None:
    url = url_of(running.data)

    psql = str(running.cluster.psql_path)
    said = subprocess.run(
        [psql, url, "-Atc", "SELECT current_user, count(*) > 0 FROM public.rewards"],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    ).stdout
    assert said == "bursar_admin|t\n"
    with psycopg.connect(url_of(running.data, "--role", "bursar_service")) as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("bursar_service",)
    running.wait_until_healthy()  # Printing a URL does not stop the server.


def test_psql_opens_beside_the_running_deployment(running: Up) -> None:
    done = run("db", "psql", "--data", str(running.data), "-Atc", "SELECT 6 * 7")
    failing = run("db", "psql", "--data", str(running.data), "-c", "SELECT nonsense")

    assert (done.returncode, done.stdout) == (0, "42\n"), done.stderr
    assert failing.returncode == 1
    running.wait_until_healthy()


def test_a_server_in_use_is_not_stopped(running: Up) -> None:
    done = run("db", "stop", "--data", str(running.data))

    assert done.returncode == 1
    assert str(running.process.pid) in done.stderr
    running.wait_until_healthy()
    assert running.process.pid in run_json("db", "status", "--data", str(running.data))["users"]


def test_start_status_and_stop(stopped: Cluster, tmp_path: Path) -> None:
    data = ("--data", str(tmp_path / "data"))

    assert run_json("db", "status", *data, code=6)["running"] is False
    assert run_json("db", "start", *data)["started"] is True
    assert stopped.is_running(), "it must outlive the command"
    assert run_json("db", "start", *data)["started"] is False
    assert run_json("db", "status", *data)["pid"] == stopped.pid
    assert run_json("db", "stop", *data)["stopped"] is True
    assert not stopped.is_running()
    assert run_json("db", "stop", *data)["stopped"] is False


def test_the_url_of_a_stopped_server_starts_it(stopped: Cluster, tmp_path: Path) -> None:
    url = url_of(tmp_path / "data")

    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_psql_stops_the_server_that_it_started(stopped: Cluster, tmp_path: Path) -> None:
    done = run("db", "psql", "--data", str(tmp_path / "data"), "-Atc", "SELECT 1")

    assert done.stdout == "1\n", done.stderr
    assert not stopped.is_running()


@pytest.mark.parametrize("command", ["url", "psql", "start", "stop", "status"])
def test_nothing_is_made_where_there_is_no_database(command: str, tmp_path: Path) -> None:
    done = run("db", command, "--data", str(tmp_path / "nothing"))

    assert done.returncode == 6
    assert "There is no database in" in done.stderr
    assert not (tmp_path / "nothing").exists()


def test_a_named_directory_beats_the_environment_and_the_environment_the_default(
    running: Up,
) -> None:
    elsewhere = f"postgresql://somebody@127.0.0.1:{free_port()}/elsewhere"

    named = run("db", "url", "--data", str(running.data), BURSAR_DATABASE_URL=elsewhere)
    default = run("db", "url", BURSAR_DATABASE_URL=elsewhere)

    assert "bursar_admin" in named.stdout
    assert default.stdout.strip() == elsewhere
