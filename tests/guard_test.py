"""Every command is declared, and the dangerous ones do nothing to production unconfirmed.

The commands are found in the program itself: one that declares nothing fails here, and so does a
dangerous one that nobody says how to call.
"""

import contextlib
import uuid
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import psycopg
import pytest
import typer
from psycopg import sql
from typer.testing import CliRunner, Result

from bursar.cli import deployment, race, root, smoke, up
from bursar.cli.danger import DANGEROUS, READS, danger_of
from bursar.db.embedded import Cluster
from bursar.db.scratch import ScratchDatabase, scratch_database
from bursar.ops.backup import demand, list_backups, take_backup
from bursar.ops.production import mark_production
from bursar.ops.race import Verdict
from tests.store import digest

OWNER = str(uuid.uuid4())
SHIELD = "consumable_streakshield_1"
WHY = ("--reason", "a test")
ADOPTED = ("--table", "points", "--owner", "member", "--balance", "amount")
EXPECTED = "CREATE TABLE public.sign (id bigint PRIMARY KEY);"
# How each is called so that it would change something; {…} are places of this run.
CALLS: dict[str, tuple[str, ...]] = {
    "wallet grant": (OWNER, "5"),
    "wallet adjust": (OWNER, "-1", *WHY),
    "wallet freeze": (OWNER, *WHY),
    "claims recover": ("--apply", "--backup-to", "{tmp}"),
    "claims override": ("ann", SHIELD, "t2", *WHY),
    "claims recalculate": ("--apply", "--backup-to", "{tmp}"),
    "claims mode": ("queue", *WHY),
    "queue replay": (),
    "reconcile": ("--apply", "--backup-to", "{tmp}"),
    "sweep": (),
    "switch sku": (SHIELD, "off", *WHY),
    "switch message": ("Back at noon.", *WHY),
    "degraded on": WHY,
    "degraded off": WHY,
    "repair": ("--apply", "--expect", "{expected}"),
    "migrate down": ("--yes",),
    "migrate up": (),
    "deploy": ("--no-smoke", "--skip-backup", "--backups", "{tmp}/backups"),
    "production off": (),
    "restore": ("{backup}",),
    "up": ("--port", "0", "--data", "{tmp}"),
    "smoke": ("--url", "http://127.0.0.1:1"),
    "race": ("--url", "http://127.0.0.1:1"),
    "adopt apply": ("point", *ADOPTED),
    "adopt back": ("point",),
    "db stop": ("--force", "--data", "{cluster}"),
    # These only read, with what they cannot do without or would take long otherwise.
    "wallet show": (OWNER,),
    "wallet explain": (OWNER,),
    "wallet statement": (OWNER,),
    "audit": ("--only", "balances_are_not_negative"),
    "doctor": ("--expect", "{expected}"),
    "adopt plan": ("point", *ADOPTED),
    "db start": ("--data", "{cluster}"),
    "db status": ("--data", "{cluster}"),
    "token": ("--role", "service_role"),
    "backup list": ("{tmp}",),
}
# What the catalogue says of everything that somebody may make, change or take away.
CATALOGUE = """
    SELECT md5(string_agg(line, ' ' ORDER BY line)) FROM (
        SELECT concat_ws('|', oid, relname, relnamespace, relowner, relkind, relacl,
            relrowsecurity, reloptions) FROM pg_class
        UNION ALL SELECT t::text FROM pg_attribute AS t
        UNION ALL SELECT t::text FROM pg_proc AS t
        UNION ALL SELECT t::text FROM pg_constraint AS t
        UNION ALL SELECT t::text FROM pg_trigger AS t
        UNION ALL SELECT t::text FROM pg_policy AS t
        UNION ALL SELECT t::text FROM pg_namespace AS t
        UNION ALL SELECT t::text FROM pg_type AS t
        UNION ALL SELECT t::text FROM pg_rewrite AS t
        UNION ALL SELECT t::text FROM bursar_meta.release AS t
        UNION ALL SELECT t::text FROM pg_db_role_setting AS t  -- of all databases of the server
        WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
    ) AS all_of_it (line)"""


def commands() -> dict[str, Any]:
    """Every command of the program by what is typed, and the function that carries it out."""
    found: dict[str, Any] = {}

    def add(words: str, command: Any) -> None:
        for name, inner in getattr(command, "commands", {}).items():
            add(f"{words} {name}", inner)
        if not hasattr(command, "commands"):
            found[words] = command.callback

    for name, module in root._MODULES.items():
        add(name, typer.main.get_command(import_module(module).app))
    return found


def declared(what: str) -> list[str]:
    return [words for words, callback in commands().items() if danger_of(callback) == what]


class Production:
    """A database that is marked production, and the program, which finds it in the environment."""

    def __init__(self, database: ScratchDatabase, places: dict[str, str]) -> None:
        self.database = database
        self.admin = database.connect()
        self.places = places

    def back_up(self) -> None:
        """Take the backup that `restore` would bring back: of what is live now."""
        taken = take_backup(self.database.url, Path(self.places["tmp"]) / "backups")
        self.places["backup"] = str(taken.path)

    def settle(self) -> None:
        """Connect to what is live after a restore, and drop what was live before."""
        self.admin = self.database.connect()
        with psycopg.connect(self.database.cluster.url(), autocommit=True) as connection:
            for (name,) in connection.execute(
                "SELECT datname FROM pg_database WHERE starts_with(datname, %s)",
                [f"{self.database.name}_before_"],
            ).fetchall():
                drop = sql.SQL("DROP DATABASE {} WITH (FORCE)")
                connection.execute(drop.format(sql.Identifier(name)))

    def run(self, words: str, *more: str) -> Result:
        arguments = [one.format(**self.places) for one in CALLS.get(words, ())]
        return CliRunner().invoke(root.app, [*words.split(), *arguments, *more])

    @contextlib.contextmanager
    def readied(self, words: str) -> Iterator[None]:
        """Have what a command takes away there before it, and gone after it."""
        confirmed = ("--confirm", self.database.name)
        if words == "adopt back":
            assert self.run("adopt apply", *confirmed).exit_code == 0
        yield
        if words in ("adopt apply", "adopt back"):
            self.run("adopt back", *confirmed)

    def state(self) -> tuple[dict[str, str], list[Any]]:
        """A digest of every table, and one of the schema."""
        return digest(self.admin), self.admin.execute(CATALOGUE).fetchall()

    def journal(self) -> list[tuple[str, str]]:
        return self.admin.execute(
            "SELECT command, status FROM bursar.operation ORDER BY started_at, id"
        ).fetchall()


@pytest.fixture(scope="module")
def production(
    cluster: Cluster, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Production]:
    directory = tmp_path_factory.mktemp("guard")
    (directory / "expected.sql").write_text(EXPECTED, "utf-8")
    places = {"tmp": directory, "expected": directory / "expected.sql"}
    with scratch_database(cluster, template) as database, pytest.MonkeyPatch.context() as patch:
        patch.setenv("BURSAR_DATABASE_URL", database.url)
        patch.setenv("BURSAR_JWT_SECRET", "x" * 32)
        # Nothing is started beside it, nobody is served, and the server of all tests goes on.
        patch.setenv("BURSAR_STRIPE_API_KEY", "sk_test_none")
        patch.setenv("BURSAR_PROVIDER_URL", "http://127.0.0.1:1/v1")
        patch.delenv("PROD_CONFIRM", raising=False)
        # A backup that was taken counts as verified: that it is asked for is tested elsewhere.
        patch.setenv("BURSAR_BACKUP_DIRECTORY", str(directory / "backups"))
        patch.setattr(demand, "latest_verified_of", lambda _, where, **__: list_backups(where)[0])
        patch.setattr(up, "listen", lambda *_, **__: None)
        for trial in (smoke, race):
            patch.setattr(trial, "_run", lambda *_: Verdict([], []))
        patch.setattr(Cluster, "shut_down", lambda _: None)
        patch.setattr(deployment, "DATABASE", database.name)
        made = Production(
            database,
            {**{name: str(path) for name, path in places.items()}, "cluster": str(_home(cluster))},
        )
        made.admin.execute(
            "INSERT INTO public.audit_purchases (tx_id, user_id, sku, status)"
            " SELECT n, 'ann', %s, 'NON_RENEWING_PURCHASE' FROM unnest(ARRAY['t1', 't2']) AS n",
            [SHIELD],
        )
        made.admin.execute(
            "INSERT INTO public.user_wallet_balances (user_id, streakshield_count)"
            " VALUES ('bob', 3)"
        )
        made.admin.execute(
            "CREATE TABLE public.points (member text PRIMARY KEY, amount bigint NOT NULL)"
        )
        assert made.run("wallet grant").exit_code == 0
        assert made.run("production on").exit_code == 0
        made.back_up()
        yield made


def _home(cluster: Cluster) -> Path:
    return cluster.place.home


def test_every_command_says_what_it_may_do() -> None:
    silent = [words for words, callback in commands().items() if danger_of(callback) is None]

    assert silent == [], "Declare each with a decorator of bursar/cli/danger.py."
    assert set(CALLS) <= set(commands())
    assert len(declared(DANGEROUS)) > 15


@pytest.mark.parametrize("words", declared(DANGEROUS))
def test_unconfirmed_it_does_nothing_to_production(production: Production, words: str) -> None:
    with production.readied(words):
        before = production.state()

        plain, mistaken = production.run(words), production.run(words, "--confirm", "elsewhere")

        for done in (plain, mistaken):
            said = done.stdout + done.stderr
            assert "is marked production" in said, f"How is it called? {said} {done.exception}"
            assert f"--confirm {production.database.name}" in said
            assert done.exit_code == 2
        assert "'elsewhere'" in mistaken.stdout + mistaken.stderr
        assert production.state() == before


@pytest.mark.parametrize("words", declared(READS))
def test_what_only_reads_asks_nobody_and_changes_nothing(
    production: Production, words: str
) -> None:
    before = production.state()

    done = production.run(words)

    assert done.exit_code in (0, 1), done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert production.state() == before


@pytest.mark.parametrize("words", declared(DANGEROUS))
def test_confirmed_it_is_done_and_kept(production: Production, words: str) -> None:
    with production.readied(words):
        before = len(production.journal())
        if words == "restore":
            production.back_up()

        done = production.run(words, "--confirm", production.database.name)

        if words == "restore":
            production.settle()
        said = done.stdout + done.stderr
        assert done.exit_code in (0, 1), said
        assert done.exception is None or isinstance(done.exception, SystemExit), said
        command, status = production.journal()[-1]
        assert len(production.journal()) == before + 1, said
        assert command.startswith(f"bursar {words}")
        assert status == "done", said
        # The way back, for those who come after it.
        mark_production(production.admin, True)
        if words == "migrate down":
            again = production.run("migrate up", "--confirm", production.database.name)
            assert again.exit_code == 0, again.stderr


def test_the_environment_confirms_as_well(
    production: Production, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROD_CONFIRM", "yes")
    assert production.run("wallet grant").exit_code == 2

    monkeypatch.setenv("PROD_CONFIRM", "YES")
    assert production.run("wallet grant").exit_code == 0


def test_up_asks_only_where_something_would_change(production: Production) -> None:
    def start() -> Result:
        return CliRunner().invoke(
            root.app, ["up", "--no-demo", *(one.format(**production.places) for one in CALLS["up"])]
        )

    kept = production.journal()
    unchanged = start()
    assert (unchanged.exit_code, production.journal()) == (0, kept), unchanged.stderr

    production.admin.execute(
        "UPDATE bursar_meta.routine SET checksum = 'of another text'"
        " WHERE path = 'ledger/clock.sql'"
    )
    before = production.state()
    changing = start()

    assert changing.exit_code == 2
    assert "routines" in changing.stderr
    assert production.state() == before
