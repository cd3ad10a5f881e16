"""A real streaming replica of a test's cluster: a base backup that follows the log."""

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg

from bursar.db.account import server_account
from bursar.db.embedded import ADMIN_ROLE, Cluster
from bursar.db.place import prepare_home
from bursar.db.scratch import SERVICE_ROLE
from tests.patience import PATIENCE_SECONDS

# Where the log is written, received and replayed, for a standby that does not follow.
_STATE = (
    "SELECT pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn(), pg_get_wal_replay_pause_state(),"
    " (SELECT status FROM pg_stat_wal_receiver)"
)


class Standby:
    """A hot standby of `primary`. Its roles have the primary's passwords."""

    def __init__(self, primary: Cluster, settings: dict[str, str]) -> None:
        self.primary = primary
        self.directory = Path(tempfile.mkdtemp(prefix="bursar-standby-"))
        self.directory.chmod(0o711)  # The server's account passes through.
        home = prepare_home(self.directory / "home")
        subprocess.run(
            [
                *(primary.binary("pg_basebackup"), "--pgdata", home / "data"),
                *("--wal-method=stream", "--checkpoint=fast", "--no-sync"),
                *("--write-recovery-conf", f"--dbname={primary.url()}"),
            ],
            check=True,
            capture_output=True,
            timeout=PATIENCE_SECONDS,
        )
        account = server_account(home)
        if account.switch:
            for path in (home / "data", *(home / "data").rglob("*")):
                os.chown(path, account.uid, account.gid, follow_symlinks=False)
        self.cluster = Cluster(home, version=None, settings=settings)
        for role in (ADMIN_ROLE, SERVICE_ROLE):
            self.cluster.place.keep_password(role, primary.place.password(role))
        self.cluster.start()

    def url(self, database: str, role: str = SERVICE_ROLE) -> str:
        """The URL of a database on the standby."""
        return self.cluster.url(role, database)

    def execute(self, query: str) -> None:
        """Run a statement on the standby as its superuser."""
        with psycopg.connect(self.cluster.url(), autocommit=True) as connection:
            connection.execute(query)

    def follow(self) -> None:
        """Return when the standby has replayed all that the primary has written."""
        with psycopg.connect(self.primary.url(), autocommit=True) as connection:
            row = connection.execute("SELECT pg_current_wal_insert_lsn()").fetchone()
            connection.execute("CHECKPOINT")  # What is not committed is not sent before long.
        assert row is not None
        deadline = time.monotonic() + PATIENCE_SECONDS
        with psycopg.connect(self.cluster.url(), autocommit=True) as connection:
            query = "SELECT pg_last_wal_replay_lsn() >= %s"
            while connection.execute(query, row).fetchone() != (True,):
                assert time.monotonic() < deadline, (row, connection.execute(_STATE).fetchone())
                time.sleep(0.02)

    def remove(self) -> None:
        """Stop the standby and delete it."""
        if self.cluster.is_running():
            self.cluster.shut_down()
        shutil.rmtree(self.directory)
