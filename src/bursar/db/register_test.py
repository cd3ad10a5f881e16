"""Programs share one cluster: it stays while anybody uses it, and stops with the last."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bursar.db.embedded import Cluster
from bursar.db.register import Register

FAST = {"fsync": "off", "shared_buffers": "16MB"}

PROGRAM = """
import sys
from bursar.db.embedded import Cluster
cluster = Cluster(sys.argv[1], settings={"fsync": "off", "shared_buffers": "16MB"}).start()
print(cluster.pid, flush=True)
sys.stdin.read()
cluster.stop()
"""


class Program:
    """Another program that starts or joins the cluster, and leaves when told."""

    def __init__(self, home: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(home)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            start_new_session=True,
        )

    def server_pid(self) -> int:
        assert self.process.stdout is not None
        return int(self.process.stdout.readline())

    def leave(self) -> None:
        self.process.communicate("", timeout=30)
        assert self.process.returncode == 0

    def die(self, number: int) -> None:
        os.killpg(self.process.pid, number)
        self.process.communicate(timeout=30)


@pytest.fixture
def home() -> Iterator[Path]:
    ground = Path(tempfile.mkdtemp(prefix="bursar-shared-"))
    ground.chmod(0o711)
    yield ground / "db"
    Cluster(ground / "db").remove()
    shutil.rmtree(ground)


def test_the_last_to_leave_stops_the_server(home: Path) -> None:
    first = Program(home)
    pid = first.server_pid()
    with Cluster(home, settings=FAST) as cluster:
        assert cluster.pid == pid
        assert sorted(cluster.users()) == sorted([os.getpid(), first.process.pid])
        first.leave()
        assert cluster.pid == pid
    assert not cluster.is_running()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_starter_that_dies_leaves_the_server_to_the_others(home: Path, number: int) -> None:
    starter = Program(home)
    pid = starter.server_pid()
    with Cluster(home, settings=FAST) as cluster:
        starter.die(number)
        time.sleep(0.2)
        assert cluster.pid == pid, "the server went with its starter"
        assert cluster.users() == [os.getpid()]
    assert not cluster.is_running(), "a dead program kept the server"


def test_a_server_left_behind_by_its_only_user_is_joined_and_stopped(home: Path) -> None:
    program = Program(home)
    pid = program.server_pid()
    program.die(signal.SIGKILL)
    cluster = Cluster(home, settings=FAST)
    assert cluster.pid == pid
    cluster.start()
    assert cluster.pid == pid
    cluster.stop()
    assert not cluster.is_running()


def test_an_operator_stops_it_whoever_uses_it(home: Path) -> None:
    program = Program(home)
    program.server_pid()
    cluster = Cluster(home)
    cluster.shut_down()
    assert not cluster.is_running()
    program.leave()


def test_programs_that_start_at_once_make_one_cluster(home: Path) -> None:
    programs = [Program(home) for _ in range(4)]
    assert len({program.server_pid() for program in programs}) == 1
    for program in programs:
        program.leave()
    assert not Cluster(home).is_running()


def test_an_entry_whose_process_id_lives_on_in_another_program_does_not_count(
    tmp_path: Path,
) -> None:
    register = Register(tmp_path)
    with register.lock():
        register.join()
        (tmp_path / "users" / f"{os.getppid()}-0123456789abcdef").touch()
        assert register.users() == [os.getpid()]
        register.leave()
        assert register.users() == []
