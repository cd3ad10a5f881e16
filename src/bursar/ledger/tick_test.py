"""The database sweeps by itself where a scheduler calls `tick`; one sweeper stops no other."""

from collections.abc import Iterator

import pytest

from tests.ledger_in_sql import Ledger, done

pytestmark = pytest.mark.postgres_versions("15", "18")

# Of every room; a sweeper that is new belongs here.
SWEEPERS = {
    "expire_credit_deductions",
    "expire_generation_jobs",
    "expire_holds",
    "expire_lead_reservations",
    "expire_metrics",
}
FAILING = """
CREATE OR REPLACE FUNCTION bursar.expire_alas(p_limit integer) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    UPDATE public.profiles SET email = 'half done';
    RAISE EXCEPTION 'alas';
END
$$
"""
# Looks like a sweeper, and is none.
NO_SWEEPER = """
CREATE OR REPLACE FUNCTION bursar.expire_text(p_limit text) RETURNS bigint LANGUAGE sql
    RETURN 1 / 0;
CREATE OR REPLACE FUNCTION bursar.expire_two(p_limit integer, p_more integer) RETURNS bigint
    LANGUAGE sql RETURN 1 / 0;
"""


@pytest.fixture
def _broken_sweeper(ledger: Ledger) -> Iterator[None]:
    ledger.admin.execute(FAILING)
    ledger.admin.execute(NO_SWEEPER)
    yield
    ledger.admin.execute(
        "DROP FUNCTION bursar.expire_alas(integer), bursar.expire_text(text),"
        " bursar.expire_two(integer, integer)"
    )


def lapsed(ledger: Ledger) -> str:
    """Somebody with a credit of whom a hold has lapsed."""
    owner = ledger.funded(5)
    held = done(ledger.one("hold", owner_id=owner, asset="credit", amount=2))
    ledger.admin.execute(
        "UPDATE bursar.hold SET expires_at = now() - interval '1 second' WHERE id = %s",
        [held["hold_id"]],
    )
    return owner


def tick(ledger: Ledger) -> dict[str, object]:
    found: dict[str, object] = ledger.caller.execute("SELECT bursar.tick()").fetchall()[0][0]
    return found


def test_it_runs_the_sweepers_of_every_room(ledger: Ledger) -> None:
    owner = lapsed(ledger)

    swept = tick(ledger)

    assert set(swept) >= SWEEPERS | {"prune_idempotency"}
    assert swept["expire_holds"] == 1
    assert ledger.wallet(owner) == (5, 0, 0)
    assert tick(ledger)["expire_holds"] == 0


@pytest.mark.usefixtures("_broken_sweeper")
def test_a_sweeper_that_fails_stops_no_other_and_leaves_nothing_half_done(ledger: Ledger) -> None:
    owner = lapsed(ledger)
    ledger.admin.execute("INSERT INTO public.profiles (email) VALUES ('whole')")

    swept = tick(ledger)

    assert (swept["expire_alas"], swept["expire_holds"]) == ("alas", 1)
    assert {"expire_text", "expire_two"}.isdisjoint(swept)
    assert ledger.wallet(owner) == (5, 0, 0)
    assert ledger.value("SELECT count(*) FROM public.profiles WHERE email = 'half done'") == 0


def test_while_changes_are_paused_it_sweeps_nothing(ledger: Ledger) -> None:
    owner = lapsed(ledger)
    ledger.admin.execute("UPDATE bursar.gate SET degraded = true")
    try:
        swept = tick(ledger)
    finally:
        ledger.admin.execute("UPDATE bursar.gate SET degraded = false")
    assert {swept[name] for name in SWEEPERS} == {0}, swept
    assert ledger.wallet(owner) == (5, 2, 0)
    assert tick(ledger)["expire_holds"] == 1
