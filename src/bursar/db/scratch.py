"""A database made from a template for one purpose, and dropped with it."""

import contextlib
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql

from bursar.db.embedded import Cluster

SERVICE_ROLE = "bursar_service"


@dataclass(slots=True)
class ScratchDatabase:
    """One database of `cluster`, for a test or a rehearsal."""

    cluster: Cluster
    name: str
    _connections: list[psycopg.Connection] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The URL for the superuser."""
        return self.cluster.url(database=self.name)

    @property
    def service_url(self) -> str:
        """The URL for the role that the service logs in with."""
        return self.cluster.url(SERVICE_ROLE, self.name)

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Carry out one statement as the superuser and return its rows; no connection is kept."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), values or None)
            return cursor.fetchall() if cursor.description else []

    def connect(
        self, role: str | None = None, sub: str | None = None, *, autocommit: bool = True
    ) -> psycopg.Connection:
        """Connect as the superuser, then become `role` with the claims of the user `sub`.

        Those are the claims that a verified token brings: `{"role": ..., "sub": ...}`. Each
        statement is a transaction of its own unless `autocommit` is off. Connections that are
        still open are closed with the database.
        """
        connection = psycopg.connect(self.url, autocommit=True)
        self._connections.append(connection)
        if role is not None:
            claims = {"role": role} | ({} if sub is None else {"sub": sub})
            connection.execute(
                "SELECT set_config('request.jwt.claims', %s, false)", [json.dumps(claims)]
            )
            connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
        connection.autocommit = autocommit
        return connection

    def close(self) -> None:
        """Close what `connect` opened."""
        while self._connections:
            self._connections.pop().close()


@contextlib.contextmanager
def scratch_database(cluster: Cluster, template: str | None = None) -> Iterator[ScratchDatabase]:
    """Make a database, from `template` or empty, and drop it afterwards, whoever is connected."""
    name = f"scratch_{secrets.token_hex(6)}"
    source = sql.Identifier(template or "template0")
    with psycopg.connect(cluster.url(), autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), source)
        )
    database = ScratchDatabase(cluster, name)
    try:
        yield database
    finally:
        database.close()
        with psycopg.connect(cluster.url(), autocommit=True) as connection:
            connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            )
