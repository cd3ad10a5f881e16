"""The switches: what is on is seen and turned, in every process at once, also while paused."""

import asyncio
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from bursar.console import switch_tasks
from bursar.console.conftest import SECRET, Desk, desk_of
from bursar.db.scratch import ScratchDatabase
from bursar.http.auth import mint
from tests.app_store import CLAIM, SHIELD, Sold
from tests.ledger_in_sql import done


async def turned(desk: Desk, task: str, **values: Any) -> str:
    """Carry a task out; what the page of the switches says then."""
    await desk.plan(task, **values)
    back = await desk.carry_out(task)
    return await desk.look("/" + back.replace("../", ""))


async def claimed(desk: Desk) -> tuple[int, str]:
    """The answer to the claim of something that was just bought."""
    sale = Sold()
    done(desk.ledger.one("take_store_event", event=sale.bought()))
    headers = {"authorization": f"Bearer {mint('authenticated', sale.user_id, SECRET, 60)}"}
    answer = await desk.client.post(CLAIM, json=sale.claim, headers=headers)
    return answer.status_code, answer.text


async def test_a_product_is_turned_off_in_every_process_at_once(
    desk: Desk, database: ScratchDatabase
) -> None:
    await desk.sign_in()
    async with desk_of(database) as other:
        assert (await claimed(other))[0] == 200

        assert "off Streak shield" in await turned(desk, "switch-sku", sku=SHIELD, state="off")

        status, text = await claimed(other)
        assert (status, "sku_disabled" in text) == (403, True)
        assert "on Streak shield" in await turned(desk, "switch-sku", sku="all", state="on")
        assert (await claimed(other))[0] == 200
    assert "no such product" in await desk.plan("switch-sku", 422, sku="x", state="on")
    assert (
        desk.ledger.rows("SELECT key, actor, reason FROM store_config_changes ORDER BY id")
        == [("sku_enabled", "operator:ann", "a ticket")] * 2
    )
    assert [line[0] for line in desk.journal()] == ["console switch-sku"] * 2


async def test_claims_are_queued_and_opened_in_parts(desk: Desk) -> None:
    await desk.sign_in()
    said = await turned(desk, "shop-mode", mode="queue", percent="100")
    assert "queued ; 0 claims and 0 events wait" in said
    assert "Claims are accepted and kept safe" in said
    assert (await claimed(desk))[0] == 202
    assert "open to 25 % of users" in await turned(desk, "shop-mode", mode="open", percent="25")
    for percent in ("101", "-1", "many"):
        refused = await desk.plan("shop-mode", 422, mode="open", percent=percent)
        assert "from 0 to 100" in refused
    said = await turned(desk, "shop-mode", mode="open", percent="100")
    assert "open to 100 % of users" in said
    assert "percent 100" in said


async def test_users_read_the_message_that_is_previewed(desk: Desk) -> None:
    await desk.sign_in()
    assert "No message" in await desk.look("/console/switches")
    said = await desk.plan("shop-message", text="Back at <noon> & not before.")
    assert "They will read: Back at <noon> & not before." in said
    await desk.carry_out("shop-message")
    said = await desk.look("/console/switches")
    assert "Back at <noon> & not before." in said
    assert "<noon>" not in desk.page
    assert (await desk.client.get("/status")).json()["message"] == "Back at <noon> & not before."
    assert "No message" in await turned(desk, "shop-message", text="")


async def test_a_writer_left_open_is_named_and_not_acknowledged(
    desk: Desk, database: ScratchDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(switch_tasks, "WAIT_SECONDS", 0.2)
    owner = desk.ledger.funded(5)
    await desk.sign_in()
    with psycopg.connect(database.url, application_name="forgotten") as forgotten:
        spend = {"owner_id": owner, "asset": "credit", "amount": 1}
        forgotten.execute("SELECT bursar.spend(%s)", [Jsonb([spend])])
        process = f"process {forgotten.info.backend_pid} of "
        said = await desk.plan("degraded", state="on")
        assert "1 writer inside now." in said
        assert process in said

        await desk.carry_out("degraded")

        said = await desk.look("/console/switches")
        assert "Not acknowledged: these may still write." in said
        assert process in said
        [(command, actor, status, result)] = desk.journal()
        assert (command, actor, status) == ("console degraded", "operator:ann", "done")
        assert "not acknowledged" in result
        assert process in result
        assert "(forgotten)" in result
    said = await turned(desk, "degraded", state="on")
    assert "Acknowledged: no writer is inside" in said
    assert "paused for everybody" in said
    assert "by operator:ann" in said
    assert "going on for everybody" in await turned(desk, "degraded", state="off")
    assert "not paused" in await desk.plan("degraded", 422, state="off")


async def test_the_plan_holds_whoever_comes_and_goes_meanwhile(
    desk: Desk, database: ScratchDatabase
) -> None:
    owner = desk.ledger.funded(5)
    await desk.sign_in()
    with psycopg.connect(database.url) as writer:
        spend = {"owner_id": owner, "asset": "credit", "amount": 1}
        writer.execute("SELECT bursar.spend(%s)", [Jsonb([spend])])
        assert "1 writer inside" in await desk.plan("degraded", state="on")
        writer.rollback()
    assert "done=" in await desk.carry_out("degraded")


async def test_while_paused_pages_are_read_and_switches_turned_and_the_rest_is_refused(
    desk: Desk,
) -> None:
    owner = desk.ledger.funded(5)
    await desk.sign_in()
    await turned(desk, "degraded", state="on")
    assert "They go on for everybody" in await desk.plan("degraded", state="off")

    for path in ("/console", "/console/inbox", "/console/switches"):
        await desk.look(path)
    assert "off Streak shield" in await turned(desk, "switch-sku", sku=SHIELD, state="off")
    await turned(desk, "shop-message", text="Soon.")
    await turned(desk, "shop-mode", mode="queue", percent="100")
    await desk.plan("adjust", owner_id=owner, asset="credit", amount="5", shortfall="refuse")
    assert "DEGRADED" in await desk.carry_out("adjust", 503)
    await desk.plan("replay-queue", aside="no")
    assert "DEGRADED" in await desk.carry_out("replay-queue", 503)
    assert desk.ledger.wallet(owner) == (5, 0, 0)
    assert [line[2] for line in desk.journal()] == ["done"] * 4 + ["failed"] * 2


async def test_the_environments_switch_is_shown_and_cannot_be_turned_here(
    database: ScratchDatabase, tmp_path: Path
) -> None:
    async with desk_of(database, degraded_mode="on", spool_directory=str(tmp_path)) as desk:
        await desk.sign_in()
        said = await desk.look("/console/switches")
        assert "cannot be changed here" in said
        assert "Changes are paused." in said
        desk.app.pause.reason = "The database takes no writes."
        assert "The database takes no writes." in await desk.look("/console/switches")
        await desk.plan("replay-queue", aside="no")
        assert "DEGRADED" in await desk.carry_out("replay-queue", 503)


async def test_two_operators_who_pause_at_once_pause_once(desk: Desk) -> None:
    await desk.sign_in()
    await desk.plan("degraded", state="on")
    first = desk.hidden
    await desk.plan("degraded", state="on")
    second = desk.hidden
    await asyncio.gather(
        *(desk.client.post("/console/do/degraded", data=form) for form in (first, second))
    )
    assert desk.ledger.value("SELECT count(*) FROM bursar.gate_change") == 1
    assert desk.ledger.value("SELECT degraded FROM bursar.gate") is True
