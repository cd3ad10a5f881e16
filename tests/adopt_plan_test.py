"""What stands in the way of adopting a table is found before anything is changed; so is who writes.

The columns and owners that a store may have work as well as ours.
"""

import contextlib
import uuid
from typing import Any

import psycopg
import pytest

from bursar.adoption import Wish, apply_adoption, give_back, look
from bursar.adoption.errors import NotReadyError
from bursar.db.scratch import ScratchDatabase
from tests.adopting import TABLE, WISH, adopt, agreement, carry, one, shape
from tests.ledger_in_sql import Ledger

APP_ROLE = "adopt_test_app"
# What an app's table may be, and a part of the sentence that it is refused with.
OBSTACLES = (
    ("CREATE VIEW {t} AS SELECT 'a'::text AS member, 1::bigint AS amount", "is a view"),
    (
        "CREATE TABLE {t} (member text, amount bigint, PRIMARY KEY (member))"
        " PARTITION BY HASH (member)",
        "is partitioned",
    ),
    (
        "CREATE TABLE {t}_parent (member text, amount bigint);"
        " CREATE TABLE {t} (PRIMARY KEY (member)) INHERITS ({t}_parent)",
        "inherits",
    ),
    ("CREATE UNLOGGED TABLE {t} (member text PRIMARY KEY, amount bigint)", "unlogged"),
    ("CREATE TABLE {t} (member text NOT NULL, amount bigint)", "no unique key on member"),
    (
        "CREATE TABLE {t} (member text NOT NULL, team text, amount bigint, UNIQUE (member, team))",
        "no unique key on member",
    ),
    (
        "CREATE TABLE {t} (member text NOT NULL UNIQUE DEFERRABLE, amount bigint)",
        "no unique key on member",
    ),
    ("CREATE TABLE {t} (member text UNIQUE, amount bigint)", "member may be NULL"),
    ("CREATE TABLE {t} (member integer PRIMARY KEY, amount bigint)", "owners in member are of"),
    ("CREATE TABLE {t} (member text PRIMARY KEY, amount double precision)", "are of type double"),
    ("CREATE TABLE {t} (member text PRIMARY KEY, amount numeric(12,2))", "numeric(12,2)"),
    ("CREATE TABLE {t} (member text PRIMARY KEY, amount numeric)", "are of type numeric;"),
    (
        "CREATE TABLE {t} (member text PRIMARY KEY, paid bigint,"
        " amount bigint GENERATED ALWAYS AS (paid) STORED)",
        "generated column",
    ),
    ("CREATE TABLE {t} (member text PRIMARY KEY)", "no column amount"),
    (
        "CREATE TABLE {t} (member text PRIMARY KEY, amount bigint, bursar_seq bigint)",
        "columns of the ledger's names",
    ),
    (
        "CREATE TABLE {t} (member text PRIMARY KEY, amount bigint);"
        " CREATE RULE quiet AS ON DELETE TO {t} DO INSTEAD NOTHING",
        "rewrite rules",
    ),
)
TROUBLES = (
    ("('élan', 1), ('b ', 1), ('system:fees', 1), (repeat('x', 300), 1)", "4 rows have owners"),
    ("('rich', 1000000000000000001)", "more than 10^18"),
    ("('nil', NULL)", "no balance (NULL)"),
)


def test_what_is_no_store_is_refused_with_a_reason(ledger: Ledger) -> None:
    for number, (made, sentence) in enumerate(OBSTACLES):
        table = f"public.odd_{number}"
        ledger.admin.execute(made.format(t=table).encode())

        wish = Wish(asset="odd", table=table, owner="member", balance="amount", negative="debt")
        told = look(ledger.database.url, wish).in_the_way

        assert any(sentence in line for line in told), (made, told)
        with pytest.raises(NotReadyError):
            apply_adoption(ledger.database.url, wish)
    assert one(ledger.admin, "SELECT count(*) FROM bursar.adoption") == 0


@pytest.mark.parametrize(
    ("asset", "table", "sentence"),
    [
        ("Odd Name", "public.points", "no name of an asset"),
        ("credit", "public.points", "an asset credit already"),
        ("asset", "public.points", "taken by functions of the ledger"),
        ("point", "public.user_credits", "is a store already"),
        ("point", "bursar.wallet", "not an app's own table"),
        ("point", "public.nowhere", "There is no table"),
    ],
)
def test_names_that_are_taken_are_refused(
    ledger: Ledger, asset: str, table: str, sentence: str
) -> None:
    ledger.admin.execute(TABLE.replace("TABLE", "TABLE IF NOT EXISTS", 1).encode())
    wish = Wish(asset=asset, table=table, owner="member", balance="amount")

    with pytest.raises(NotReadyError, match=sentence):
        apply_adoption(ledger.database.url, wish)


def test_rows_that_cannot_be_wallets_are_listed_with_examples(database: ScratchDatabase) -> None:
    admin = database.connect()
    for rows, sentence in TROUBLES:
        admin.execute("DROP TABLE IF EXISTS public.points")
        admin.execute(TABLE.replace("NOT NULL DEFAULT 0", "").encode())
        admin.execute(f"INSERT INTO public.points (member, amount) VALUES {rows}".encode())
        before = shape(admin)

        [told] = look(database.url, WISH).in_the_way

        assert sentence in told
        assert shape(admin) == before


@pytest.mark.postgres_versions("15", "18")
@pytest.mark.parametrize(
    ("owner_type", "balance_type"),
    [
        ("uuid", "integer"),
        ("character varying(80)", "numeric(9,0)"),
        ('text COLLATE "C"', "bigint"),
    ],
)
def test_columns_of_other_types_work_as_stores(
    database: ScratchDatabase, owner_type: str, balance_type: str
) -> None:
    admin = database.connect()
    admin.execute("CREATE SCHEMA app")
    admin.execute(
        f'CREATE TABLE app."Odd points" ("Who" {owner_type} PRIMARY KEY,'
        f' "How much" {balance_type} NOT NULL)'.encode()
    )
    ann, bob = str(uuid.UUID(int=1)), str(uuid.UUID(int=2))
    admin.execute('INSERT INTO app."Odd points" VALUES (%s, 100)', [ann])
    wish = Wish(asset="point", table='app."Odd points"', owner="Who", balance="How much")

    apply_adoption(database.url, wish)

    assert carry(admin, "transfer", owner_id=ann, to_owner_id=bob, amount=30)["status"] == "done"
    too_much = {"integer": 2_147_483_647, "numeric(9,0)": 999_999_999}.get(balance_type, 10**15)
    full = carry(admin, "grant", owner_id=ann, amount=too_much)
    assert full.get("code") == (None if balance_type == "bigint" else "BALANCE_LIMIT")
    admin.execute('UPDATE app."Odd points" SET "How much" = "How much" - 1 WHERE "Who" = %s', [bob])
    assert one(admin, 'SELECT "How much" FROM app."Odd points" WHERE "Who" = %s', bob) == 29
    assert agreement(database)["unopened"] == 0
    if balance_type.startswith("numeric"):
        with pytest.raises(psycopg.errors.DataError):
            admin.execute('UPDATE app."Odd points" SET "How much" = \'NaN\'')
    give_back(database.url, "point")


def test_the_plan_says_who_may_write_and_they_may_or_may_not(database: ScratchDatabase) -> None:
    admin = database.connect()
    _make_role(admin)
    admin.execute(TABLE.encode())
    admin.execute("INSERT INTO public.points VALUES ('ann', 5)")
    admin.execute(
        f"GRANT SELECT, UPDATE ON public.points TO {APP_ROLE}, authenticated, service_role".encode()
    )

    plain = "\n".join(look(database.url, WISH).plan)
    told = "\n".join(look(database.url, _with_writer()).plan)

    assert f"REFUSED: {APP_ROLE}, authenticated." in plain
    assert "REFUSED: authenticated." in told
    assert f"become entries: {APP_ROLE}," in told
    adopt(database, writers=(APP_ROLE,))
    write = "UPDATE public.points SET amount = amount + 1 WHERE member = 'ann'"
    for role in (APP_ROLE, "service_role"):
        database.connect(role).execute(write.encode())
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="may not write balances"):
        database.connect("authenticated").execute(write.encode())
    actors = admin.execute(
        "SELECT actor FROM bursar.transaction WHERE asset = 'point' AND reason = 'updated by SQL'"
        " ORDER BY id"
    ).fetchall()
    assert actors == [(f"sql:{APP_ROLE}",), ("sql:service_role",)]
    assert agreement(database)["balances"] == 7
    with pytest.raises(NotReadyError, match="There is no role nobody_at_all"):
        apply_adoption(
            database.url, Wish(**{**_words(), "asset": "x", "writers": ["nobody_at_all"]})
        )


def _with_writer() -> Wish:
    return Wish(**{**_words(), "writers": (APP_ROLE,)})


def _words() -> dict[str, Any]:
    return {name: getattr(WISH, name) for name in WISH.__slots__}


def _make_role(admin: psycopg.Connection[Any]) -> None:
    """Roles are shared by all databases of the server, so it may be there already."""
    with contextlib.suppress(psycopg.errors.DuplicateObject):
        admin.execute(f"CREATE ROLE {APP_ROLE}".encode())
