"""Root's server runs as somebody else, an ordinary user's as that user; no door is opened."""

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

import bursar
from bursar.db.account import Account, run, server_account
from bursar.db.binaries import find_binaries
from bursar.db.embedded import Cluster
from bursar.db.fault import ClusterError

FAST = {"fsync": "off", "shared_buffers": "16MB"}
NOBODY = Account("nobody", 65534, 65534, switch=True)

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="Only root can act as somebody else.")


@pytest.fixture
def hidden() -> Iterator[Path]:
    """A directory that only root can enter."""
    directory = Path(tempfile.mkdtemp(prefix="bursar-hidden-"))
    yield directory
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert directory.stat().st_uid == 0
    shutil.rmtree(directory)


@pytest.fixture
def open_ground() -> Iterator[Path]:
    """A directory that everybody can pass through."""
    directory = Path(tempfile.mkdtemp(prefix="bursar-open-"))
    directory.chmod(0o711)
    yield directory
    shutil.rmtree(directory)


def value(cluster: Cluster, query: str) -> object:
    with psycopg.connect(cluster.url(), autocommit=True) as connection:
        cursor = connection.execute(query.encode())
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def test_root_starts_it_where_the_account_cannot_go_and_opens_nothing(hidden: Path) -> None:
    cluster = Cluster(hidden / "db", settings=FAST)
    try:
        cluster.start()
        place, pid = cluster.place, cluster.pid
        assert Path(f"/proc/{pid}").stat().st_uid == server_account(place.data).uid != 0
        assert not place.root.is_relative_to(hidden)
        value(cluster, "CREATE TABLE kept AS SELECT 42 AS value")
        cluster.stop()
        again = Cluster(hidden / "db", settings=FAST)
        with again:
            assert again.place == place
            assert value(again, "SELECT value FROM kept") == 42
        moved = place.root.with_name("moved-away")
        place.root.rename(moved)
        with pytest.raises(ClusterError, match="which is gone"):
            again.start()
        moved.rename(place.root)
    finally:
        cluster.remove()
    assert not place.root.exists()


def test_programs_that_the_account_cannot_run_are_copied(hidden: Path, open_ground: Path) -> None:
    installation = find_binaries("18").directory.parent
    libraries = installation.parent.with_name(installation.parent.name + ".libs")
    copied = hidden / installation.parent.name / installation.name
    shutil.copytree(installation, copied)
    if libraries.is_dir():
        shutil.copytree(libraries, hidden / libraries.name)
    cluster = Cluster(open_ground / "db", bin_directory=copied / "bin", settings=FAST)
    try:
        cluster.start()
        assert value(cluster, "SELECT 1") == 1
        program = Path(f"/proc/{cluster.pid}/exe").readlink()
        assert program.is_relative_to(cluster.place.binaries)
    finally:
        cluster.remove()


def test_other_accounts_cannot_reach_the_socket(open_ground: Path) -> None:
    with Cluster(open_ground / "db", settings=FAST) as cluster:
        if server_account(cluster.place.data).uid == NOBODY.uid:
            pytest.skip("The server runs as nobody here, so nobody is no stranger.")
        command = [str(cluster.binary("pg_isready")), "-q", "-h"]
        command.append(str(cluster.place.socket_directory))
        assert run(command, NOBODY, seconds=10) == 2
        assert subprocess.run(command, check=False).returncode == 0


ORDINARY_USER = """
import os, sys, psycopg
from bursar.db.embedded import Cluster
with Cluster(sys.argv[1], settings={"fsync": "off", "shared_buffers": "16MB"}) as cluster:
    owner = os.stat(f"/proc/{cluster.pid}").st_uid
    assert owner == os.geteuid() == 65534, owner
    assert cluster.place.root == cluster.place.home
    with psycopg.connect(cluster.url()) as connection:
        print(connection.execute("SELECT 42").fetchone()[0])
"""


def interpreter_of_nobody(code: Path) -> tuple[str, dict[str, str]]:
    """A Python that nobody can run with the modules of this one, and its environment."""
    shutil.copytree(Path(bursar.__file__).parent, code / "bursar")
    for file in (code, *code.rglob("*")):
        file.chmod(0o755)
    path = os.pathsep.join([str(code), *(entry for entry in sys.path if "packages" in entry)])
    same = f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"
    for program in (sys.executable, same):
        trial = ["/usr/bin/env", f"PYTHONPATH={path}", program, "-c"]
        if run([*trial, "import bursar.db.embedded"], NOBODY, seconds=20) == 0:
            return program, {"PYTHONPATH": path}
    reason = "The account nobody can reach no Python with the modules that this test needs."
    if os.environ.get("BURSAR_REQUIRE_ALL") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def test_an_ordinary_user_runs_everything_as_that_user(open_ground: Path) -> None:
    program, environment = interpreter_of_nobody(open_ground / "code")
    home = open_ground / "home"
    home.mkdir()
    os.chown(home, NOBODY.uid, NOBODY.gid)
    finished = subprocess.run(
        [program, "-c", ORDINARY_USER, str(home / "db")],
        env=environment, cwd="/", user=NOBODY.uid, group=NOBODY.gid, extra_groups=[],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (finished.returncode, finished.stdout) == (0, "42\n"), finished.stderr
    with Cluster(home / "db", settings=FAST) as cluster:
        assert Path(f"/proc/{cluster.pid}").stat().st_uid == NOBODY.uid, "its data stay its own"
