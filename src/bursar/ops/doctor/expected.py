"""The schema that the code expects: how it is built in an empty database."""

import re
from collections.abc import Callable
from pathlib import Path

import psycopg

from bursar.errors import BursarError
from bursar.ops.migrate.commands import apply_all
from bursar.ops.migrate.statements import split

# What psql does by itself, such as \\connect and \\restrict, has no meaning for a schema.
_OF_PSQL = re.compile(r"^\\.*$", re.MULTILINE)
_COPY = re.compile(r"^COPY\s.*\sFROM\s+stdin", re.IGNORECASE | re.DOTALL)


class ExpectedSchemaError(BursarError):
    """The expected schema could not be built."""


def by_migrations() -> Callable[[str], None]:
    """Return how to build the schema that our migrations make."""
    return apply_all


def by_file(path: Path) -> Callable[[str], None]:
    """Return how to build the schema that a file of plain SQL makes.

    Statements are sent one by one, as psql would. psql's own commands are left out; rows in a dump
    are refused. Raises `ExpectedSchemaError` for these, and for what the server refuses.
    """

    def build(url: str) -> None:
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ExpectedSchemaError(f"{path} cannot be read: {error}.") from error
        statements = split(_OF_PSQL.sub("", text))
        if any(_COPY.match(statement) for statement in statements):
            raise ExpectedSchemaError(
                f"{path} holds rows (COPY … FROM stdin). A schema is wanted: dump it with"
                " --schema-only."
            )
        with psycopg.connect(url, autocommit=True) as connection:
            for number, statement in enumerate(statements, 1):
                _send(connection, statement, f"{path}: statement {number}")

    return build


def _send(connection: "psycopg.Connection[tuple[object, ...]]", statement: str, where: str) -> None:
    try:
        connection.execute(statement.encode(), prepare=False)
    except psycopg.Error as error:
        if _makes_no_difference(statement, error):
            return
        raise ExpectedSchemaError(f"{where} failed: {error.diag.message_primary}") from error


def _makes_no_difference(statement: str, error: psycopg.Error) -> bool:
    """Whether a dump says what this server need not know: its own settings, what is there, owners.

    Dumps of newer versions set what older ones do not have.
    """
    begins = statement.upper()
    if isinstance(error, psycopg.errors.UndefinedObject):
        return begins.startswith("SET ") or " OWNER TO " in begins
    return isinstance(error, psycopg.errors.DuplicateSchema) and begins.startswith("CREATE SCHEMA")
