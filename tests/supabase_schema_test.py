"""Beside an existing Supabase: its roles and its schema auth are there, and nobody is superuser."""

import json
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
from tests.ledger_in_sql import Ledger, done
from tests.market import ASSET, lead, totals
from tests.promises import broken_promises
from tests.store import balance, digest, new_id, person, reward
from tests.supabase_host import OWNER, SUPABASE_DATABASE, SUPABASE_ROLES

pytestmark = pytest.mark.postgres_versions("15", "18")

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
    assert {(what.partition(".")[0], right) for role, what, right in here if role == "anon"} == {
        (table, "SELECT")
        for table in (
            *("rewards", "leads", "skus", "sku_caps", "store_config", "generation_products"),
            *("games", "milestones", "awards"),
        )
    }


def login(hosted: Hosted, role: str, sub: str, **claims: object) -> psycopg.Connection:
    """Log in as PostgREST does, and take on the role and claims of a token."""
    url = hosted.database.cluster.url("authenticator", hosted.database.name)
    connection = psycopg.connect(url, autocommit=True)
    token = json.dumps({"role": role, "sub": sub, **claims})
    connection.execute("SELECT set_config('request.jwt.claims', %s, false)", [token])
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
    sold = lead(admin, 5)
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
        "UPDATE public.workspace_credits SET balance = 1000, total_earned = 1000",
        f"INSERT INTO public.workspace_credits (workspace_id, balance) VALUES ('{new_id()}', 1000)",
        "UPDATE public.leads SET price = 1",
        "UPDATE public.leads SET sold_count = 1",
        f"INSERT INTO public.card_refunds SELECT '{sold}', '{sold}', 1, 'x', 'owed'",
        "UPDATE public.card_payments SET status = 'paid'",
        "UPDATE public.marketplace_purchases SET status = 'completed'",
        "DELETE FROM public.audit_logs",
        "SELECT nextval('public.audit_logs_id_seq')",
        "UPDATE public.marketplace_config SET fee_basis_points = 0",
        f"SELECT public.complete_credit_lead_purchase('{owner}', ARRAY['{sold}']::uuid[])",
        "SELECT * FROM bursar.inbox",
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


@pytest.mark.parametrize(
    "claims", [{"workspace_id": "W"}, {"app_metadata": {"workspace_id": "W"}}, {"sub": "W"}]
)
def test_a_workspace_reads_its_purchases_through_the_hosts_own_login(
    hosted: Hosted, claims: dict[str, object]
) -> None:
    ledger = Ledger(hosted.database)
    workspace, wanted = ledger.funded(100, ASSET), lead(ledger.admin, 60)
    token = json.loads(json.dumps(claims).replace("W", workspace))

    with login(hosted, "service_role", new_id()) as session:
        bought = session.execute(
            "SELECT public.complete_credit_lead_purchase(%s, %s)", [workspace, [wanted]]
        ).fetchone()
    with login(hosted, "authenticated", **({"sub": new_id()} | token)) as session:
        seen = [
            session.execute(query.encode()).fetchall()
            for query in (
                "SELECT workspace_id::text, balance FROM public.workspace_credits",
                "SELECT id::text FROM public.marketplace_purchases",
                "SELECT lead_id::text FROM public.marketplace_purchase_items",
            )
        ]

    assert bought is not None
    assert seen == [[(workspace, 40)], [(done(bought[0])["purchase_id"],)], [(wanted,)]]
    assert totals(ledger, workspace) == (40, 0, 100, 60)
    assert broken_promises(ledger.admin) == []


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
