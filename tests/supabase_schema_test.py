"""Beside an existing Supabase: its roles and its schema auth are there, and nobody is superuser."""

from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest

from bursar.db.binaries import find_binaries
from bursar.db.embedded import Cluster
from bursar.db.scratch import SERVICE_ROLE, ScratchDatabase, scratch_database
from bursar.ledger.engine import Engine
from bursar.ops import migrate
from bursar.settings import Settings
from tests.promises import broken_promises
from tests.store import balance, digest, new_id, person, reward

pytestmark = pytest.mark.postgres_versions("15", "18")

OWNER = "postgres"  # which on Supabase is no superuser

SUPABASE_ROLES = """
CREATE ROLE anon NOLOGIN NOINHERIT;
CREATE ROLE authenticated NOLOGIN NOINHERIT;
CREATE ROLE service_role NOLOGIN NOINHERIT BYPASSRLS;
CREATE ROLE authenticator LOGIN NOINHERIT;
CREATE ROLE supabase_auth_admin NOLOGIN NOINHERIT CREATEROLE;
CREATE ROLE postgres LOGIN CREATEDB CREATEROLE BYPASSRLS;
GRANT anon, authenticated, service_role TO authenticator;
GRANT anon, authenticated, service_role TO postgres WITH ADMIN OPTION;
"""

SUPABASE_DATABASE = """
CREATE SCHEMA auth AUTHORIZATION supabase_auth_admin;
SET ROLE supabase_auth_admin;
CREATE TABLE auth.users (id uuid PRIMARY KEY, email text);
CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS $$
  SELECT coalesce(
    nullif(current_setting('request.jwt.claim.sub', true), ''),
    (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')
  )::uuid
$$;
CREATE FUNCTION auth.role() RETURNS text LANGUAGE sql STABLE AS $$
  SELECT coalesce(
    nullif(current_setting('request.jwt.claim.role', true), ''),
    (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role')
  )
$$;
CREATE FUNCTION auth.jwt() RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT coalesce(
    nullif(current_setting('request.jwt.claim', true), ''),
    nullif(current_setting('request.jwt.claims', true), '')
  )::jsonb
$$;
RESET ROLE;
GRANT USAGE ON SCHEMA auth TO anon, authenticated, service_role, postgres;
GRANT USAGE ON SCHEMA public TO anon, authenticated, service_role, postgres;
GRANT ALL ON SCHEMA public TO postgres;
-- Everything that is ever made in public is everybody's, by name.
ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA public
    GRANT ALL ON TABLES TO postgres, anon, authenticated, service_role;
ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA public
    GRANT ALL ON FUNCTIONS TO postgres, anon, authenticated, service_role;
ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA public
    GRANT ALL ON SEQUENCES TO postgres, anon, authenticated, service_role;
"""

# What each role may do to each relation, column and function of our schemas.
PRIVILEGES = """
SELECT r.role, c.oid::regclass::text AS object, p.privilege
FROM unnest(%(roles)s::text[]) AS r (role)
CROSS JOIN pg_class AS c
CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES',
    'TRIGGER']) AS p (privilege)
WHERE c.relnamespace = ANY (ARRAY['public', 'bursar']::regnamespace[])
AND c.relkind IN ('r', 'v') AND has_table_privilege(r.role, c.oid, p.privilege)
UNION ALL
SELECT r.role, c.oid::regclass || '.' || a.attname, p.privilege
FROM unnest(%(roles)s::text[]) AS r (role)
CROSS JOIN pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0
CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'REFERENCES']) AS p (privilege)
WHERE c.relnamespace = ANY (ARRAY['public', 'bursar']::regnamespace[])
AND c.relkind IN ('r', 'v') AND NOT a.attisdropped
AND has_column_privilege(r.role, c.oid, a.attnum, p.privilege)
UNION ALL
SELECT r.role, c.oid::regclass::text, 'USAGE'
FROM unnest(%(roles)s::text[]) AS r (role) CROSS JOIN pg_class AS c
WHERE c.relnamespace = ANY (ARRAY['public', 'bursar']::regnamespace[])
AND c.relkind = 'S' AND has_sequence_privilege(r.role, c.oid, 'USAGE')
UNION ALL
SELECT r.role, f.oid::regprocedure::text, 'EXECUTE'
FROM unnest(%(roles)s::text[]) AS r (role) CROSS JOIN pg_proc AS f
WHERE f.pronamespace = ANY (ARRAY['public', 'bursar']::regnamespace[])
AND has_function_privilege(r.role, f.oid, 'EXECUTE')
"""

AUTH_OBJECTS = """
SELECT p.oid::regprocedure::text, pg_get_functiondef(p.oid), p.proowner::regrole::text,
    p.proacl::text
FROM pg_proc AS p WHERE p.pronamespace = 'auth'::regnamespace
UNION ALL
SELECT c.oid::regclass::text, c.relkind::text, c.relowner::regrole::text, c.relacl::text
FROM pg_class AS c WHERE c.relnamespace = 'auth'::regnamespace
UNION ALL
SELECT n.nspname, '', n.nspowner::regrole::text, '' FROM pg_namespace AS n WHERE nspname = 'auth'
ORDER BY 1
"""


@dataclass
class Hosted:
    """A database as Supabase hands it out, with Bursar installed by its owner."""

    database: ScratchDatabase
    auth_before: list[tuple[str, ...]]

    def auth(self) -> list[tuple[str, ...]]:
        return self.database.connect().execute(AUTH_OBJECTS.encode()).fetchall()


@pytest.fixture(scope="module")
def hosted(postgres_version: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosted]:
    find_binaries(postgres_version)
    directory = tmp_path_factory.mktemp("supabase")
    own = Cluster(directory, version=postgres_version, settings={"fsync": "off"})
    own.start()
    try:
        with psycopg.connect(own.url(), autocommit=True) as connection:
            connection.execute(SUPABASE_ROLES.encode())
        with scratch_database(own) as database:
            made = Hosted(database, [])
            admin = database.connect()
            admin.execute(SUPABASE_DATABASE.encode())
            admin.execute(f"ALTER DATABASE {database.name} OWNER TO {OWNER}".encode())
            made.auth_before = made.auth()
            for role in (OWNER, "authenticator"):
                own.give_password(role)
            migrate.apply_all(own.url(OWNER, database.name))
            own.give_password(SERVICE_ROLE)
            yield made
    finally:
        own.remove()


def privileges(database: ScratchDatabase, *roles: str) -> set[tuple[str, str, str]]:
    """Role, object and privilege, of everything in our schemas."""
    rows = database.connect().execute(PRIVILEGES.encode(), {"roles": list(roles)}).fetchall()
    return set(rows)


def test_the_owner_installs_it_and_it_verifies(hosted: Hosted) -> None:
    url = hosted.database.cluster.url(OWNER, hosted.database.name)
    is_superuser = (
        hosted.database.connect()
        .execute("SELECT rolsuper FROM pg_roles WHERE rolname = %s", [OWNER])
        .fetchone()
    )

    assert is_superuser == (False,)
    assert migrate.verify(url).holds
    assert migrate.status(url).up_to_date


def test_schema_auth_is_left_as_it_was(hosted: Hosted) -> None:
    assert len(hosted.auth_before) >= 4
    assert hosted.auth() == hosted.auth_before


def test_the_rights_are_those_of_a_stock_server(hosted: Hosted, database: ScratchDatabase) -> None:
    """Whatever the host grants by default, nobody may do more, or less, than anywhere else."""
    roles = ("anon", "authenticated", "service_role", "bursar_service", "bursar_operator")

    here, stock = privileges(hosted.database, *roles), privileges(database, *roles)

    assert here - stock == set()
    assert stock - here == set()
    assert ("authenticated", "purchase_reward(uuid,uuid,bigint)", "EXECUTE") in here
    assert {(what, right) for role, what, right in here if role == "anon"} == {
        ("rewards", "SELECT"),
        *(
            (f"rewards.{name}", "SELECT")
            for name in (
                "id",
                "creator_id",
                "name",
                "description",
                "cost",
                "is_active",
                "created_at",
            )
        ),
    }


def login(hosted: Hosted, role: str, sub: str) -> psycopg.Connection:
    """Log in as PostgREST does, and take on the role and claims of a token."""
    url = hosted.database.cluster.url("authenticator", hosted.database.name)
    connection = psycopg.connect(url, autocommit=True)
    claims = f'{{"role": "{role}", "sub": "{sub}"}}'
    connection.execute("SELECT set_config('request.jwt.claims', %s, false)", [claims])
    connection.execute(f"SET ROLE {role}".encode())
    return connection


def test_a_user_buys_through_the_hosts_own_login(hosted: Hosted) -> None:
    admin = hosted.database.connect()
    buyer, other, wanted = person(admin, 100), person(admin, 100), reward(admin, 60)

    with login(hosted, "authenticated", buyer) as session:
        answer = session.execute(
            "SELECT public.purchase_reward(%s, %s)", [wanted, buyer]
        ).fetchone()
        seen = session.execute("SELECT user_id::text, balance FROM public.user_credits").fetchall()
        with pytest.raises(psycopg.Error, match="NOT_AUTHORIZED"):
            session.execute("SELECT public.purchase_reward(%s, %s)", [wanted, other])

    assert answer is not None
    assert answer[0]["balance"] == 40
    assert seen == [(buyer, 40)]
    assert broken_promises(admin) == []


def test_what_the_host_grants_by_default_does_not_open_a_balance(hosted: Hosted) -> None:
    admin = hosted.database.connect()
    owner, wanted = person(admin, 100), reward(admin, 60)
    before = digest(admin)
    attempts = (
        "UPDATE public.user_credits SET balance = balance + 1000000",
        f"INSERT INTO public.user_credits (user_id, balance) VALUES ('{new_id()}', 1000)",
        "DELETE FROM public.user_credits",
        "TRUNCATE public.user_credits",
        "INSERT INTO public.collected_rewards SELECT"
        f" '{wanted}', '{owner}', 0, 0, clock_timestamp()",
        "UPDATE public.rewards SET cost = 1",
        "SELECT bursar.\"grant\"('[]')",
    )

    for role in ("authenticated", "anon"):
        with login(hosted, role, owner) as session:
            for statement in attempts:
                try:
                    changed = session.execute(statement.encode()).rowcount
                except psycopg.errors.InsufficientPrivilege:
                    changed = 0
                # A creator may change their own rewards; these are somebody else's.
                assert changed == 0, (role, statement)

    assert digest(admin) == before


def test_a_raw_update_by_the_hosts_service_role_is_an_audited_entry(hosted: Hosted) -> None:
    admin = hosted.database.connect()
    owner = person(admin, 100)

    with login(hosted, "service_role", owner) as session:
        session.execute(
            "UPDATE public.user_credits SET balance = balance - 30 WHERE user_id = %s", [owner]
        )

    actors = admin.execute(
        "SELECT actor FROM bursar.transaction WHERE owner_id = %s ORDER BY id", [owner]
    ).fetchall()
    assert balance(admin, owner) == 70
    assert actors == [("service",), ("sql:service_role",)]
    assert broken_promises(admin) == []


async def test_the_engine_buys_as_the_services_own_role(hosted: Hosted) -> None:
    admin = hosted.database.connect()
    buyer, wanted = person(admin, 100), reward(admin, 60)

    async with await Engine.open(hosted.database.service_url, Settings()) as engine:
        outcome = await engine.call(
            "purchase_reward",
            {
                "reward_id": wanted,
                "collector_id": buyer,
                "caller": {"role": "service_role"},
            },
        )

    assert outcome["status"] == "done"
    assert balance(admin, buyer) == 40
