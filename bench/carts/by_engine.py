"""The same carts through the Python engine, as an app's own backend buys them."""

from collections.abc import Sequence

import uvloop

from bench.carts.way import Way
from bursar.ledger.engine import Engine
from bursar.marketplace.complete_credit_lead_purchase import complete_credit_lead_purchase
from bursar.settings import Settings


class ByEngine(Way):
    """`complete_credit_lead_purchase(engine, …)` with the default settings, one caller."""

    name, title = "engine", "one call, Python engine"
    says = "await complete_credit_lead_purchase(engine, …) with the default settings"

    def __init__(self, url: str) -> None:
        super().__init__()
        self._loop = uvloop.new_event_loop()
        self._engine = self._loop.run_until_complete(Engine.open(url, Settings()))

    def carry_out(self, buyer: str, leads: Sequence[str]) -> bool:
        """Call the engine, and wait for its answer."""
        outcome = self._loop.run_until_complete(
            complete_credit_lead_purchase(
                self._engine, buyer_workspace_id=buyer, lead_ids=leads, key=self.new_key()
            )
        )
        return outcome.status == "done"

    def close(self) -> None:
        """Close the engine."""
        self._loop.run_until_complete(self._engine.close())
        self._loop.close()
