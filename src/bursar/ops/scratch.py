"""Databases and servers for one piece of work, gone when it is done."""

import contextlib
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from bursar.db.embedded import Cluster


@contextlib.contextmanager
def database_on(url: str, purpose: str) -> Iterator[str]:
    """Make an empty database on the server of `url`, yield its URL, and drop it afterwards.

    `purpose` is in its name and in the names of connections. Raises
    `psycopg.errors.InsufficientPrivilege` where the login may not make one.
    """
    name = f"bursar_{purpose}_{secrets.token_hex(6)}"
    with psycopg.connect(url, autocommit=True, application_name=f"bursar {purpose}") as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name))
        )
        try:
            yield make_conninfo(url, dbname=name)
        finally:
            connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            )


@contextlib.contextmanager
def server_of(version: str, purpose: str) -> Iterator[str]:
    """Start an embedded server of that major version, yield its URL, and remove it afterwards.

    What it is told need not outlive it, so nothing is flushed to disk. Raises `ClusterError` where
    the programs of that version are not at hand.
    """
    with tempfile.TemporaryDirectory(prefix=f"bursar-{purpose}-") as directory:
        Path(directory).chmod(0o711)
        cluster = Cluster(Path(directory) / "data", version=version, settings={"fsync": "off"})
        try:
            cluster.start()
            yield cluster.url()
        finally:
            cluster.remove()
