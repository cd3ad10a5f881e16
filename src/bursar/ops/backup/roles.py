"""The roles that a database speaks of: they belong to the server, so that no dump has them."""

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
from psycopg import sql

from bursar.ops.backup.errors import BackupError
from bursar.ops.backup.session import Connection

# Owners, those with privileges or policies, and those that a database names in its settings. Roles
# that initdb makes are not written down among the dependencies, so owners are asked for themselves.
_ROLES = """
    WITH mentioned AS (
        SELECT d.refobjid AS oid FROM pg_shdepend AS d
        JOIN pg_database AS b ON b.datname = current_database()
        WHERE d.refclassid = 'pg_authid'::regclass
        AND (d.dbid = b.oid OR d.classid = 'pg_database'::regclass AND d.objid = b.oid)
        UNION SELECT datdba FROM pg_database WHERE datname = current_database()
        UNION SELECT relowner FROM pg_class
        UNION SELECT proowner FROM pg_proc
        UNION SELECT nspowner FROM pg_namespace
    )
    SELECT r.rolname, r.rolcanlogin, r.rolinherit, r.rolbypassrls, r.rolsuper,
        ARRAY(SELECT g.rolname::text FROM pg_auth_members AS m
            JOIN pg_roles AS g ON g.oid = m.roleid
            WHERE m.member = r.oid AND g.oid IN (SELECT oid FROM mentioned) ORDER BY 1)
    FROM pg_roles AS r
    WHERE r.oid IN (SELECT oid FROM mentioned) AND r.rolname !~ '^pg_'
    ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class Role:
    """A role without its password: what it may, and which of the others it is a member of."""

    name: str
    login: bool
    inherits: bool
    bypasses_rls: bool
    superuser: bool
    member_of: list[str]


def read_roles(connection: Connection) -> list[Role]:
    """Return the roles that the current database speaks of."""
    return [Role(*row) for row in connection.execute(_ROLES)]


def missing_roles(connection: Connection, roles: Sequence[Role]) -> list[Role]:
    """Return those that the server does not have."""
    known = {name for (name,) in connection.execute("SELECT rolname FROM pg_roles")}
    return [role for role in roles if role.name not in known]


def make_roles(connection: Connection, roles: Sequence[Role]) -> list[str]:
    """Make roles, all or none, and return what is left to do for them, in sentences.

    None becomes a superuser, and none has a password. Raises `BackupError` with the statements
    where the login may not make roles.
    """
    statements = [_statement(role) for role in roles]
    statements += [
        sql.SQL("GRANT {} TO {}").format(sql.Identifier(group), sql.Identifier(role.name))
        for role in roles
        for group in role.member_of
    ]
    try:
        with connection.transaction():
            for statement in statements:
                connection.execute(statement)
    except psycopg.errors.InsufficientPrivilege as error:
        said = "; ".join(statement.as_string(connection) for statement in statements)
        raise BackupError(
            f"This server lacks roles that the backup speaks of, and the login may not make them. "
            f"Have them made first: {said}."
        ) from error
    left = [
        f"The role {role.name} was made without a password; give it one before it logs in."
        for role in roles
        if role.login
    ]
    left += [
        f"The role {role.name} was a superuser where the backup was taken, and is none here."
        for role in roles
        if role.superuser
    ]
    return left


def _statement(role: Role) -> sql.Composed:
    return sql.SQL("CREATE ROLE {}{}{}{}").format(
        sql.Identifier(role.name),
        sql.SQL(" LOGIN" if role.login else " NOLOGIN"),
        sql.SQL(" INHERIT" if role.inherits else " NOINHERIT"),
        sql.SQL(" BYPASSRLS" if role.bypasses_rls and not role.superuser else ""),
    )
