"""Says whether a database is production, by a mark that the database itself carries.

The mark is a setting of the database, `bursar.environment`, read from the catalogue: what a session
sets for itself does not count. No dump of the database's contents holds it, so what is restored
beside a production database is none until somebody says so.

Only a superuser, or who was granted it, may make a setting of that name. An owner who is neither,
as on hosted databases, marks the comment of the database instead, by a line of its own.
"""

from typing import Any, LiteralString

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

PRODUCTION = "production"
COMMENT_LINE = f"bursar.environment = {PRODUCTION}"

Connection = psycopg.Connection[Any]


def database_of(connection: Connection) -> str:
    """Return the name of the database that `connection` is on."""
    return _text(connection, "SELECT current_database()")


def environment_of(connection: Connection) -> str:
    """Return what the database is marked as, such as `production`; empty where it is not marked."""
    marked = COMMENT_LINE in _comment_of(connection).splitlines()
    return _setting_of(connection) or (PRODUCTION if marked else "")


def is_production(connection: Connection) -> bool:
    """Whether the database is marked production; the case of the letters does not matter."""
    return environment_of(connection).lower() == PRODUCTION


def mark_production(connection: Connection, on: bool) -> None:
    """Mark the database production, or with `on` false take every mark away.

    The login must own the database, or be a superuser. Raises `psycopg.Error`.
    """
    if not on:
        if _setting_of(connection):
            _change(connection, "ALTER DATABASE {} RESET bursar.environment")
        _write_comment(connection, marked=False)
        return
    try:
        with connection.transaction():
            _change(connection, "ALTER DATABASE {} SET bursar.environment = 'production'")
    except psycopg.errors.InsufficientPrivilege:
        _write_comment(connection, marked=True)


def _setting_of(connection: Connection) -> str:
    return _text(
        connection,
        "SELECT coalesce(max(substr(setting, strpos(setting, '=') + 1)), '')"
        " FROM pg_catalog.pg_db_role_setting AS s, unnest(s.setconfig) AS setting"
        " WHERE s.setrole = 0 AND starts_with(setting, 'bursar.environment=')"
        " AND s.setdatabase ="
        " (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())",
    ).strip()


def _comment_of(connection: Connection) -> str:
    return _text(
        connection,
        "SELECT coalesce(pg_catalog.shobj_description(oid, 'pg_database'), '')"
        " FROM pg_catalog.pg_database WHERE datname = current_database()",
    )


def _write_comment(connection: Connection, *, marked: bool) -> None:
    """Write the line of the mark, or take it out; every other line stays as it is."""
    lines = _comment_of(connection).splitlines()
    if (COMMENT_LINE in lines) != marked:
        lines = [*lines, COMMENT_LINE] if marked else [one for one in lines if one != COMMENT_LINE]
        text = "\n".join(lines) or None
        _change(connection, "COMMENT ON DATABASE {} IS {}", sql.Literal(text))


def _change(connection: Connection, change: LiteralString, *values: sql.Composable) -> None:
    name = sql.Identifier(database_of(connection))
    connection.execute(sql.SQL(change).format(name, *values))


def _text(connection: Connection, query: LiteralString) -> str:
    with connection.cursor(row_factory=tuple_row) as cursor:
        found = cursor.execute(query).fetchone()
    return "" if found is None else str(found[0])
