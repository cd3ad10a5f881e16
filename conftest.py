"""What every test may ask for: clusters of PostgreSQL, and a database of its own on one of them.

- `database` is a fresh database with every migration applied, on the default version.
- `empty_database` is one without.
- `ledger` is a migrated database that the tests of one file share, asked through SQL.
- `busy_database` is a database of its own in which a little of everything has happened.
- `stopped_clock` stops the clock of this process, and `Ledger.stop_clock` that of a database.
- `@pytest.mark.postgres_versions("15", "18")` runs a test that asks for either of them once on
  each of these versions.

One cluster for each version serves the whole run, shared by all xdist workers. A version that is
not installed skips its tests and says so; with `BURSAR_REQUIRE_ALL=1` it fails them instead.
`BURSAR_TEST_POSTGRES` chooses the default version.
"""

import contextlib
import faulthandler
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TextIO

import psycopg
import pytest

from bursar.db.binaries import SUPPORTED_VERSIONS, find_binaries
from bursar.db.embedded import Cluster
from bursar.db.fault import ClusterError
from bursar.db.scratch import SERVICE_ROLE, ScratchDatabase, scratch_database
from tests.ledger_in_sql import Ledger

_RUN_DIRECTORY = "BURSAR_TEST_RUN_DIRECTORY"
_PREFIX = "bursar-test-"
_ALIVE = pytest.StashKey[TextIO]()
_TEMPLATE = "bursar_template"
# How long a test marked slow may take. With BURSAR_LONG=1 some of them run for many minutes.
_SLOW_SECONDS = 7200 if os.environ.get("BURSAR_LONG") == "1" else 1200
_TOLD_LINES = 25
# A test that hangs where its own time limit does not reach it, as a thread that waits for another
# does, ends its process this much later. The run ends then, and names the test.
_GRACE_SECONDS = 120
_STDERR = pytest.StashKey[int]()
# A test run may lose its databases with the machine, and gains much speed by it. Each of the
# processes that share a cluster may be at a test that takes a hundred connections.
_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "128MB",
    "max_connections": "500",
}


def pytest_configure(config: pytest.Config) -> None:
    """Make the directory of this run once; xdist workers inherit its name."""
    config.addinivalue_line(
        "markers", "postgres_versions(*versions): run once on each of these PostgreSQL versions"
    )
    if hasattr(config, "workerinput"):
        config.stash[_STDERR] = os.dup(2)  # before tests put something else in its place
        return
    for old in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError, ClusterError), (old / "alive").open() as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails while that run lives
            if time.time() - old.stat().st_mtime > 60:
                _remove_run(old)
    directory = Path(tempfile.mkdtemp(prefix=_PREFIX))
    directory.chmod(0o711)
    config.stash[_ALIVE] = (directory / "alive").open("w")
    fcntl.flock(config.stash[_ALIVE], fcntl.LOCK_EX)
    os.environ[_RUN_DIRECTORY] = str(directory)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take long, so that none of them is left over at the end."""
    slow = [item for item in items if item.get_closest_marker("slow")]
    for item in slow:
        item.add_marker(pytest.mark.timeout(_SLOW_SECONDS))
    long = {item.path for item in slow}
    items.sort(key=lambda item: item.path not in long)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """End a process of the run, with the stacks of its threads, when a test in it never ends."""
    if _STDERR not in item.config.stash:  # somebody looks at a run of one process
        return (yield)
    marker = item.get_closest_marker("timeout")
    seconds = float(marker.args[0] if marker else item.config.getini("timeout"))
    faulthandler.dump_traceback_later(
        seconds + _GRACE_SECONDS, exit=True, file=item.config.stash[_STDERR]
    )
    try:
        return (yield)
    finally:
        faulthandler.cancel_dump_traceback_later()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Tell of a failure at once, and not only at the end, which a run that is killed never sees.

    With xdist the processes of the tests have no terminal; the one that gathers their reports does.
    """
    if report.failed and "PYTEST_XDIST_WORKER" not in os.environ:
        what = str(report.longrepr).splitlines()[-_TOLD_LINES:]
        # It is printed for the log of a run.
        print(f"\n{report.nodeid}: {report.when} failed", *what, sep="\n", flush=True)  # noqa: T201


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop and delete whatever the run has left."""
    if not hasattr(config, "workerinput"):
        _remove_run(Path(os.environ.pop(_RUN_DIRECTORY)))
        config.stash[_ALIVE].close()


def _remove_run(directory: Path) -> None:
    for version in SUPPORTED_VERSIONS:
        with contextlib.suppress(ClusterError):
            Cluster(directory / version, version=version).remove()
    shutil.rmtree(directory)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test marked with versions once on each."""
    marker = metafunc.definition.get_closest_marker("postgres_versions")
    if marker is not None and "postgres_version" in metafunc.fixturenames:
        metafunc.parametrize("postgres_version", marker.args, indirect=True, scope="session")


@pytest.fixture(scope="session")
def _clusters() -> Iterator[Callable[[str], Cluster]]:
    """Start each version's cluster when it is first asked for, and leave all of them at the end."""
    started: dict[str, Cluster] = {}

    def cluster_of(version: str) -> Cluster:
        if version not in started:
            directory = Path(os.environ[_RUN_DIRECTORY]) / version
            started[version] = Cluster(directory, version=version, settings=_SETTINGS).start()
        return started[version]

    yield cluster_of
    for cluster in started.values():
        cluster.stop()


@pytest.fixture(scope="session")
def postgres_version(request: pytest.FixtureRequest) -> str:
    """The major version of PostgreSQL that the test runs on."""
    version: str = getattr(request, "param", os.environ.get("BURSAR_TEST_POSTGRES", "18"))
    try:
        find_binaries(version)
    except ClusterError as error:
        if os.environ.get("BURSAR_REQUIRE_ALL") == "1":
            raise
        pytest.skip(str(error))
    return version


@pytest.fixture(scope="session")
def cluster(postgres_version: str, _clusters: Callable[[str], Cluster]) -> Cluster:
    """The cluster of this run for that version. Roles are shared by all of its databases."""
    return _clusters(postgres_version)


@pytest.fixture(scope="session")
def template(cluster: Cluster) -> str:
    """The name of a database with every migration applied, made once in a run."""
    with _one_at_a_time(cluster), psycopg.connect(cluster.url(), autocommit=True) as connection:
        built = connection.execute(
            "SELECT datistemplate FROM pg_database WHERE datname = %s", [_TEMPLATE]
        ).fetchone()
        if built == (True,):
            return _TEMPLATE
        from bursar.ops.migrate import apply_all  # late: tests below it run without it

        connection.execute(f"DROP DATABASE IF EXISTS {_TEMPLATE} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {_TEMPLATE} TEMPLATE template0")
        apply_all(cluster.url(database=_TEMPLATE))
        cluster.give_password(SERVICE_ROLE)
        connection.execute(f"ALTER DATABASE {_TEMPLATE} IS_TEMPLATE true ALLOW_CONNECTIONS false")
    return _TEMPLATE


@pytest.fixture
def stopped_clock(monkeypatch: pytest.MonkeyPatch) -> int:
    """What this process takes for now until the test is over, in seconds since 1970."""
    now = int(time.time())
    monkeypatch.setattr(time, "time", lambda: float(now))
    return now


@pytest.fixture
def database(cluster: Cluster, template: str) -> Iterator[ScratchDatabase]:
    """A database with every migration applied, dropped after the test."""
    with scratch_database(cluster, template) as made:
        yield made


@pytest.fixture
def empty_database(cluster: Cluster) -> Iterator[ScratchDatabase]:
    """A database with nothing in it, dropped after the test."""
    with scratch_database(cluster) as made:
        yield made


@pytest.fixture(scope="module")
def ledger(cluster: Cluster, template: str) -> Iterator[Ledger]:
    """A migrated ledger that the tests of one file share, each with owners of its own."""
    with scratch_database(cluster, template) as made:
        yield Ledger(made)


@pytest.fixture(scope="session")
def busy(cluster: Cluster, template: str) -> Iterator[str]:
    """The name of a database in which a little of everything has happened."""
    from tests.busy_ledger import keep_busy  # late: it imports the client

    with scratch_database(cluster, template) as made:
        keep_busy(Ledger(made))
        made.close()
        yield made.name


@pytest.fixture
def busy_database(cluster: Cluster, busy: str) -> Iterator[ScratchDatabase]:
    """A copy of the busy ledger, to be damaged."""
    with scratch_database(cluster, busy) as made:
        yield made


@contextlib.contextmanager
def _one_at_a_time(cluster: Cluster) -> Iterator[None]:
    with (cluster.place.home / "template-lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
