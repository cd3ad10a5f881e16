"""An embedded cluster keeps its data, keeps strangers out, and survives what happens to it."""

import os
import shutil
import signal
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from bursar.db.account import server_account
from bursar.db.embedded import ADMIN_ROLE, Cluster
from bursar.db.fault import ClusterError
from bursar.db.place import Place

FAST = {"fsync": "off", "shared_buffers": "16MB"}


@pytest.fixture
def ground() -> Iterator[Path]:
    """A directory that the server's account can pass through, unlike pytest's own."""
    directory = Path(tempfile.mkdtemp(prefix="bursar-embedded-"))
    directory.chmod(0o711)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def cluster(ground: Path) -> Iterator[Cluster]:
    """A started cluster of the test's own."""
    made = Cluster(ground / "db", settings=FAST)
    try:
        yield made.start()
    finally:
        made.remove()


def execute(cluster: Cluster, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(cluster.url(), autocommit=True) as connection:
        cursor = connection.execute(query.encode())
        return cursor.fetchall() if cursor.description else []


def kill_server(cluster: Cluster) -> int:
    """Kill the server without giving it a moment to end, and its children none to notice."""
    pid = cluster.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    return pid


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_restart_keeps_the_data(cluster: Cluster) -> None:
    execute(cluster, "CREATE TABLE kept AS SELECT 42 AS value")
    cluster.stop()
    assert not cluster.is_running()
    assert "database system is shut down" in cluster.log_path.read_text()
    cluster.start()
    assert execute(cluster, "SELECT value FROM kept") == [(42,)]


def test_starting_twice_is_starting_once(cluster: Cluster) -> None:
    pid = cluster.pid
    cluster.start()
    assert cluster.pid == pid
    assert cluster.users() == [os.getpid()]
    cluster.stop()
    assert not cluster.is_running()
    cluster.stop()


def test_without_overrides_nothing_acknowledged_can_be_lost(ground: Path) -> None:
    cluster = Cluster(ground / "db")
    try:
        cluster.start()
        for name in ("fsync", "synchronous_commit", "full_page_writes", "data_checksums"):
            assert execute(cluster, f"SHOW {name}") == [("on",)], name
        assert execute(cluster, "SHOW server_encoding") == [("UTF8",)]
    finally:
        cluster.remove()


def test_only_its_owner_can_reach_files_and_socket(cluster: Cluster) -> None:
    place = cluster.place
    assert mode(place.data) == mode(place.socket_directory) == 0o700
    assert mode(place.password_file(ADMIN_ROLE)) == mode(place.log) == 0o600
    assert not (place.root / "initial-password").exists()


def test_there_is_no_tcp_port_whatever_the_settings_say(cluster: Cluster) -> None:
    execute(cluster, "ALTER SYSTEM SET listen_addresses = 'localhost'")
    cluster.stop()
    cluster.start()
    assert execute(cluster, "SHOW listen_addresses") == [("",)]
    pid = cluster.pid
    sockets = {str(file.readlink()) for file in Path(f"/proc/{pid}/fd").iterdir()}
    for table in ("tcp", "tcp6"):
        lines = Path("/proc/net", table).read_text().splitlines()[1:]
        assert not sockets & {f"socket:[{line.split()[9]}]" for line in lines}


@pytest.mark.parametrize("name", ["listen_addresses", "Unix_Socket_Directories", "hba_file"])
def test_no_setting_opens_another_way_in(ground: Path, name: str) -> None:
    with pytest.raises(ValueError, match="are fixed"):
        Cluster(ground / "db", settings={name: "*"}).start()


@pytest.mark.parametrize("password", ["wrong", None])
def test_every_connection_needs_the_password(cluster: Cluster, password: str | None) -> None:
    for replication in ("off", "database"):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(
                host=str(cluster.place.socket_directory),
                user=ADMIN_ROLE,
                dbname="postgres",
                password=password,
                passfile="/dev/null",
                replication=replication,
            )


def test_a_role_logs_in_after_it_was_given_a_password(cluster: Cluster) -> None:
    execute(cluster, "CREATE ROLE clerk")
    with pytest.raises(ClusterError, match="clerk was given no password"):
        cluster.url("clerk")
    cluster.give_password("clerk")
    url = cluster.url("clerk")
    cluster.give_password("clerk")
    assert cluster.url("clerk") == url
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("clerk",)
    assert url.partition("@")[0].rpartition(":")[2] not in cluster.log_path.read_text()


def test_a_killed_server_recovers_every_commit(cluster: Cluster) -> None:
    execute(cluster, "CREATE TABLE kept AS SELECT generate_series(1, 1000) AS value")
    pid = kill_server(cluster)
    cluster.start()
    assert cluster.pid not in {None, pid}
    assert execute(cluster, "SELECT count(*) FROM kept") == [(1000,)]


def test_a_pid_file_that_names_another_program_is_put_aside(cluster: Cluster) -> None:
    account = server_account(cluster.place.data)
    sleeper = subprocess.Popen(["/bin/sleep", "60"], user=account.uid if account.switch else None)
    try:
        pid = kill_server(cluster)
        pid_file = cluster.place.data / "postmaster.pid"
        pid_file.write_text(pid_file.read_text().replace(str(pid), str(sleeper.pid), 1))
        assert not cluster.is_running()
        cluster.shut_down()
        assert sleeper.poll() is None, "a stranger was stopped"
        cluster.start()
        assert execute(cluster, "SELECT 1") == [(1,)]
        assert sleeper.poll() is None
    finally:
        sleeper.kill()
        sleeper.wait()


def test_data_half_made_are_made_anew(ground: Path) -> None:
    unfinished = Place(ground / "db", ground / "db").unfinished_data
    unfinished.mkdir(parents=True)
    (ground / "db").chmod(0o711)
    (unfinished / "PG_VERSION").write_text("18\n")
    cluster = Cluster(ground / "db", settings=FAST)
    try:
        cluster.start()
        assert execute(cluster, "SELECT 1") == [(1,)]
    finally:
        cluster.remove()


def test_data_of_another_version_are_refused_in_words(cluster: Cluster) -> None:
    cluster.stop()
    (cluster.place.data / "PG_VERSION").write_text("14\n")
    with pytest.raises(ClusterError, match=r"made by PostgreSQL 14, but PostgreSQL 18 .*Start ver"):
        cluster.start()


def test_a_server_that_cannot_start_says_why(cluster: Cluster) -> None:
    cluster.stop()
    broken = Cluster(cluster.place.home, settings={"shared_buffers": "many"})
    with pytest.raises(ClusterError, match=r'(?s)did not start.*"shared_buffers"'):
        broken.start()


def test_a_long_path_gets_its_socket_elsewhere(ground: Path) -> None:
    cluster = Cluster(ground / ("long" * 30) / "db", settings=FAST)
    try:
        (ground / ("long" * 30)).mkdir(mode=0o711)
        cluster.start()
        elsewhere = cluster.place.socket_directory
        assert not elsewhere.is_relative_to(ground)
        assert mode(elsewhere) == 0o700
        assert execute(cluster, "SELECT 1") == [(1,)]
        kill_server(cluster)
        cluster.start()
        assert cluster.place.socket_directory == elsewhere
        cluster.stop()
        assert not elsewhere.exists()
        cluster.start()
        assert execute(cluster, "SELECT 1") == [(1,)]
    finally:
        cluster.remove()


def test_removing_leaves_nothing_but_what_is_not_ours(cluster: Cluster) -> None:
    home = cluster.place.home
    (home / "letter").touch()
    cluster.remove()
    assert not cluster.is_running()
    assert [file.name for file in home.iterdir()] == ["letter"]
    (home / "letter").unlink()
    cluster.start()
    cluster.remove()
    assert not home.exists()


def test_a_server_out_of_sight_is_not_given_a_rival(cluster: Cluster) -> None:
    pid_file = cluster.place.data / "postmaster.pid"
    text = pid_file.read_text()
    pid_file.write_text(text.replace(str(cluster.pid), "1", 1))
    with pytest.raises(ClusterError, match="out of sight"):
        cluster.start()
    pid_file.write_text(text)
    assert execute(cluster, "SELECT 1") == [(1,)]
