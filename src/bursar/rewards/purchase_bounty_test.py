"""The older name is the same purchase with the same guards."""

import uuid

import psycopg
import pytest

from tests.at_once import at_once, patient
from tests.ledger_in_sql import Ledger
from tests.store import reward

pytestmark = pytest.mark.postgres_versions("15", "18")

BUY = "SELECT public.purchase_bounty(%s, %s)"


def test_a_bounty_is_a_reward(ledger: Ledger) -> None:
    buyer, reward_id = ledger.funded(100), reward(ledger.admin, 60)

    row = (
        ledger.database.connect("authenticated", buyer).execute(BUY, [reward_id, buyer]).fetchone()
    )

    assert row is not None
    assert (row[0]["verb"], row[0]["balance"]) == ("purchase_reward", 40)


def test_it_cannot_be_bought_for_somebody_else_or_by_nobody(ledger: Ledger) -> None:
    buyer, reward_id = ledger.funded(100), reward(ledger.admin, 60)

    with pytest.raises(psycopg.DatabaseError, match=r"^NOT_AUTHORIZED: "):
        ledger.database.connect("authenticated", str(uuid.uuid4())).execute(BUY, [reward_id, buyer])
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        ledger.database.connect("anon").execute(BUY, [reward_id, buyer])
    assert ledger.wallet(buyer) == (100, 0, 0)


def test_two_of_sixty_at_once_with_a_hundred_are_one_success(ledger: Ledger) -> None:
    for _ in range(10):
        buyer = ledger.funded(100)
        wanted = [reward(ledger.admin, 60), reward(ledger.admin, 60)]

        def purchase(
            number: int,
            connection: psycopg.Connection,
            buyer: str = buyer,
            wanted: list[str] = wanted,
        ) -> str:
            try:
                patient(connection).execute(BUY, [wanted[number], buyer])
            except psycopg.DatabaseError as refused:
                return str(refused.sqlstate)
            return "done"

        ends = at_once(ledger.database, 2, purchase)

        assert sorted(ends) == ["UB050", "done"]
        assert ledger.wallet(buyer) == (40, 0, 0)
    ledger.keeps_its_promises()
