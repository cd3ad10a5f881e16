"""What `verify` tells of the catalogue: everything that is there, and each thing that is wrong."""

import psycopg

from bursar.db.scratch import ScratchDatabase
from bursar.ops import migrate
from bursar.ops.migrate.inventory import Fact

# What somebody did by hand, and what is said of it.
DAMAGE = {
    "DROP FUNCTION public.purchase_bounty": (
        "function",
        "public.purchase_bounty",
        "is missing",
    ),
    "ALTER FUNCTION bursar.carry(text, jsonb) RESET search_path": (
        "function",
        "bursar.carry(p_verb text, p_requests jsonb)",
        "runs with the rights of its owner, and its search_path is not pinned",
    ),
    "GRANT EXECUTE ON FUNCTION bursar.carry(text, jsonb) TO PUBLIC": (
        "grant",
        "bursar.carry(p_verb text, p_requests jsonb) PUBLIC",
        "runs with the rights of its owner, for everybody",
    ),
    "ALTER TABLE public.rewards ADD CONSTRAINT cheap CHECK (cost < 10) NOT VALID": (
        "constraint",
        "public.rewards cheap",
        "is not validated",
    ),
    "ALTER TABLE public.user_credits DISABLE TRIGGER zz_bursar_raw_update": (
        "trigger",
        "public.user_credits zz_bursar_raw_update",
        "is not enabled",
    ),
    "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'public.rewards_pkey'::regclass": (
        "index",
        "public.rewards rewards_pkey",
        "is invalid, and no query uses it",
    ),
    "GRANT INSERT ON bursar.entry TO anon": (
        "grant",
        "bursar.entry anon",
        "may be written by everybody",
    ),
}


def look(database: ScratchDatabase) -> tuple[Fact, ...]:
    return migrate.verify(database.url).inventory


def test_everything_there_is_told_and_each_thing_that_is_wrong(database: ScratchDatabase) -> None:
    sound = look(database)
    kinds = {fact.kind for fact in sound}

    assert [fact for fact in sound if fact.complaint] == []
    assert kinds == {
        *("function", "constraint", "index", "trigger", "policy", "grant", "balances"),
    }
    told = {fact.name: fact.detail for fact in sound if fact.kind == "function"}
    assert told[
        "public.purchase_reward(p_reward_id uuid, p_collector_id uuid, p_expected_price bigint)"
    ].startswith("security definer, search_path pg_catalog")
    # What the app has besides is not looked at.
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE public.theirs (a int)")
        connection.execute("ALTER TABLE public.theirs ADD CHECK (a > 0) NOT VALID")
        connection.execute(
            "CREATE FUNCTION public.theirs() RETURNS int SECURITY DEFINER"
            " LANGUAGE sql AS 'SELECT 1'"
        )
    assert look(database) == sound

    with psycopg.connect(database.url, autocommit=True) as connection:
        for statement in DAMAGE:
            connection.execute(statement.encode())
        connection.execute("ALTER TABLE public.rewards DISABLE ROW LEVEL SECURITY")
    wrong = {(fact.kind, fact.name, fact.complaint) for fact in look(database) if fact.complaint}

    assert set(DAMAGE.values()) <= wrong
    assert {complaint for kind, _, complaint in wrong if kind == "policy"} == {
        "the table has no row-level security"
    }
    assert not migrate.verify(database.url).holds


def test_negative_balances_are_counted(database: ScratchDatabase) -> None:
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO public.user_credits (user_id, balance)"
            " SELECT gen_random_uuid(), n FROM generate_series(1, 3) AS n"
        )
        connection.execute("ALTER TABLE public.user_credits DISABLE TRIGGER USER")
        for (name,) in connection.execute(
            "SELECT conname FROM pg_constraint WHERE contype = 'c'"
            " AND conrelid = 'public.user_credits'::regclass"
        ).fetchall():
            connection.execute(f"ALTER TABLE public.user_credits DROP CONSTRAINT {name}".encode())
        connection.execute("UPDATE public.user_credits SET balance = -1 WHERE balance = 2")

    [held] = [fact for fact in look(database) if (fact.kind, fact.name) == ("balances", "credit")]

    assert held.detail == "3 wallets, 1 of them negative"
    assert held.complaint == "has negative balances"
