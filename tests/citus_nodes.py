"""Three PostgreSQL servers that are one Citus: a coordinator and two workers."""

import secrets
import tempfile
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from bursar.db.binaries import find_binaries
from bursar.db.embedded import ADMIN_ROLE, Cluster
from bursar.db.fault import ClusterError
from bursar.db.place import SOCKET_PORT
from bursar.db.scratch import SERVICE_ROLE
from bursar.ops import citus
from bursar.ops.migrate import apply_all

DATABASE = "ledger"
VERSION = "15"
_SETTINGS = {"shared_buffers": "128MB", "max_connections": "200"}
_CITUS = {
    "shared_preload_libraries": "citus",
    "citus.enable_statistics_collection": "off",
    "wal_level": "logical",
    "max_prepared_transactions": "200",
    # What was prepared when a node died is ended soon after it is back.
    "citus.recover_2pc_interval": "1s",
}


class CitusMissingError(Exception):
    """PostgreSQL 15 of this machine has no Citus."""


class CitusNodes:
    """The coordinator is node 0. Every node has the kernel; the layout is made over all of them.

    Unless `durable`, nothing is flushed to disk: what is lost then is lost with the machine only.
    """

    def __init__(self, *, durable: bool = False) -> None:
        try:
            find_binaries(VERSION)
        except ClusterError as error:
            raise CitusMissingError(str(error)) from error
        self._settings = {**_SETTINGS} if durable else {**_SETTINGS, "fsync": "off"}
        self.directory = Path(tempfile.mkdtemp(prefix="bursar-citus-"))
        self.directory.chmod(0o711)
        self.nodes: list[Cluster] = []
        try:
            self._require_citus()
            for number in range(3):
                settings = {**self._settings, **_CITUS}
                cluster = Cluster(self.directory / str(number), version=VERSION, settings=settings)
                self.nodes.append(cluster.start())
            self._join()
            citus.up(self.url())
        except BaseException:
            self.remove()
            raise

    def url(self, node: int = 0, role: str = ADMIN_ROLE) -> str:
        """The URL of the ledger's database on a node."""
        return self.nodes[node].url(role, DATABASE)

    def connect(self, node: int = 0, role: str = ADMIN_ROLE) -> psycopg.Connection[Any]:
        """An autocommitting session on a node."""
        return psycopg.connect(self.url(node, role), autocommit=True)

    def node_of(self, owner: str) -> int:
        """The node that holds an owner's rows."""
        with self.connect() as connection:
            row = connection.execute("SELECT bursar_citus.node(%s)", [owner]).fetchone()
        assert row is not None
        places = [f"{n.place.socket_directory}:{SOCKET_PORT}" for n in self.nodes]
        return places.index(row[0])

    def remove(self) -> None:
        """Stop everything and delete it."""
        for node in self.nodes:
            node.remove()
        self.directory.rmdir()

    def _require_citus(self) -> None:
        with Cluster(self.directory / "0", version=VERSION, settings=self._settings) as plain:
            try:
                with psycopg.connect(plain.url()) as connection:
                    found = connection.execute(
                        "SELECT FROM pg_available_extensions WHERE name = 'citus'"
                    ).fetchone()
            finally:
                plain.shut_down()
        if found is None:
            Cluster(self.directory / "0", version=VERSION).remove()
            raise CitusMissingError("PostgreSQL 15 of this machine has no extension citus.")

    def _join(self) -> None:
        """Install Citus and the kernel on each node, and make the nodes one."""
        passwords = {role: secrets.token_urlsafe(24) for role in (ADMIN_ROLE, SERVICE_ROLE)}
        for node in self.nodes:
            node.create_database(DATABASE)
            with psycopg.connect(node.url(database=DATABASE), autocommit=True) as connection:
                connection.execute("CREATE EXTENSION citus")
                connection.execute(
                    f"ALTER DATABASE {DATABASE} SET citus.enable_ddl_propagation = off"
                )
            apply_all(node.url(database=DATABASE))
            for role, password in passwords.items():
                _let_in(node, role, password)
        with self.connect() as connection:
            home = str(self.nodes[0].place.socket_directory)
            connection.execute("SELECT citus_set_coordinator_host(%s, %s)", [home, SOCKET_PORT])
            for node in self.nodes[1:]:
                place = str(node.place.socket_directory)
                connection.execute("SELECT citus_add_node(%s, %s)", [place, SOCKET_PORT])


def _let_in(node: Cluster, role: str, password: str) -> None:
    """Give a role its password on a node, and tell the node that it is the same on all of them."""
    with psycopg.connect(node.url(database=DATABASE), autocommit=True) as connection:
        verifier = connection.pgconn.encrypt_password(
            password.encode(), role.encode(), b"scram-sha-256"
        ).decode()
        statement = sql.SQL("ALTER ROLE {} PASSWORD {}")
        connection.execute(statement.format(sql.Identifier(role), sql.Literal(verifier)))
        for nodes in (0, -1):  # every other node, and this one
            connection.execute(
                "INSERT INTO pg_dist_authinfo VALUES (%s, %s, %s)",
                [nodes, role, f"password={password}"],
            )
    node.place.keep_password(role, password)
