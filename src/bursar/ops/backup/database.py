"""The database itself, besides what is in it: owner, grants, settings, locale. A dump has none."""

import re
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from bursar.ops.backup.session import Connection

_FACTS = """
    SELECT d.datname AS name, pg_get_userbyid(d.datdba) AS owner,
        pg_encoding_to_char(d.encoding) AS encoding, d.datcollate AS collate, d.datctype AS ctype,
        d.datlocprovider::text AS provider,
        coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale') AS locale,
        d.datconnlimit AS connections, t.spcname AS tablespace,
        shobj_description(d.oid, 'pg_database') AS comment,
        (SELECT to_jsonb(array_agg(jsonb_build_array(
            CASE a.grantee WHEN 0 THEN NULL ELSE pg_get_userbyid(a.grantee) END,
            a.privilege_type, a.is_grantable))) FROM aclexplode(d.datacl) AS a) AS grants,
        coalesce((SELECT jsonb_agg(jsonb_build_array(
            CASE s.setrole WHEN 0 THEN NULL ELSE pg_get_userbyid(s.setrole) END,
            split_part(c, '=', 1), substr(c, strpos(c, '=') + 1)))
            FROM pg_db_role_setting AS s CROSS JOIN unnest(s.setconfig) AS c
            WHERE s.setdatabase = d.oid), '[]') AS settings
    FROM pg_database AS d JOIN pg_tablespace AS t ON t.oid = d.dattablespace
    WHERE d.datname = %s
"""
_PROVIDERS = {"c": "libc", "i": "icu", "b": "builtin"}
_LOCALES = {"i": sql.SQL(" ICU_LOCALE {}"), "b": sql.SQL(" BUILTIN_LOCALE {}")}
_PRIVILEGES = {name: sql.SQL(name) for name in ("CONNECT", "CREATE", "TEMPORARY")}
# Their values are lists that the server has quoted already; to quote them again would make one
# word of each. These are all there are (variable_is_guc_list_quote in pg_dump).
_LISTS = {
    "local_preload_libraries",
    "search_path",
    "session_preload_libraries",
    "shared_preload_libraries",
    "temp_tablespaces",
    "unix_socket_directories",
}
_WORD = re.compile(r'"((?:[^"]|"")*)"|([^\s,"]+)')


@dataclass(frozen=True, slots=True)
class Database:
    """What `ALTER DATABASE` and `GRANT … ON DATABASE` have said of one database.

    `grants` is None while nobody has granted or revoked anything. Settings may hold secrets of an
    app's: they are neither printed nor logged.
    """

    name: str
    owner: str
    encoding: str
    collate: str
    ctype: str
    provider: str
    locale: str | None
    connections: int
    tablespace: str
    comment: str | None
    grants: list[list[Any]] | None
    settings: list[list[Any]]


def read_database(connection: Connection, name: str) -> Database | None:
    """Return what is known of the database called `name`, or None where there is none."""
    cursor = connection.execute(_FACTS, [name])
    row = cursor.fetchone()
    if row is None or cursor.description is None:
        return None
    return Database(**dict(zip((column.name for column in cursor.description), row, strict=True)))


def create_like(connection: Connection, name: str, like: Database | None) -> None:
    """Make an empty database; `like` another one in encoding and locale.

    Raises `psycopg.errors.InsufficientPrivilege` where the login may not make databases.
    """
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name))
    if like is not None:
        statement += _locale(like)
        if like.tablespace != "pg_default":
            statement += sql.SQL(" TABLESPACE {}").format(sql.Identifier(like.tablespace))
    connection.execute(statement)


def carry_over(connection: Connection, name: str, like: Database) -> None:
    """Give the database called `name` the owner, grants, settings and comment of another one.

    The production mark is one of the settings. All or nothing. Raises `psycopg.Error`.
    """
    database = sql.Identifier(name)
    with connection.transaction():
        for role, setting, value in like.settings:
            connection.execute(_setting(database, role, setting, value))
        if like.grants is not None:
            connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
            for grantee, privilege, grantable in like.grants:
                connection.execute(_grant(database, grantee, privilege, grantable))
        if like.connections >= 0:
            connection.execute(
                sql.SQL("ALTER DATABASE {} CONNECTION LIMIT {}").format(
                    database, sql.Literal(like.connections)
                )
            )
        if like.comment is not None:
            connection.execute(
                sql.SQL("COMMENT ON DATABASE {} IS {}").format(database, sql.Literal(like.comment))
            )
        connection.execute(
            sql.SQL("ALTER DATABASE {} OWNER TO {}").format(database, sql.Identifier(like.owner))
        )


def _locale(like: Database) -> sql.Composed:
    said = sql.SQL(" ENCODING {} LC_COLLATE {} LC_CTYPE {} LOCALE_PROVIDER {}").format(
        sql.Literal(like.encoding),
        sql.Literal(like.collate),
        sql.Literal(like.ctype),
        sql.Identifier(_PROVIDERS.get(like.provider, "libc")),
    )
    if like.locale is not None and like.provider in _LOCALES:
        said += _LOCALES[like.provider].format(sql.Literal(like.locale))
    return said


def _setting(database: sql.Identifier, role: str | None, name: str, value: str) -> sql.Composed:
    whose = sql.SQL("ALTER DATABASE {}").format(database)
    if role is not None:
        whose = sql.SQL("ALTER ROLE {} IN DATABASE {}").format(sql.Identifier(role), database)
    words = [value]
    if name.lower() in _LISTS:
        words = [
            quoted.replace('""', '"') if quoted else plain for quoted, plain in _WORD.findall(value)
        ] or [""]
    # A custom setting has two names with a point between them.
    named = sql.SQL(".").join([sql.Identifier(part) for part in name.split(".")])
    said = sql.SQL(", ").join([sql.Literal(word) for word in words])
    return sql.SQL("{} SET {} TO {}").format(whose, named, said)


def _grant(
    database: sql.Identifier, grantee: str | None, privilege: str, grantable: bool
) -> sql.Composed:
    who = sql.SQL("PUBLIC") if grantee is None else sql.Identifier(grantee)
    more = sql.SQL(" WITH GRANT OPTION") if grantable and grantee is not None else sql.SQL("")
    return sql.SQL("GRANT {} ON DATABASE {} TO {}{}").format(
        _PRIVILEGES[privilege], database, who, more
    )
