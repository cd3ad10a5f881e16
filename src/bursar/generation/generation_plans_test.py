"""Plans that a session made while nobody had generated yet read no whole tables later."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from tests.grown import read_so_far
from tests.ledger_in_sql import Ledger, done
from tests.studio import SERVICE, deduct, new_artist, submitted

pytestmark = pytest.mark.postgres_versions("15", "18")

MANY = 2000
# The rows of one table that one call may read, where thousands are others'. Where autovacuum has
# looked in between, a plan may go through what the test itself has made so far, as that is little.
FEW = 200
# The ledger looks for lapsed holds of a wallet that holds something, and has two partial indexes of
# open holds to choose from; which it takes on an empty table is not generation's to say.
OF_THE_LEDGER = {"hold"}
GROW = """
SET session_replication_role = replica;
CREATE TEMP TABLE fresh AS SELECT gen_random_uuid() AS id, gen_random_uuid() AS job, n + 1000000
    AS n FROM generate_series(1, {many}) AS n;
INSERT INTO public.profiles (id, credits) SELECT id, 5 FROM fresh;
INSERT INTO bursar.transaction (verb, asset, owner_id, amount, reason, actor, corrects, created_at)
SELECT 'refund', 'generation_credit', id, 1, 'grown', 'grown', n, now() FROM fresh;
INSERT INTO bursar.hold (id, transaction_id, asset, owner_id, amount, reason, actor, metadata,
    expires_at, created_at)
SELECT n, n, 'generation_credit', id::text, 1, 'grown', 'grown', '{{}}', 'infinity', now()
FROM fresh;
INSERT INTO public.generation_jobs (id, user_id, product, input, price, hold, due_at, give_up_at,
    actor, created_at)
SELECT job, id, 'image', '{{}}', 1, n, now() + interval '1 day', 'infinity', 'grown', now()
FROM fresh;
INSERT INTO public.generation_deductions (transaction_id, user_id, amount, created_at, lapses_at)
SELECT n, id, 1, now(), 'infinity' FROM fresh;
INSERT INTO public.generation_events (job_id, user_id, what, message, actor, happened_at)
SELECT job, id, 'x', 'x', 'grown', now() FROM fresh;
INSERT INTO bursar.idempotency SELECT uuid_send(id), '\\x01', '{{}}', now() FROM fresh;
DROP TABLE fresh;
SET session_replication_role = origin;
"""
EMPTY = """
SET session_replication_role = replica;
DELETE FROM public.generation_events; DELETE FROM public.generation_deductions;
DELETE FROM public.generation_jobs; DELETE FROM bursar.hold; DELETE FROM bursar.entry;
DELETE FROM bursar.transaction; DELETE FROM public.profiles; DELETE FROM bursar.idempotency;
SET session_replication_role = origin;
"""


def read_much(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    """The tables of which more was read than a call needs, and how much."""
    read = {name: after[name] - before[name] for name in after if name not in OF_THE_LEDGER}
    return {name: rows for name, rows in read.items() if rows > FEW}


@pytest.fixture
def young(ledger: Ledger) -> Iterator[psycopg.Connection]:
    """A session of its own, on tables that are empty and known to be."""
    ledger.admin.execute(EMPTY)
    ledger.admin.execute("VACUUM ANALYZE")
    with psycopg.connect(ledger.database.url, autocommit=True) as session:
        yield session


def deductions(ledger: Ledger) -> dict[str, Any]:
    return {"user_id": new_artist(ledger)}


def submissions(ledger: Ledger) -> dict[str, Any]:
    return {"user_id": new_artist(ledger), "input": {}, "key": "k"}


def later_submissions(ledger: Ledger) -> dict[str, Any]:
    user = new_artist(ledger, 2)
    done(deduct(ledger, user))
    return {"user_id": user, "input": {}}


def refunds(ledger: Ledger) -> dict[str, Any]:
    user = new_artist(ledger)
    done(deduct(ledger, user))
    return {"user_id": user, "key": "k"}


def results(ledger: Ledger) -> dict[str, Any]:
    return {"job_id": submitted(ledger, new_artist(ledger)), "result": "completed"}


def failures(ledger: Ledger) -> dict[str, Any]:
    user = new_artist(ledger)
    done(deduct(ledger, user))
    return {"job_id": submitted(ledger, user), "result": "failed"}


@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize(
    ("verb", "make"),
    [
        ("deduct_credit", deductions),
        ("submit_generation", submissions),
        ("submit_generation", later_submissions),
        ("refund_credit", refunds),
        ("end_generation", results),
        ("end_generation", failures),
    ],
)
def test_a_call_reads_its_own_rows_and_no_others(
    ledger: Ledger,
    young: psycopg.Connection,
    verb: str,
    make: Callable[[Ledger], dict[str, Any]],
    size: int,
) -> None:
    def call() -> list[dict[str, Any]]:
        return [make(ledger) | {"caller": SERVICE} for _ in range(size)]

    for _ in range(7):
        assert all(done(outcome) for outcome in ledger.ask(verb, call(), young))
    ledger.admin.execute(GROW.format(many=MANY).encode())
    ledger.ask(verb, call(), young)
    requests = call()
    before = read_so_far(ledger, young)

    assert all(done(outcome) for outcome in ledger.ask(verb, requests, young))

    assert read_much(before, read_so_far(ledger, young)) == {}


CHORES = (
    "SELECT bursar.lease_generation_jobs('w', 5, 60)",
    "SELECT bursar.expire_credit_deductions(100)",
    "SELECT bursar.keep_generation_lease(gen_random_uuid()::text, gen_random_uuid()::text, 5)",
    "SELECT bursar.read_generation_marks(gen_random_uuid()::text)",
    "SELECT bursar.read_generation_job(gen_random_uuid()::text, NULL)",
    "SELECT bursar.read_studio(gen_random_uuid()::text, 20)",
)


@pytest.mark.parametrize("chore", CHORES)
def test_a_chore_reads_what_is_due_and_no_more(
    ledger: Ledger, young: psycopg.Connection, chore: str
) -> None:
    for _ in range(7):
        user = new_artist(ledger, 2)
        submitted(ledger, user)
        young.execute(chore.encode())
    ledger.admin.execute(GROW.format(many=MANY).encode())
    young.execute(chore.encode())
    before = read_so_far(ledger, young)

    young.execute(chore.encode())

    assert read_much(before, read_so_far(ledger, young)) == {}
