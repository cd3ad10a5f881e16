"""Where the expected schema is built: a database of its own that is dropped afterwards."""

import contextlib
from collections.abc import Iterator

import psycopg
from psycopg import sql

from bursar.db.fault import ClusterError
from bursar.ops.doctor.expected import ExpectedSchemaError
from bursar.ops.scratch import database_on, server_of

_ROLES = "SELECT rolname FROM pg_catalog.pg_roles WHERE rolname !~ '^pg_' ORDER BY 1"


@contextlib.contextmanager
def scratch_for(live_url: str, scratch_url: str = "") -> Iterator[str]:
    """Make an empty database for what is to be compared with the live one; yield its URL.

    On the live server where its login may create databases, so that both sides speak one version
    and know the same roles; else on an embedded server of the same major version, with roles of
    the same names. `scratch_url` names another server. Raises `ExpectedSchemaError` where there
    is none, or where it is of another version.
    """
    with contextlib.ExitStack() as stack:
        version = _version(live_url)
        if scratch_url and _version(scratch_url) != version:
            raise ExpectedSchemaError(
                f"The live server is PostgreSQL {version}, and that of --scratch is not. They word"
                " the same schema in different ways."
            )
        try:
            url = stack.enter_context(database_on(scratch_url or live_url, "doctor"))
        except psycopg.errors.InsufficientPrivilege:
            if scratch_url:
                raise ExpectedSchemaError(
                    "The login of --scratch may not create databases."
                ) from None
            server = stack.enter_context(_embedded(live_url, version))
            url = stack.enter_context(database_on(server, "doctor"))
        yield url


def _version(url: str) -> int:
    with psycopg.connect(url, application_name="bursar doctor") as connection:
        return connection.info.server_version // 10000


@contextlib.contextmanager
def _embedded(live_url: str, version: int) -> Iterator[str]:
    """Start a server of our own that knows the live server's roles; remove it afterwards."""
    with psycopg.connect(live_url, application_name="bursar doctor") as connection:
        roles = [row[0] for row in connection.execute(_ROLES.encode())]
    with contextlib.ExitStack() as stack:
        try:
            url = stack.enter_context(server_of(str(version), "doctor"))
        except ClusterError as error:
            raise ExpectedSchemaError(
                "The login may not create the database in which the expected schema is built, and"
                f" there is no PostgreSQL {version} here to build it on. Grant it CREATEDB, or name"
                " another server of that version with --scratch."
            ) from error
        with psycopg.connect(url, autocommit=True) as connection:
            for role in roles:
                with contextlib.suppress(psycopg.errors.DuplicateObject):
                    connection.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(role)))
        yield url
