"""A purchase at SQL level: who may, what it does, what is refused first, and for whom."""

import uuid
from typing import Any, LiteralString

import psycopg
import pytest

from tests.grown import tell_what_was_read
from tests.ledger_in_sql import Ledger, Outcome, code, done
from tests.store import digest, reward

pytestmark = pytest.mark.postgres_versions("15", "18")

BUY = "SELECT public.purchase_reward(%s, %s)"
SERVICE = {"role": "service_role"}


def buy(ledger: Ledger, reward_id: str, collector_id: str, **other: Any) -> Outcome:
    # With a key, so that a lone purchase may take the straight road.
    request = {"reward_id": reward_id, "collector_id": collector_id, "caller": SERVICE}
    return ledger.one("purchase_reward", **(request | {"key": str(uuid.uuid4())} | other))


def test_a_purchase_charges_credits_collects_and_logs(ledger: Ledger) -> None:
    buyer, creator = ledger.funded(100), str(uuid.uuid4())
    reward_id = reward(ledger.admin, 60, creator_id=creator)

    outcome = done(buy(ledger, reward_id, buyer))

    assert {k: v for k, v in outcome.items() if k != "transaction_id"} == {
        "status": "done",
        "verb": "purchase_reward",
        "owner_id": buyer,
        "asset": "credit",
        "amount": 60,
        "balance": 40,
        "held": 0,
        "available": 40,
        "replayed": False,
        "reward_id": reward_id,
        "price": 60,
    }
    assert ledger.entries(outcome["transaction_id"]) == [
        ("credit", buyer, -60, "used"),
        ("credit", creator, 60, "earned"),
    ]
    assert ledger.rows(
        "SELECT reward_id::text, price, transaction_id FROM public.collected_rewards"
        " WHERE collector_id = %s",
        buyer,
    ) == [(reward_id, 60, outcome["transaction_id"])]
    assert ledger.rows(
        "SELECT amount, type, reference, balance_after FROM public.credit_transactions"
        " WHERE user_id = %s AND amount < 0",
        buyer,
    ) == [(-60, "purchase_reward", outcome["transaction_id"], 40)]


def test_of_several_reasons_to_refuse_the_first_is_told(ledger: Ledger) -> None:
    buyer, creator = ledger.funded(5), ledger.funded(5)
    reward_id = reward(ledger.admin, 60, creator_id=creator)
    stranger = {"caller": {"role": "authenticated", "sub": creator}}
    unknown = str(uuid.uuid4())

    assert code(buy(ledger, unknown, "ada", **stranger)) == "MALFORMED"
    assert code(buy(ledger, unknown, buyer, **stranger)) == "NOT_AUTHORIZED"
    assert code(buy(ledger, unknown, buyer)) == "REWARD_NOT_FOUND"
    ledger.admin.execute("UPDATE public.rewards SET is_active = false WHERE id = %s", [reward_id])
    assert code(buy(ledger, reward_id, creator, expected_price=1)) == "SELF_PURCHASE"
    assert code(buy(ledger, reward_id, buyer, expected_price=1)) == "REWARD_INACTIVE"
    ledger.admin.execute("UPDATE public.rewards SET is_active = true WHERE id = %s", [reward_id])
    changed = buy(ledger, reward_id, buyer, expected_price=1)
    assert code(changed) == "PRICE_CHANGED"
    assert changed["details"] == {"expected": 1, "price": 60}
    done(ledger.one("freeze", owner_id=buyer, asset="credit", wallet_status="frozen"))
    assert code(buy(ledger, reward_id, buyer)) == "WALLET_FROZEN"
    done(ledger.one("freeze", owner_id=buyer, asset="credit", wallet_status="open"))
    assert code(buy(ledger, reward_id, buyer)) == "INSUFFICIENT_FUNDS"
    done(ledger.one("grant", owner_id=buyer, asset="credit", amount=55))
    assert done(buy(ledger, reward_id, buyer))["balance"] == 0
    ledger.admin.execute("UPDATE public.rewards SET is_active = false WHERE id = %s", [reward_id])
    assert code(buy(ledger, reward_id, buyer, expected_price=1)) == "ALREADY_COLLECTED"


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("reward_id", [None, "", "x", 5, {}, []]),
        ("collector_id", [None, "", "x", 5, {}, []]),
        ("expected_price", [0, -1, 1.5, "60", True, 10**15 + 1, {}]),
        ("key", ["", "k" * 256, "ü", 5, {}]),
        ("principal", ["root", 5]),
        ("actor", ["", "ü", 5, {}]),
    ],
)
def test_a_wrong_value_is_refused_by_name_and_its_neighbour_buys(
    ledger: Ledger, field: str, values: list[object]
) -> None:
    buyer, reward_id = ledger.funded(100), reward(ledger.admin, 60)
    good = {"reward_id": reward_id, "collector_id": buyer, "caller": SERVICE}

    outcomes = ledger.ask(
        "purchase_reward", [*(good | {field: value} for value in values), 5, good]
    )

    for outcome in outcomes[:-2]:
        assert code(outcome) == "MALFORMED"
        assert outcome["details"] == {"field": field}
    assert code(outcomes[-2]) == "MALFORMED"
    assert done(outcomes[-1])["balance"] == 40
    for value in values:
        lone = ledger.one("purchase_reward", **({"key": "lone"} | good | {field: value}))
        assert code(lone) == "MALFORMED"
        assert lone["details"] == {"field": field}


@pytest.mark.parametrize(
    "caller",
    [
        None,
        {},
        {"role": "anon"},
        {"role": "authenticated"},
        {"role": "authenticated", "sub": None},
        {"role": "authenticated", "sub": str(uuid.uuid4())},
        {"sub": str(uuid.uuid4())},
        {"role": ["service_role"]},
        "service_role",
        [SERVICE],
    ],
)
def test_nobody_buys_for_somebody_else(ledger: Ledger, caller: object) -> None:
    buyer, reward_id = ledger.funded(100), reward(ledger.admin, 60)

    assert code(buy(ledger, reward_id, buyer, caller=caller)) == "NOT_AUTHORIZED"
    assert ledger.wallet(buyer) == (100, 0, 0)


def test_whoever_may_not_buy_is_not_told_what_became_of_a_key(ledger: Ledger) -> None:
    buyer, reward_id = ledger.funded(100), reward(ledger.admin, 60)
    stranger = {"role": "authenticated", "sub": str(uuid.uuid4())}
    done(buy(ledger, reward_id, buyer, key="k"))

    assert code(buy(ledger, reward_id, buyer, key="k", caller=stranger)) == "NOT_AUTHORIZED"
    assert code(buy(ledger, reward(ledger.admin, 1), buyer, key="k", caller=stranger)) == (
        "NOT_AUTHORIZED"
    )
    assert buy(ledger, reward_id, buyer, key="k")["replayed"]


def test_a_refused_purchase_is_remembered_and_a_replayed_one_collects_once(
    ledger: Ledger,
) -> None:
    buyer, reward_id = ledger.funded(1), reward(ledger.admin, 60)
    first = buy(ledger, reward_id, buyer, key="k")
    done(ledger.one("grant", owner_id=buyer, asset="credit", amount=100))

    assert first["message"] == "INSUFFICIENT_FUNDS: Insufficient credits to purchase this reward."
    assert buy(ledger, reward_id, buyer, key="k") == first | {"replayed": True}
    bought = done(buy(ledger, reward_id, buyer, key="l"))
    assert buy(ledger, reward_id, buyer, key="l") == bought | {"replayed": True}
    assert code(buy(ledger, reward_id, buyer, key="l", expected_price=60)) == (
        "IDEMPOTENCY_MISMATCH"
    )
    assert code(buy(ledger, reward_id, buyer)) == "ALREADY_COLLECTED"
    assert ledger.wallet(buyer) == (41, 0, 0)


def test_purchases_in_a_batch_pay_for_each_other(ledger: Ledger) -> None:
    a, b = ledger.funded(10), str(uuid.uuid4())
    of_a, of_b = (reward(ledger.admin, 10, creator_id=owner) for owner in (a, b))
    purchase = {"caller": SERVICE}

    outcomes = ledger.ask(
        "purchase_reward",
        [
            purchase | {"reward_id": of_a, "collector_id": b},
            purchase | {"reward_id": of_b, "collector_id": a},
            purchase | {"reward_id": of_b, "collector_id": a},
            purchase | {"reward_id": of_a, "collector_id": b},
        ],
    )

    assert [o.get("code", o.get("balance")) for o in outcomes] == [
        "INSUFFICIENT_FUNDS",
        0,
        "ALREADY_COLLECTED",
        0,
    ]
    assert ledger.wallet(a) == (10, 0, 0)


def test_a_purchase_can_be_refunded_in_parts(ledger: Ledger) -> None:
    buyer, creator = ledger.funded(100), str(uuid.uuid4())
    charge = done(buy(ledger, reward(ledger.admin, 60, creator_id=creator), buyer))

    outcomes = ledger.ask(
        "refund",
        [{"transaction_id": charge["transaction_id"], "amount": amount} for amount in (25, 36, 35)],
    )

    assert [o.get("code", o.get("balance")) for o in outcomes] == [65, "REFUND_EXCEEDED", 100]
    assert ledger.wallet(creator) == (0, 0, 0)


def test_the_raising_function_raises_code_sentence_details_and_hint(ledger: Ledger) -> None:
    buyer, reward_id = ledger.funded(5), reward(ledger.admin, 60)
    before = digest(ledger.admin)

    with pytest.raises(psycopg.DatabaseError) as refused:
        ledger.database.connect("authenticated", buyer).execute(BUY, [reward_id, buyer])

    assert refused.value.sqlstate == "UB050"
    told = refused.value.diag
    assert told.message_primary == (
        "INSUFFICIENT_FUNDS: Insufficient credits to purchase this reward."
    )
    assert told.message_detail is not None
    assert '"needed": 60' in told.message_detail
    assert told.message_hint == "Add credits, then try again with a new key."
    assert digest(ledger.admin) == before


def test_a_signed_in_user_buys_for_themselves_only(ledger: Ledger) -> None:
    buyer, reward_id = ledger.funded(100), reward(ledger.admin, 60)
    stranger = ledger.database.connect("authenticated", str(uuid.uuid4()))
    nobody = ledger.database.connect("authenticated")
    visitor = ledger.database.connect("anon")

    for caller in (stranger, nobody):
        with pytest.raises(psycopg.DatabaseError, match=r"^NOT_AUTHORIZED: "):
            caller.execute(BUY, [reward_id, buyer])
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        visitor.execute(BUY, [reward_id, buyer])
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        stranger.execute("SELECT bursar.purchase_reward('[{}]')")

    ledger.database.connect("authenticated", buyer).execute(BUY, [reward_id, buyer])
    assert ledger.wallet(buyer) == (40, 0, 0)


def test_a_caller_cannot_slip_functions_or_tables_in_between(ledger: Ledger) -> None:
    buyer, reward_id = ledger.funded(100), reward(ledger.admin, 60)
    ledger.admin.execute("CREATE SCHEMA IF NOT EXISTS evil")
    ledger.admin.execute("GRANT ALL ON SCHEMA evil TO authenticated")
    caller = ledger.database.connect("authenticated", buyer)
    caller.execute(
        "CREATE FUNCTION evil.now() RETURNS timestamptz LANGUAGE sql AS 'SELECT NULL::timestamptz'"
    )
    caller.execute("CREATE TABLE evil.rewards (id uuid, creator_id uuid, cost bigint)")
    caller.execute("CREATE TEMP TABLE rewards (id uuid, creator_id uuid, cost bigint)")
    caller.execute("CREATE TEMP TABLE entry (n integer)")
    caller.execute(
        "CREATE FUNCTION evil.coalesce_cost(bigint) RETURNS bigint LANGUAGE sql"
        " AS 'SELECT 0::bigint'"
    )
    caller.execute("SET search_path = evil, pg_temp, public, bursar")

    caller.execute(BUY, [reward_id, buyer])

    assert ledger.wallet(buyer) == (40, 0, 0)


def test_the_promises_hold(ledger: Ledger) -> None:
    ledger.keeps_its_promises()


@pytest.mark.parametrize("size", [1, 3])
def test_plans_made_for_a_store_of_one_wallet_do_not_read_it_whole_later(
    ledger: Ledger, size: int
) -> None:
    with psycopg.connect(ledger.database.url, autocommit=True) as fresh:
        fresh.execute("DELETE FROM public.collected_rewards")
        fresh.execute("DELETE FROM public.user_credits")
        buyer = ledger.funded(100)
        fresh.execute("VACUUM ANALYZE public.user_credits")
        rewards = [reward(ledger.admin, 1, creator_id=ledger.funded(1)) for _ in range(3 * size)]
        requests = [
            {"reward_id": r, "collector_id": buyer, "caller": SERVICE, "key": r} for r in rewards
        ]
        read: LiteralString = (
            "SELECT coalesce(idx_tup_read, 0) FROM pg_stat_user_indexes"
            " WHERE indexrelname = 'user_credits_pkey'"
        )
        ledger.ask("purchase_reward", requests[:size], fresh)  # plans are made here
        ledger.admin.execute(
            "INSERT INTO public.user_credits (user_id)"
            " SELECT gen_random_uuid() FROM generate_series(1, 2000)"
        )
        ledger.ask("purchase_reward", requests[size : 2 * size], fresh)
        tell_what_was_read(ledger, fresh)
        before = ledger.value(read)

        outcomes = ledger.ask("purchase_reward", requests[2 * size :], fresh)

        tell_what_was_read(ledger, fresh)
        assert [outcome["status"] for outcome in outcomes] == ["done"] * size
        assert ledger.value(read) - before < 100
