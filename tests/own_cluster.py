"""A PostgreSQL of a test's own: it keeps what it has acknowledged, and may be stopped."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import psycopg

from bursar.db.binaries import find_binaries
from bursar.db.embedded import Cluster
from bursar.db.scratch import SERVICE_ROLE, ScratchDatabase, scratch_database
from bursar.ops.migrate import apply_all


@contextlib.contextmanager
def own_cluster(directory: Path, version: str) -> Iterator[ScratchDatabase]:
    """A migrated database on a cluster of its own, removed afterwards, in whatever state it is."""
    find_binaries(version)
    own = Cluster(directory / "cluster", version=version)
    own.start()
    try:
        with scratch_database(own) as database:
            apply_all(database.url)
            own.give_password(SERVICE_ROLE)
            with psycopg.connect(database.url) as connection:
                row = connection.execute("SELECT current_setting('fsync')").fetchone()
            assert row == ("on",)
            yield database
    finally:
        own.remove()
