"""Claims, uses, refunds and transfers in all orders at once: each is answered, nothing is lost."""

import random
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from tests.at_once import at_once
from tests.ledger_in_sql import NOON, Ledger
from tests.sale import Sale, new_user, transfer
from tests.shop import SERVICE, claim, new_booster, new_item, request_of, sold, unclean

pytestmark = pytest.mark.postgres_versions("15", "18")

WORKERS, CALLS = 8, 12
Requests = tuple[str, list[dict[str, Any]]]


class Street:
    """A few users and their sales, about which everybody asks at once."""

    def __init__(self, ledger: Ledger) -> None:
        ledger.register_gem()
        skus = [
            new_item(ledger.admin, 2),
            new_item(ledger.admin, 3, asset="gem"),
            new_booster(ledger.admin, "extend"),
        ]
        self.users = [new_user() for _ in range(4)]
        self.sales = [sold(ledger, user, sku) for user in self.users for sku in skus]

    def some(self, dice: random.Random) -> list[Sale]:
        return dice.sample(self.sales, 5)

    def claims(self, dice: random.Random) -> Requests:
        return "claim_purchase", [request_of(sale) for sale in self.some(dice)]

    def uses(self, dice: random.Random) -> Requests:
        users = dice.sample(self.users, 3)
        return "use_item", [{"user_id": user, "caller": SERVICE} for user in users]

    def events(self, dice: random.Random) -> Requests:
        told = (Sale.refund, Sale.reversal)
        return "take_store_event", [{"event": dice.choice(told)(s)} for s in self.some(dice)]

    def transfers(self, dice: random.Random) -> Requests:
        one, other = dice.sample(self.users, 2)
        later = NOON + timedelta(seconds=dice.randrange(10_000))
        return "take_store_event", [{"event": transfer([one], [other], later)}]

    def corrections(self, dice: random.Random) -> Requests:
        return "correct_shields", [{"user_id": user} for user in dice.sample(self.users, 3)]


def test_whatever_is_asked_at_once_is_answered_and_leaves_a_sound_ledger(ledger: Ledger) -> None:
    street = Street(ledger)
    kinds = [
        *(street.claims, street.claims, street.uses),
        *(street.events, street.transfers, street.corrections),
    ]

    def ask(seed: int, connection: psycopg.Connection) -> set[str]:
        dice, seen = random.Random(seed), set[str]()
        for _ in range(CALLS):
            verb, requests = dice.choice(kinds)(dice)
            seen |= {
                outcome.get("code", "done") for outcome in ledger.ask(verb, requests, connection)
            }
        return seen

    seen = set[str]().union(*at_once(ledger.database, WORKERS, ask))

    assert "done" in seen
    assert seen <= {
        *("done", "BUSY", "INSUFFICIENT_FUNDS", "TRANSACTION_REFUNDED", "WALLET_NOT_FOUND"),
        "TRANSACTION_OWNED_BY_OTHER",
    }
    assert unclean(ledger) == []
    # Whatever was busy can be had now.
    for sale in street.sales:
        assert claim(ledger, sale).get("code") != "BUSY"
