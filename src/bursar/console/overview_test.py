"""Whether money is safe: each answer of the overview, from a database in which it is so."""

import uuid
from datetime import timedelta

from bursar.console.conftest import SECRET, Desk
from bursar.console.routes import console_routes
from bursar.http.app import create_app
from bursar.settings import Settings
from tests.monitor_scenarios import Scenario, Traffic
from tests.monitor_tellings import tell_database

FAILING = Scenario(
    "half of it fails", ((0, 60, (Traffic(), Traffic(kind="error", outcome="FAULT"))),), {59: set()}
)


def looked_at(desk: Desk) -> None:
    """Have the wallets checked, as the worker does every few minutes."""
    desk.ledger.admin.execute(
        "TRUNCATE bursar.observation; SELECT bursar.observe(0)", prepare=False
    )


def audited(desk: Desk, said: str = "Every promise holds.", days: int = 0, **more: object) -> None:
    """Keep the outcome of an audit, as the console does when one has ended."""
    key = str(uuid.uuid4())
    healthy = str(more.get("healthy", True)).lower()
    desk.ledger.admin.execute("SELECT bursar.begin_check(%s, 'audit', 'operator:ann', 9)", [key])
    desk.ledger.admin.execute(
        "SELECT bursar.end_check(%s, 'done', %s, %s, '{}')", [key, healthy, said]
    )
    desk.ledger.admin.execute(
        "UPDATE bursar.check_run SET started_at = started_at - %s WHERE id = %s",
        [timedelta(days=days), key],
    )


async def ask(desk: Desk) -> str:
    """Sign in and look; each test has a service of its own, which has not looked before."""
    await desk.sign_in("viewer", "vic")
    return await desk.look("/console")


async def test_nobody_has_looked_yet(desk: Desk) -> None:
    desk.ledger.admin.execute("TRUNCATE bursar.observation")
    said = await ask(desk)
    assert "Is money safe? Not known , because" in said
    assert "nobody has audited the ledger yet" in said


async def test_all_is_well(desk: Desk) -> None:
    desk.ledger.funded(40)
    looked_at(desk)
    audited(desk)
    said = await ask(desk)
    assert "Is money safe? Yes. Every wallet holds its promises" in said
    assert 'data-state="good"' in desk.page
    assert "sign-bad" not in desk.page
    assert "1 wallet checked" in said
    # Each fact has its state in words, and leads on.
    for fact in ("Negative balances", "Audit", "Seal", "Alerts", "Gate", "Database", "Schema"):
        assert f"{fact}</a></th>" in desk.page, fact


async def test_a_balance_below_zero_breaks_a_promise(desk: Desk) -> None:
    owner = desk.ledger.funded(40)
    desk.ledger.admin.execute("SET session_replication_role = replica")
    for (name,) in desk.ledger.rows(
        "SELECT conname FROM pg_constraint WHERE conrelid = 'public.user_credits'::regclass"
        " AND contype = 'c'"
    ):
        desk.ledger.admin.execute(f'ALTER TABLE public.user_credits DROP CONSTRAINT "{name}"')
    desk.ledger.admin.execute(
        "UPDATE public.user_credits SET balance = -5 WHERE user_id = %s", [owner]
    )
    looked_at(desk)
    audited(desk)
    said = await ask(desk)
    assert "Is money safe? No , because" in said
    assert "1 balance below zero" in said
    assert "1 of 1 wallet does not agree" in said
    assert 'class="sign-bad"' in desk.page


async def test_an_audit_that_found_something_breaks_a_promise(desk: Desk) -> None:
    looked_at(desk)
    audited(desk, "1 of 36 promises do not hold: balances_are_not_negative (1).", healthy=False)
    said = await ask(desk)
    assert "No , because 1 of 36 promises do not hold" in said


async def test_an_old_audit_says_nothing_of_now(desk: Desk) -> None:
    looked_at(desk)
    audited(desk, days=9)
    said = await ask(desk)
    assert "Not known , because the last audit is 9 days old" in said


async def test_a_closed_gate_wants_attention_and_breaks_nothing(desk: Desk) -> None:
    looked_at(desk)
    audited(desk)
    desk.ledger.admin.execute("SELECT bursar.set_degraded(true, 'a move', 'operator:ann')")
    said = await ask(desk)
    assert "Yes. Every wallet holds its promises;" in said
    assert "Changes are paused by operator:ann: a move." in said
    assert "sign-bad" not in desk.page


async def test_an_alert_that_fires_is_named(desk: Desk) -> None:
    tell_database(desk.ledger.admin, FAILING)
    # The scenario's last minute is the one before this.
    desk.ledger.admin.execute(
        "UPDATE bursar.metric_minute SET minute = minute + (date_trunc('minute', bursar.clock())"
        " - (SELECT max(minute) FROM bursar.metric_minute) - interval '2 minutes')"
    )
    looked_at(desk)
    audited(desk)
    said = await ask(desk)
    assert "Firing: Errors 50 %, above 5;" in said
    assert "Is money safe? Yes." in said


async def test_a_schema_that_is_behind_is_named(desk: Desk) -> None:
    desk.ledger.admin.execute("DELETE FROM bursar_meta.step WHERE number = 12")
    desk.ledger.admin.execute("UPDATE bursar_meta.routine SET checksum = 'x' WHERE path ~ 'grant'")
    said = await ask(desk)
    assert "Steps that are not as expected: 0012_ops_console; routines that do not match:" in said


async def test_a_database_that_is_away_is_said_to_be() -> None:
    settings = Settings(
        jwt_secret=SECRET,
        database_url="host=127.0.0.1 port=1 dbname=x connect_timeout=1",
        log_level="error",
    )
    app = create_app(None, settings, route_handlers=console_routes(settings))
    try:
        desk = Desk.__new__(Desk)
        desk.app, desk.page = app, ""
        desk.client = desk.browser()
        said = await ask(desk)
        assert "Is money safe? Not known , because the database does not answer." in said
        said = await desk.look("/console/journal", 503)
        assert "UNAVAILABLE" in said
    finally:
        await desk.client.aclose()
        await app.close()


async def test_what_is_left_out_is_said_to_be(desk: Desk) -> None:
    """A database whose seals were undone has its pages all the same."""
    desk.ledger.admin.execute(
        "DROP TABLE bursar.seal, bursar.seal_block, bursar.seal_checkpoint CASCADE"
    )
    looked_at(desk)
    assert "This database keeps no seals." in await ask(desk)
    assert "Nothing is sealed yet." in await desk.look("/console/checks")
