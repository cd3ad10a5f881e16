"""What was set aside or waits is carried out from the console: for real, once, and as it came."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bursar.console.conftest import SECRET, Desk, desk_of
from bursar.db.scratch import ScratchDatabase
from bursar.http.auth import mint
from bursar.ops.degraded import switch
from tests import app_store, stand_in
from tests.app_store import Sold
from tests.market import Payment, lead, lead_state, new_id
from tests.stand_in import signed

# An event that came once, however often it was tried.
ASIDE, WAITS = ("refused", 1), ("waiting", 1)


class Stores(Desk):
    """The console, and what stores and phones send to the same service."""

    async def tell(self, event: dict[str, Any]) -> str:
        """Post an event as RevenueCat does, and return its effect."""
        answer = await self.client.post(app_store.WEBHOOK, **app_store.posted(event))
        assert answer.status_code == 200, answer.text
        return str(answer.json()["effect"])

    async def claim(self, sale: Sold) -> int:
        token = mint("authenticated", sale.user_id, SECRET, 600)
        answer = await self.client.post(
            app_store.CLAIM, json=sale.claim, headers={"authorization": f"Bearer {token}"}
        )
        return answer.status_code

    async def pause(self, on: bool) -> None:
        await switch(self.app._ledger, on=on, reason="a test", actor="operator:kim")

    async def replayed(self, event_id: str, status: int = 303) -> str:
        """Try one event again; what the page says that follows."""
        return await self.tried_again("event", self.number(event_id), status)

    async def tried_again(self, kind: str, number: int, status: int = 303) -> str:
        await self.plan("replay-event", kind=kind, id=number)
        said = await self.carry_out("replay-event", status)
        return await self.look("/" + said.replace("../", "")) if status == 303 else said

    def number(self, event_id: str) -> int:
        return int(self.ledger.value("SELECT id FROM bursar.inbox WHERE event_id = %s", event_id))

    def inbox(self) -> list[tuple[Any, ...]]:
        return self.ledger.rows("SELECT status, deliveries FROM bursar.inbox ORDER BY id")

    def shields(self, sale: Sold) -> int:
        return self.ledger.wallet(sale.user_id, "streak_shield")[0]

    def set_trap(self, user_id: str) -> None:
        """Whoever changes this user's wallet fails."""
        self.ledger.admin.execute(
            "CREATE FUNCTION trap() RETURNS trigger LANGUAGE plpgsql AS"
            " $$BEGIN RAISE 'not today'; END$$;"
            "CREATE TRIGGER a_trap BEFORE UPDATE ON user_wallet_balances"
            f" FOR EACH ROW WHEN (NEW.user_id = '{user_id}') EXECUTE FUNCTION trap()".encode()
        )


@pytest.fixture
async def stores(database: ScratchDatabase, tmp_path: Path) -> AsyncIterator[Stores]:
    settings = {
        "revenuecat_authorization": app_store.AUTHORIZATION,
        "stripe_api_key": stand_in.KEY,
        "stripe_api_base": "http://127.0.0.1:1",
        "stripe_webhook_secret": stand_in.SECRET,
        "worker_interval_ms": 3_600_000,
        "spool_directory": str(tmp_path / "spool"),
    }
    async with desk_of(database, **settings) as made:
        await made.app.open()
        stores = Stores(made.app, made.ledger)
        await stores.sign_in()
        yield stores
        await stores.client.aclose()


async def test_a_poison_event_is_set_aside_mended_and_granted_once(stores: Stores) -> None:
    sale = Sold()
    event = sale.bought()
    stores.ledger.admin.execute(
        "UPDATE store_config SET value = '\"pending\"' WHERE key = 'unknown_transaction'"
    )
    assert await stores.claim(sale) == 202
    stores.set_trap(sale.user_id)
    assert await stores.tell(event) == "kept"
    await stores.plan("replay-queue", aside="no")
    await stores.carry_out("replay-queue")
    assert stores.inbox() == [ASIDE]
    assert "1 now, 1 in all" in stores.journal()[-1][3]
    assert "not today" in await stores.look(f"/console/event?id={stores.number(event['id'])}")
    said = await stores.replayed(event["id"], 500)
    assert "failed again and was set aside" in said
    assert (stores.journal()[-1][2], stores.inbox()) == ("failed", [ASIDE])

    stores.ledger.admin.execute("DROP TRIGGER a_trap ON user_wallet_balances")
    said = await stores.replayed(event["id"])

    assert "Carried out; the event is applied." in said
    assert "granted: transaction" in said
    assert stores.shields(sale) == 1
    assert stores.journal()[-1][:3] == ("console replay-event", "operator:ann", "done")
    again = await stores.plan("replay-event", 422, kind="event", id=stores.number(event["id"]))
    assert "nothing left to try" in again
    assert await stores.tell(event) == "applied"
    await stores.plan("replay-queue", aside="yes")
    await stores.carry_out("replay-queue")
    assert (stores.shields(sale), stores.inbox()[0][0]) == (1, "done")


async def test_a_claim_that_was_set_aside_is_granted_once_it_is_mended(stores: Stores) -> None:
    sale = Sold()
    assert await stores.tell(sale.bought()) == "applied"
    stores.ledger.admin.execute(
        "UPDATE store_config SET value = '{\"mode\": \"queue\"}' WHERE key = 'claims_mode'"
    )
    assert await stores.claim(sale) == 202
    stores.set_trap(sale.user_id)
    number = stores.ledger.value("SELECT id FROM claim_queue")
    assert "is set aside" in await stores.tried_again("claim", number)
    stores.ledger.admin.execute("DROP TRIGGER a_trap ON user_wallet_balances")
    assert "not today" in await stores.plan("replay-event", kind="claim", id=number)

    said = await stores.tried_again("claim", number)

    assert "the claim is granted" in said
    assert "granted: transaction" in said
    assert stores.shields(sale) == 1
    assert "nothing left" in await stores.plan("replay-event", 422, kind="claim", id=number)


async def test_a_sandbox_event_stays_one(stores: Stores) -> None:
    sale = Sold()
    event = sale.bought(environment="SANDBOX")
    await stores.pause(on=True)
    assert await stores.tell(event) == "kept"
    said = await stores.plan("replay-event", kind="event", id=stores.number(event["id"]))
    assert "of the sandbox, and stays so" in said
    assert "DEGRADED" in await stores.carry_out("replay-event", 503)
    assert stores.inbox() == [WAITS]
    await stores.pause(on=False)

    said = await stores.replayed(event["id"])

    assert "RevenueCat, sandbox" in said
    assert stores.ledger.rows("SELECT mode, status FROM bursar.inbox") == [("test", "done")]
    assert stores.ledger.value("SELECT environment FROM audit_purchases") == "SANDBOX"
    assert await stores.claim(sale) != 200
    assert stores.shields(sale) == 0


async def test_a_card_event_that_was_kept_sells_the_lead_once(stores: Stores) -> None:
    lead_id = lead(stores.ledger.admin, 60)
    request = {"buyer_workspace_id": new_id(), "lead_ids": [lead_id], "mode": "test"}
    outcome = await stores.app._ledger.call("validate_and_lock_leads_for_purchase", request)
    payment = Payment(outcome["payment_id"], outcome["amount"])
    paid = payment.completed()
    await stores.pause(on=True)
    answer = await stores.client.post("/api/webhooks/stripe", **signed(paid))
    assert answer.json()["effect"] == "kept"
    await stores.pause(on=False)

    said = await stores.replayed(paid["id"])

    assert "Carried out; the event is applied." in said
    assert "Paid out transaction" in said
    assert lead_state(stores.ledger, lead_id)[1] == 1
    again = await stores.client.post("/api/webhooks/stripe", **signed(paid))
    assert again.headers["idempotent-replayed"] == "true"
    assert lead_state(stores.ledger, lead_id)[1] == 1


async def test_everything_that_waits_is_carried_out_in_order(stores: Stores) -> None:
    spooled, kept = Sold(), Sold()
    spool = stores.app._spool
    assert spool is not None
    caller = {"role": "authenticated", "sub": spooled.user_id}
    claim = {"user_id": spooled.user_id, **spooled.claim, "caller": caller, "actor": "user:x"}
    await spool.keep("claim", {**claim, "accepted": True})
    await spool.keep("event", {"event": spooled.bought()})
    await stores.pause(on=True)
    await stores.tell(kept.bought())
    await stores.plan("replay-queue", aside="no")
    assert "DEGRADED" in await stores.carry_out("replay-queue", 503)
    await stores.pause(on=False)
    said = await stores.plan("replay-queue", aside="no")
    assert "1 event and 0 claims wait, 2 things in the spool" in said

    back = await stores.carry_out("replay-queue")

    assert "Carried out: 2 from the spool, 1 from the queue" in stores.journal()[-1][3]
    said = await stores.look("/" + back.replace("../", ""))
    assert "Left: 0 wait still" in said
    assert stores.shields(spooled) == 1
    assert [status for status, _ in stores.inbox()] == ["done", "done"]
