"""What the catalogue of a migrated database says about who may do what.

Grants are the wall that holds when code is wrong, so every one of them is written down in
`granted.py`: a new function or table is closed until that file says otherwise.
"""

import psycopg
import pytest

from bursar.db.scratch import ScratchDatabase
from tests.granted import EXECUTE, MARKET_CALLS, READABLE, STORE_CALLS, STUDIO_CALLS, WRITES

pytestmark = pytest.mark.postgres_versions("15", "18")

_NAME = "CASE acl.grantee WHEN 0 THEN 'public' ELSE acl.grantee::regrole::text END"
# Each query names the objects that break its rule.
_FUNCTIONS = """
    SELECT p.oid::regprocedure::text
    FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
    WHERE n.nspname IN ('bursar', 'public')"""
_RELATIONS = """
    SELECT c.oid::regclass::text
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname IN ('bursar', 'public')"""
_PINNED = "SELECT FROM unnest(p.proconfig) AS c WHERE c LIKE 'search_path=%pg_temp'"
_UNPINNED = f"NOT EXISTS ({_PINNED})"
_PUBLIC_PATH = f"NOT EXISTS ({_PINNED} AND c NOT LIKE '%public%')"
_NAMES = _FUNCTIONS.replace("p.oid::regprocedure::text", "p.pronamespace || '.' || p.proname")
_BYPASSING = "NOT coalesce('security_invoker=true' = ANY (c.reloptions), false)"
BROKEN = {
    # SECURITY DEFINER: public may not be in the path, and pg_temp must end it.
    "definers pin their path": f"{_FUNCTIONS} AND p.prosecdef AND {_PUBLIC_PATH}",
    # A body that was parsed when it was made needs no path.
    "others pin it too": f"{_FUNCTIONS} AND p.prosqlbody IS NULL AND {_UNPINNED}",
    "functions are described": f"{_FUNCTIONS} AND obj_description(p.oid, 'pg_proc') IS NULL",
    "no name is overloaded": f"{_NAMES} GROUP BY 1 HAVING count(*) > 1",
    "tables have policies": f"{_RELATIONS} AND c.relkind IN ('r', 'p') AND NOT c.relrowsecurity",
    "views read as their reader": f"{_RELATIONS} AND c.relkind = 'v' AND {_BYPASSING}",
    "nobody else creates in the ledger's schema": """
        SELECT r.rolname FROM pg_roles AS r
        WHERE NOT r.rolsuper AND r.rolname !~ '^(pg_|owner_of_)'
            AND has_schema_privilege(r.rolname, 'bursar', 'CREATE')""",
}
LOOSE = """
    CREATE TABLE bursar.loose (id bigint);
    CREATE VIEW public.loose_view AS SELECT id FROM bursar.loose;
    CREATE FUNCTION public.loose() RETURNS void LANGUAGE plpgsql SECURITY DEFINER
        SET search_path = pg_catalog, public, pg_temp AS 'BEGIN END';
    CREATE FUNCTION public.loose(integer) RETURNS void LANGUAGE plpgsql AS 'BEGIN END';
    GRANT CREATE ON SCHEMA bursar TO service_role;
"""


def test_each_role_may_execute_what_is_listed_and_nothing_else(database: ScratchDatabase) -> None:
    found = grouped(
        database,
        f"""
        SELECT {_NAME}, format('%s.%s(%s)', n.nspname, p.proname, oidvectortypes(p.proargtypes))
        FROM pg_proc AS p
        JOIN pg_namespace AS n ON n.oid = p.pronamespace
        CROSS JOIN LATERAL aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS acl
        WHERE n.nspname IN ('bursar', 'public') AND acl.grantee <> p.proowner
    """,
    )

    assert found == {role: calls for role, calls in EXECUTE.items() if calls}


def test_no_role_may_write_a_table_beyond_what_is_listed(database: ScratchDatabase) -> None:
    assert privileges(database, "<>") == {role: held for role, held in WRITES.items() if held}


def test_anonymous_and_signed_in_roles_read_what_is_listed(database: ScratchDatabase) -> None:
    found = privileges(database, "=")

    assert {role: found.get(role, set()) for role in READABLE} == READABLE


def test_no_object_breaks_a_rule(database: ScratchDatabase) -> None:
    found = {rule: column(database, query) for rule, query in BROKEN.items()}

    assert {rule: names for rule, names in found.items() if names} == {}


def test_an_object_that_breaks_a_rule_would_be_found(database: ScratchDatabase) -> None:
    database.connect().execute(LOOSE.encode())

    assert [rule for rule, query in BROKEN.items() if not column(database, query)] == []


def test_the_functions_of_an_app_go_one_by_one(database: ScratchDatabase) -> None:
    """Whoever moves away from one of them drops it by name, without CASCADE."""
    with database.connect().transaction(force_rollback=True) as held:
        closed = {"public.check_wallet_integrity()"}
        for call in sorted(STORE_CALLS | MARKET_CALLS | STUDIO_CALLS | closed):
            held.connection.execute(f"DROP FUNCTION {call}".encode())


def test_the_service_logs_in_without_any_right_to_a_table_by_inheritance(
    database: ScratchDatabase,
) -> None:
    with psycopg.connect(database.service_url, autocommit=True) as connection:
        connection.execute("SELECT bursar.read_wallet('nobody', 'credit')")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("UPDATE public.user_credits SET balance = 1")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("INSERT INTO bursar.entry DEFAULT VALUES")


def privileges(database: ScratchDatabase, comparison: str) -> dict[str, set[str]]:
    """Name each role's privileges on tables and on columns, all but SELECT or SELECT alone."""
    select = "" if comparison == "=" else " || ' ' || privilege"
    return grouped(
        database,
        f"""
        WITH held AS (
            SELECT c.oid, NULL::name AS attname, acl.grantee, acl.privilege_type AS privilege
            FROM pg_class AS c
            CROSS JOIN LATERAL aclexplode(c.relacl) AS acl WHERE acl.grantee <> c.relowner
            UNION ALL
            SELECT c.oid, a.attname, acl.grantee, acl.privilege_type
            FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
            CROSS JOIN LATERAL aclexplode(a.attacl) AS acl WHERE acl.grantee <> c.relowner)
        SELECT {_NAME}, n.nspname || '.' || c.relname {select}
            || coalesce(' (' || string_agg(acl.attname, ', ' ORDER BY acl.attname) || ')', '')
        FROM held AS acl
        JOIN pg_class AS c ON c.oid = acl.oid
        JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE n.nspname IN ('bursar', 'public') AND c.relkind <> 'S'
            AND privilege {comparison} 'SELECT'
        GROUP BY acl.grantee, n.nspname, c.relname, privilege, acl.attname IS NULL
    """,
    )


def grouped(database: ScratchDatabase, query: str) -> dict[str, set[str]]:
    """Collect the second column of a query under the first."""
    found: dict[str, set[str]] = {}
    for row in database.connect().execute(query.encode()).fetchall():
        found.setdefault(str(row[0]), set()).add(str(row[1]))
    return found


def column(database: ScratchDatabase, query: str) -> list[str]:
    """Return the first column of a query, sorted."""
    return sorted(str(row[0]) for row in database.connect().execute(query.encode()).fetchall())
