"""A marketplace in which a card was charged for a lead that is gone, so that money is owed."""

from typing import Any

from bursar.db.scratch import ScratchDatabase
from bursar.ledger.engine import Engine
from bursar.marketplace.card_company import CardCompany
from bursar.marketplace.checkout import Checkout, Returning, payment_of_purchase
from bursar.settings import Settings
from bursar.stand_ins.stripe.process import StandIn
from tests.market import lead, new_id


class Shop:
    """The database, a way to the ledger, and what tests do to both."""

    def __init__(self, database: ScratchDatabase, engine: Engine, settings: Settings) -> None:
        self.database = database
        self.engine = engine
        self.settings = settings

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        return self.database.connect().execute(query.encode(), values).fetchall()

    def refund(self) -> tuple[Any, ...]:
        [row] = self.rows("SELECT status, refund_id, attempts, last_error FROM card_refunds")
        return row

    def make_due(self) -> None:
        self.database.connect().execute(
            "UPDATE card_refunds SET next_attempt_at = bursar.clock() - interval '1 second'"
        )

    async def reserve(self, lead_id: str) -> dict[str, Any]:
        request = {"buyer_workspace_id": new_id(), "lead_ids": [lead_id]}
        return await self.engine.call("validate_and_lock_leads_for_purchase", request)

    async def owe(self, stand_in: StandIn, company: CardCompany) -> str:
        """Charge a card for a lead that was sold meanwhile; return the payment intent."""
        one = lead(self.database.connect(), 60)
        first, other = await self.reserve(one), new_id()
        purchase = await self.engine.read("read_lead_purchase", first["purchase_id"])
        checkout = Checkout(self.engine, company, self.settings)
        session = await checkout.open(
            payment_of_purchase(purchase), Returning("http://127.0.0.1:1/", "http://127.0.0.1:1/")
        )
        self.lapse()
        await self.engine.read("expire_lead_reservations", 200)
        grant = {"owner_id": other, "asset": "workspace_credit", "amount": 60}
        await self.engine.call("grant", grant)
        request = {"buyer_workspace_id": other, "lead_ids": [one]}
        await self.engine.call("complete_credit_lead_purchase", request)
        stand_in.ask("POST", f"/_sessions/{session.id}/pay", {"outcome": "paid"})
        [event] = [
            posting["event"]
            for posting in stand_in.ask("GET", "/_events?type=checkout.session.completed")["data"]
            if posting["event"]["data"]["object"]["id"] == session.id
        ]
        outcome = await self.engine.call("take_stripe_event", {"event": event})
        assert outcome["purchase_status"] == "failed", outcome
        assert self.refund() == ("owed", None, 0, None)
        intent: str = event["data"]["object"]["payment_intent"]
        return intent

    def lapse(self) -> None:
        """Let all reservations be over."""
        self.database.connect().execute(
            "UPDATE marketplace_purchases SET reserved_until = bursar.clock()"
        )


def given_back(stand_in: StandIn, intent: str) -> int:
    """What the card company has given back of a payment, by its own account."""
    charges = [
        posting["event"]["data"]["object"]
        for posting in stand_in.ask("GET", "/_events?type=charge.refunded")["data"]
    ]
    return max((c["amount_refunded"] for c in charges if c["payment_intent"] == intent), default=0)
