"""Audits and examinations from the console: carried out, kept, journaled, one at a time."""

import asyncio
import uuid
from typing import Any

import pytest

from bursar.console import check_runs
from bursar.console.check_runs import CheckRuns, Found, Tell
from bursar.console.conftest import Desk
from bursar.console.task import Means, Order
from bursar.http.attendants import Attendants
from bursar.ops.audit import snapshot
from bursar.settings import Settings
from tests.patience import AGE_SECONDS, PATIENCE_SECONDS, until


class Records:
    """What a check writes down; its end takes until somebody goes on."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.ending = asyncio.Event()
        self.go_on = asyncio.Event()

    async def read(self, function: str, *arguments: str | int | None) -> Any:
        if function == "end_check":
            self.ending.set()
            await self.go_on.wait()
        self.asked.append(function)
        return {"begun": True}


async def run(desk: Desk, task: str) -> str:
    """Begin a check, and wait until it has ended; the page that it led to is answered."""
    await desk.plan(task)
    back = await desk.carry_out(task)
    await until(lambda: desk.journal()[-1][2] != "running")
    return await desk.look(f"/{back.removeprefix('../../../').removeprefix('../../')}")


async def test_an_audit_proves_every_promise_and_is_kept(desk: Desk) -> None:
    desk.ledger.funded(40)
    await desk.sign_in()
    said = await desk.plan("audit")
    assert "Nothing is changed and nobody is held up." in said

    said = await run(desk, "audit")

    [(command, actor, status, result)] = desk.journal()
    assert (command, actor, status) == ("console audit", "operator:ann", "done")
    assert result.startswith("Every one of 36 promises holds: ")
    assert f"Done. {result} In the journal" in said
    assert f"{result} By operator:ann, just now" in said
    assert "balances_are_not_negative" in said
    assert "No audit was made" not in said
    # The overview knows of it, in whichever process.
    assert "Every one of 36 promises holds" in await desk.look("/console")


async def test_an_audit_that_finds_something_tells_what_and_where(desk: Desk) -> None:
    owner = desk.ledger.funded(40)
    desk.ledger.admin.execute("SET session_replication_role = replica")
    desk.ledger.admin.execute(
        "UPDATE public.user_credits SET balance = 41 WHERE user_id = %s", [owner]
    )
    await desk.sign_in()

    said = await run(desk, "audit")

    assert "do not hold: " in said
    assert "wallets_match_entries (1)" in said
    assert owner in said
    assert 'class="sign-bad"' in desk.page
    assert "No , because " in await desk.look("/console")


async def test_one_audit_at_a_time(desk: Desk) -> None:
    other = str(uuid.uuid4())
    desk.ledger.admin.execute(
        "SELECT bursar.begin_check(%s, 'audit', 'operator:bob', 600)", [other]
    )
    await desk.sign_in()
    await desk.plan("audit")

    said = await desk.carry_out("audit", status=503)

    assert "Another audit is at work" in said
    assert desk.journal()[-1][2] == "failed"
    said = await desk.look("/console/checks")
    assert "at work since just now , begun by operator:bob." in said
    # One that was cut off long ago keeps nobody from the next.
    desk.ledger.admin.execute(
        "UPDATE bursar.check_run SET started_at = started_at - interval '1 hour'"
    )
    assert "Every one of 36 promises holds" in await run(desk, "audit")
    assert "It was cut off" in await desk.look("/console/checks")


async def test_a_service_that_stops_says_so_of_its_checks(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check_runs, "ANSWER_SECONDS", 0.1)
    # Nobody gets past this lock, so the audit stays at work until it is ended.
    monkeypatch.setattr(snapshot, "_LOCK_TIMEOUT_MS", int(AGE_SECONDS * 1000))
    holder = desk.ledger.database.connect(autocommit=False)
    holder.execute("LOCK TABLE bursar.entry IN ACCESS EXCLUSIVE MODE")
    await desk.sign_in()
    await desk.plan("audit")
    await desk.carry_out("audit")
    runs = desk.app.pages.state.attendants.of(CheckRuns, CheckRuns)
    assert len(runs._tasks) == 1

    async with asyncio.timeout(PATIENCE_SECONDS):
        await desk.app.close()

    assert desk.journal()[-1][2:] == ("failed", "It was ended: the service that was at it stopped.")
    [(status, said)] = desk.ledger.rows("SELECT status, said FROM bursar.check_run")
    assert (status, said[:12]) == ("failed", "It was ended")


@pytest.mark.parametrize("ends_by_itself", [True, False])
async def test_an_end_is_written_down_however_often_the_check_is_told_to_stop(
    monkeypatch: pytest.MonkeyPatch, ends_by_itself: bool
) -> None:
    monkeypatch.setattr(check_runs, "ANSWER_SECONDS", 0)
    records, runs, over = Records(), CheckRuns(), asyncio.Event()
    means = Means(records, Settings(), Attendants())  # type: ignore[arg-type]  # it reads only

    async def work(tell: Tell) -> Found:
        await over.wait()
        return Found(True, "All is well.", {})

    await runs.begin(means, "audit", Order("a ticket", "operator:ann", "k"), 600, work)
    if ends_by_itself:
        over.set()
    else:
        runs.let_go()
    await records.ending.wait()
    runs.let_go()
    closing = asyncio.create_task(runs.close())
    await asyncio.sleep(0)
    records.go_on.set()
    await closing

    assert records.asked == ["begin_check", "end_check", "end_console_operation"]


async def test_what_takes_too_long_is_given_up(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bursar.console.check_tasks.AUDIT_SECONDS_MAX", 1)
    monkeypatch.setattr(snapshot, "_LOCK_TIMEOUT_MS", int(AGE_SECONDS * 1000))
    holder = desk.ledger.database.connect(autocommit=False)
    holder.execute("LOCK TABLE bursar.entry IN ACCESS EXCLUSIVE MODE")
    await desk.sign_in()
    said = await run(desk, "audit")
    assert "Not done. It was given up after 1 seconds." in said


async def test_the_doctor_names_the_drift_and_previews_the_repair(desk: Desk) -> None:
    desk.ledger.admin.execute("DROP INDEX bursar.operation_started_at_idx")
    desk.ledger.admin.execute("ALTER TABLE public.rewards ADD COLUMN colour text NOT NULL")
    await desk.sign_in()
    said = await desk.plan("doctor")
    assert "Nothing is mended." in said

    said = await run(desk, "doctor")

    assert desk.journal()[-1][2] == "done", desk.journal()
    assert "The live schema differs: " in said
    assert "index bursar.operation_started_at_idx" in said
    assert "whoever inserts must fill it in" in said
    assert "CREATE INDEX CONCURRENTLY" in said
    assert "operation_started_at_idx" in said
    assert "bursar repair" in said
    # Only shown: the index is not there.
    assert desk.ledger.value("SELECT to_regclass('bursar.operation_started_at_idx') IS NULL")


async def test_the_newest_thirty_are_kept(desk: Desk) -> None:
    for _ in range(33):
        key = str(uuid.uuid4())
        desk.ledger.admin.execute("SELECT bursar.begin_check(%s, 'audit', 'operator:x', 9)", [key])
        desk.ledger.admin.execute("SELECT bursar.end_check(%s, 'done', 'true', '', '{}')", [key])
    assert desk.ledger.value("SELECT count(*) FROM bursar.check_run") == 30


async def test_seals_and_migrations_are_shown(desk: Desk) -> None:
    await desk.sign_in("viewer", "vic")
    said = await desk.look("/console/checks")
    assert "Nothing is sealed yet." in said
    assert "Every step and every routine of this version is in force." in said
    assert "Audit now" not in said
    desk.ledger.funded(5)
    desk.ledger.admin.execute("SELECT bursar.seal_ledger('ann')")
    desk.ledger.admin.execute("UPDATE bursar_meta.routine SET checksum = 'x' WHERE path ~ 'gate'")
    said = await desk.look("/console/checks")
    assert "The last seal is number 1, just now , by ann." in said
    assert "Routines that do not match" in said
    assert "ledger/gate.sql changed" in said
