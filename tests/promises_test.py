"""The checks of the promises find what breaks them, each by its name."""

import psycopg
import pytest
from psycopg.types.json import Jsonb

from bursar.db.scratch import ScratchDatabase
from tests.ledger_in_sql import Ledger, done
from tests.market import ASSET, buy, checkout, lead, new_id, take
from tests.promises import CHECKS, broken_promises
from tests.store import person, reward
from tests.studio import deduct, end, new_artist, submitted


def unchecked(table: str) -> str:
    """SQL that drops the CHECK constraints of a table."""
    return f"""
        DO $$ DECLARE v_name name; BEGIN
            FOR v_name IN SELECT conname FROM pg_constraint
                WHERE conrelid = '{table}'::regclass AND contype = 'c'
            LOOP EXECUTE format('ALTER TABLE {table} DROP CONSTRAINT %I', v_name); END LOOP;
        END $$;
    """


# What somebody with every right could do, and the promise that it breaks.
DAMAGE: dict[str, tuple[str, str]] = {
    "an entry more": (
        "entries of every transaction sum to 0",
        "INSERT INTO bursar.entry SELECT id, 99, asset, 'system:issuance', 5, NULL, NULL, 'x'"
        " FROM bursar.transaction LIMIT 1",
    ),
    "entries that sum to something": (
        "all entries sum to 0",
        "UPDATE bursar.entry SET amount = amount - 1 WHERE owner_id = 'system:issuance'",
    ),
    "entries without a transaction": (
        "every entry has a transaction",
        "DELETE FROM bursar.transaction WHERE verb = 'hold' OR verb = 'grant'",
    ),
    "a balance changed behind the ledger": (
        "a wallet's balance is the sum",
        "UPDATE public.user_credits SET balance = balance + 1",
    ),
    "a wallet gone": ("has a wallet", "DELETE FROM public.user_credits WHERE balance = 40"),
    "a gap": (
        "have no gaps",
        "UPDATE bursar.entry SET seq = 7 WHERE seq = 2",
    ),
    "a held amount too large": (
        "what is held is covered",
        unchecked("public.user_credits")
        + "UPDATE public.user_credits SET bursar_held = balance + 1",
    ),
    "a balance that was negative": (
        "negative at any time",
        "ALTER DOMAIN bursar.posted_balance DROP CONSTRAINT posted_balance_non_negative;"
        + unchecked("bursar.entry")
        + "UPDATE bursar.entry SET balance_after = -1 WHERE seq = 1",
    ),
    "a held amount without a hold": (
        "its open holds have left",
        "UPDATE public.user_credits SET bursar_held = bursar_held + 1 WHERE balance > 5",
    ),
    "two keys with one effect": (
        "no two keys claim",
        "INSERT INTO bursar.idempotency SELECT 'another', fingerprint, outcome, created_at"
        " FROM bursar.idempotency WHERE outcome ->> 'status' = 'done' LIMIT 1",
    ),
    "a remembered effect that is not there": (
        "what a key remembers as done",
        "UPDATE bursar.idempotency SET outcome = outcome::jsonb || '{\"transaction_id\": 999999}'"
        " WHERE outcome ->> 'verb' = 'spend'",
    ),
    "a refusal that moved something": (
        "what a key remembers as refused",
        "UPDATE bursar.idempotency SET outcome = outcome::jsonb || '{\"transaction_id\": 1}'"
        " WHERE outcome ->> 'status' = 'refused'",
    ),
    "a guard that is off": (
        "the guards on entries",
        "ALTER TABLE bursar.entry DISABLE TRIGGER append_only",
    ),
    "a hold that ended early": (
        "make up an ended hold",
        unchecked("bursar.hold") + "UPDATE bursar.hold SET status = 'captured', ended_at = now()",
    ),
    "a refund beyond the charge": (
        "refunds never exceed",
        "UPDATE bursar.transaction SET amount = amount + 1000 WHERE verb = 'refund'",
    ),
    "an external id twice": (
        "an external id has one",
        "INSERT INTO bursar.external_reference SELECT provider, account, mode, 'other', owner_id,"
        " transaction_id, fingerprint, outcome, created_at FROM bursar.external_reference",
    ),
    "a collection that was not paid": (
        "each collection was paid",
        "UPDATE public.collected_rewards SET price = 1",
    ),
    "a purchase without a collection": (
        "each collection was paid",
        "DELETE FROM public.collected_rewards",
    ),
    "totals that make up nothing": (
        "totals make up its balance",
        unchecked("public.workspace_credits")
        + "UPDATE public.workspace_credits SET total_used = total_used + 1",
    ),
    "a card payment settled twice": (
        "settled at most once",
        "INSERT INTO bursar.transaction (verb, asset, owner_id, amount, reason, actor, created_at)"
        " SELECT verb, asset, owner_id, amount, reason, actor, created_at FROM bursar.transaction"
        " WHERE verb = 'complete_stripe_lead_purchase'",
    ),
    "a payee paid twice": (
        "settled at most once",
        "INSERT INTO public.card_payouts SELECT payment_id, 2, workspace_id, credits, fee,"
        " transaction_id FROM public.card_payouts",
    ),
    "more paid out than came in": (
        "pays no more than it came to",
        "UPDATE public.card_payouts SET credits = credits + 1",
    ),
    "more taken back than was paid out": (
        "takes no more back",
        "UPDATE public.card_payments SET reversed = credits + 1",
    ),
    "a card payment that nobody told of": (
        "without an event",
        "DELETE FROM bursar.inbox",
    ),
    "a lead sold twice": (
        "sold beyond max_sales",
        unchecked("public.leads") + "UPDATE public.leads SET sold_count = 2",
    ),
    "a lead bought and not counted": (
        "bought more often than sold",
        "UPDATE public.leads SET sold_count = 0",
    ),
    "a lead that somebody has twice": (
        "bought a lead twice",
        "ALTER TABLE public.marketplace_purchase_items"
        " DROP CONSTRAINT marketplace_purchase_items_pkey;"
        " INSERT INTO public.marketplace_purchase_items"
        " SELECT * FROM public.marketplace_purchase_items",
    ),
    "a cart that was not charged": (
        "cart for credits was charged once",
        "DELETE FROM bursar.transaction WHERE verb = 'complete_credit_lead_purchase'",
    ),
    "a cart without an item": (
        "for what its items cost",
        "DELETE FROM public.marketplace_purchase_items",
    ),
    "a job that ended and still holds": (
        "no other job holds a credit once it ended",
        unchecked("bursar.hold") + "UPDATE bursar.hold SET status = 'open', ended_at = NULL",
    ),
    "a deduction that went nowhere": (
        "a deduction is open, one job's, or went back",
        "UPDATE public.generation_deductions SET status = 'refunded'",
    ),
    "a reward owned twice": (
        "owns a reward twice",
        "ALTER TABLE public.collected_rewards DROP CONSTRAINT collected_rewards_pkey;"
        " INSERT INTO public.collected_rewards SELECT * FROM public.collected_rewards",
    ),
}


def verb(connection: psycopg.Connection, name: str, **request: object) -> dict[str, int]:
    """Carry out one request as the service and return its outcome."""
    row = connection.execute(f'SELECT bursar."{name}"(%s)'.encode(), [Jsonb([request])]).fetchone()
    assert row is not None
    outcome: dict[str, int] = row[0][0]
    return outcome


@pytest.fixture
def ledger(database: ScratchDatabase) -> psycopg.Connection:
    """A ledger in which a little of everything has happened."""
    connection = database.connect()
    buyer, other, wanted = person(connection, 100), person(connection, 500), reward(connection, 60)
    wallet = {"owner_id": other, "asset": "credit"}
    verb(
        connection,
        "purchase_reward",
        reward_id=wanted,
        collector_id=buyer,
        caller={"role": "service_role"},
        key="bought",
    )
    spent = verb(connection, "spend", **wallet, amount=50, key="spent")
    verb(connection, "spend", **wallet, amount=5000, key="refused")
    verb(connection, "refund", transaction_id=spent["transaction_id"], amount=20)
    verb(connection, "hold", **wallet, amount=30)
    external = {"provider": "card", "account": "a", "mode": "test", "id": "1"}
    verb(connection, "grant", **wallet, amount=7, external=external)
    market = Ledger(database)
    done(buy(market, market.funded(9, ASSET), [lead(connection, 9)]))
    done(take(market, checkout(market, new_id(), [lead(connection, 8)]).completed()))
    artist = new_artist(market, 3)
    done(end(market, submitted(market, artist)))
    done(deduct(market, artist))
    return connection


def test_a_sound_ledger_breaks_no_promise(ledger: psycopg.Connection) -> None:
    assert broken_promises(ledger) == []


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_found_and_named(name: str, ledger: psycopg.Connection) -> None:
    sentence, damage = DAMAGE[name]
    ledger.execute("SET session_replication_role = replica")  # triggers would not let it happen

    ledger.execute(damage.encode())

    found = broken_promises(ledger)
    assert any(sentence in one for one in found), found


def test_every_check_has_damage_that_it_finds() -> None:
    for check in CHECKS:
        assert any(sentence in check.sentence for sentence, _ in DAMAGE.values()), check.sentence
