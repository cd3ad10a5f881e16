"""Every verb against a plain oracle: equal outcomes, equal balances, all promises after each step.

`BURSAR_MODEL_EXAMPLES` and `BURSAR_MODEL_STEPS` make the search longer.
"""

import os
import uuid
from typing import Any, ClassVar

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from tests import model_requests as ask
from tests.ledger_in_sql import Ledger, Outcome
from tests.oracle import Oracle
from tests.oracle_words import Reward, expected_of, said
from tests.promises import broken_promises

UNKNOWN = 10**12
EMPTY = """
    SET session_replication_role = replica;
    TRUNCATE bursar.wallet, bursar.transaction, bursar.entry, bursar.hold, bursar.idempotency,
        bursar.external_reference, public.user_credits, public.collected_rewards, public.rewards;
    SET session_replication_role = DEFAULT;
"""
# Nothing of it may change when everything in a batch was refused or done before.
DIGEST = """
    SELECT md5(concat(
        (SELECT string_agg(b::text, ' ' ORDER BY b.asset, b.owner_id) FROM bursar.balance AS b),
        (SELECT string_agg(e::text, ' ' ORDER BY e.transaction_id, e.line) FROM bursar.entry AS e),
        (SELECT string_agg(t::text, ' ' ORDER BY t.id) FROM bursar.transaction AS t),
        (SELECT string_agg(h::text, ' ' ORDER BY h.id) FROM bursar.hold AS h),
        (SELECT string_agg(c::text, ' ' ORDER BY c::text) FROM public.collected_rewards AS c)))
"""
WALLETS = """
    SELECT b.asset, b.owner_id, b.balance, b.status, coalesce(d.balance, 0), coalesce(h.held, 0)
    FROM bursar.balance AS b
    LEFT JOIN bursar.wallet AS d ON d.asset = b.asset || ':owed' AND d.owner_id = b.owner_id
    LEFT JOIN (SELECT asset, owner_id, sum(amount - captured - released)::bigint AS held
        FROM bursar.hold WHERE status = 'open' AND expires_at > bursar.clock()
        GROUP BY asset, owner_id) AS h ON h.asset = b.asset AND h.owner_id = b.owner_id
    WHERE b.asset NOT LIKE '%%:owed'
"""
DEBTS = """
    SELECT a.asset FROM bursar.asset AS a WHERE a.asset NOT LIKE '%%:owed' AND
        coalesce((SELECT sum(amount) FROM bursar.entry AS e
            WHERE e.asset = a.asset AND e.owner_id = 'system:debt'), 0)
        + coalesce((SELECT sum(balance) FROM bursar.wallet AS w
            WHERE w.asset = a.asset || ':owed'), 0) <> 0
"""


class LedgerMachine(RuleBasedStateMachine):
    """Asks the ledger and the oracle the same, and compares."""

    ledger: ClassVar[Ledger]

    def __init__(self) -> None:
        super().__init__()
        self.operator = self.ledger.database.connect("bursar_operator")
        self.oracle = Oracle()
        self.outcomes: dict[int, Outcome] = {}
        self.keyed: list[dict[str, Any]] = []
        self.owners = sorted(str(uuid.uuid4()) for _ in range(ask.OWNERS))
        self.ledger.admin.execute(EMPTY)

    def teardown(self) -> None:
        self.operator.close()

    @initialize()
    def begin(self) -> None:
        """Give everybody something, so that much succeeds from the start."""
        wallets = [(owner, asset) for owner in range(ask.OWNERS) for asset in ask.ASSETS]
        self.ask_many(
            [
                {"verb": verb, "owner_id": owner, "asset": asset, "amount": amount}
                for owner, asset in wallets
                for verb, amount in (("grant", 40), ("hold", 5 + owner), ("spend", 3))
            ]
        )
        for creator, cost in enumerate((5, 10, 20)):
            self.put_on_sale(creator, cost, 0, True)

    # What is asked.

    @rule(request=ask.requests)
    def ask_one(self, request: dict[str, Any]) -> None:
        resolved = self.resolve(request)
        verb = resolved["verb"]
        self.compare(verb, [resolved], [{k: v for k, v in resolved.items() if k != "verb"}])

    @rule(request=st.one_of(*(ask.VERBS[name] for name in ("hold", "capture", "release"))))
    def ask_of_holds(self, request: dict[str, Any]) -> None:
        self.ask_one(request)

    @rule(request=st.one_of(*(ask.VERBS[name] for name in ("transfer", "refund", "grant"))))
    def ask_of_charges(self, request: dict[str, Any]) -> None:
        self.ask_one(request)

    @rule(requests=ask.batches)
    def ask_many(self, requests: list[dict[str, Any]]) -> None:
        resolved = [self.resolve(request) for request in requests]
        self.compare("batch", resolved, resolved)

    @rule(requests=ask.batches)
    def ask_many_more(self, requests: list[dict[str, Any]]) -> None:
        self.ask_many(requests)

    @rule(places=st.lists(st.integers(0, 12), min_size=1, max_size=5))
    def repeat(self, places: list[int]) -> None:
        """Send again what had a key, word for word."""
        again = [self.keyed[-1 - place] for place in places if place < len(self.keyed)]
        if again:
            self.compare("batch", again, again)

    @rule(purchases=ask.purchases)
    def purchase(self, purchases: list[dict[str, Any]]) -> None:
        resolved = [self.resolve({"verb": "purchase_reward", **one}) for one in purchases]
        self.compare("purchase_reward", resolved, resolved)

    @rule(
        creator=ask.owners,
        cost=st.sampled_from([5, 10, 20]),
        place=ask.places,
        is_active=st.booleans(),
    )
    def put_on_sale(self, creator: int, cost: int, place: int, is_active: bool) -> None:
        if len(self.oracle.rewards) < 3:
            reward_id = self.ledger.value(
                "INSERT INTO public.rewards (creator_id, name, cost) VALUES (%s, 'Sticker', %s)"
                " RETURNING id::text",
                self.owners[creator],
                cost,
            )
            self.oracle.rewards[reward_id] = Reward(self.owners[creator], cost)
            return
        reward_id = self.latest(self.oracle.rewards, place % 3)
        self.ledger.admin.execute(
            "UPDATE public.rewards SET cost = %s, is_active = %s WHERE id = %s",
            [cost, is_active, reward_id],
        )
        self.oracle.rewards[reward_id].cost = cost
        self.oracle.rewards[reward_id].is_active = is_active

    @rule(seconds=st.sampled_from([30, 60, 600, 86400]), sweeps=st.booleans())
    def let_time_pass(self, seconds: int, sweeps: bool) -> None:
        self.ledger.advance(seconds)
        self.oracle.advance(seconds)
        if sweeps:
            self.sweep()

    # What operators type.

    @rule(owner=ask.owners, change=st.integers(-20, 20), everybody=st.booleans())
    def update_by_sql(self, owner: int, change: int, everybody: bool) -> None:
        chosen = self.owners if everybody else [self.owners[owner]]
        there = [o for o in chosen if self.oracle.wallet("credit", o).exists]
        allowed = all(self.fits(o, self.oracle.wallet("credit", o).balance + change) for o in there)
        if self.typed(
            allowed,
            "UPDATE public.user_credits AS c SET balance = c.balance + %s"
            " FROM unnest(%s::uuid[]) AS o (id) WHERE c.user_id = o.id",
            [change, chosen],
        ):
            for owner_id in there:
                self.oracle.wallet("credit", owner_id).balance += change

    @rule(owner=ask.owners, balance=st.integers(-1, 30))
    def upsert_by_sql(self, owner: int, balance: int) -> None:
        owner_id = self.owners[owner]
        if self.typed(
            self.fits(owner_id, balance),
            "INSERT INTO public.user_credits (user_id, balance) VALUES (%s, %s)"
            " ON CONFLICT (user_id) DO UPDATE SET balance = EXCLUDED.balance",
            [owner_id, balance],
        ):
            wallet = self.oracle.wallet("credit", owner_id)
            wallet.balance, wallet.exists = balance, True

    @rule(owner=ask.owners)
    def delete_by_sql(self, owner: int) -> None:
        wallet = self.oracle.wallet("credit", self.owners[owner])
        if self.typed(
            wallet.held == 0,
            "DELETE FROM public.user_credits WHERE user_id = %s",
            [self.owners[owner]],
        ):
            wallet.balance, wallet.exists, wallet.status = 0, False, "open"

    def fits(self, owner_id: str, balance: int) -> bool:
        self.sweep()  # a raw write expires nothing
        return balance >= max(0, self.oracle.wallet("credit", owner_id).held)

    def typed(self, allowed: bool, query: str, arguments: list[Any]) -> bool:
        self.sweep()
        try:
            self.operator.execute(query.encode(), arguments)
        except (psycopg.errors.CheckViolation, psycopg.errors.RestrictViolation):
            assert not allowed
            return False
        assert allowed
        return True

    def sweep(self) -> None:
        self.ledger.admin.execute("SELECT bursar.expire_holds()")

    # How it is compared.

    def latest(self, known: dict[Any, Any], place: int, unknown: object = UNKNOWN) -> Any:
        ids = list(known)
        return ids[-1 - place] if place < len(ids) else unknown

    def resolve(self, request: dict[str, Any]) -> dict[str, Any]:
        """Put ids where the request has places."""
        resolved = dict(request)
        for name in {"owner_id", "to_owner_id", "collector_id"} & set(request):
            resolved[name] = self.owners[request[name]]
        if "hold_id" in request:
            resolved["hold_id"] = self.latest(self.oracle.holds, request["hold_id"])
        if "transaction_id" in request:
            resolved["transaction_id"] = self.latest(self.oracle.charges, request["transaction_id"])
        if "reward_id" in request:
            resolved["reward_id"] = self.latest(
                self.oracle.rewards, request["reward_id"], str(uuid.UUID(int=0))
            )
            resolved["caller"] = {
                "service": {"role": "service_role"},
                "collector": {"role": "authenticated", "sub": resolved["collector_id"]},
                "somebody else": {"role": "authenticated", "sub": str(uuid.UUID(int=1))},
            }[request["caller"]]
        return resolved

    def compare(self, verb: str, asked: list[dict[str, Any]], sent: list[dict[str, Any]]) -> None:
        quiet = not self.lapsed()
        before = self.ledger.value(DIGEST)
        outcomes = self.ledger.ask(verb, sent)
        moved = False
        for request, outcome in zip(asked, outcomes, strict=True):
            expected = self.oracle.ask(request)
            if "key" in request and verb != "purchase_reward":
                self.keyed.append(request)
            assert said(outcome) == expected_of(expected), (request, outcome, expected)
            if outcome["status"] == "done" and outcome["replayed"]:
                first = self.outcomes[outcome["transaction_id"]]
                assert outcome == first | {"replayed": True}
            elif outcome["status"] == "done":
                moved = True
                self.outcomes[outcome["transaction_id"]] = outcome
                self.oracle.learn(expected, outcome["transaction_id"], outcome.get("hold_id"))
        if quiet and not moved:
            assert self.ledger.value(DIGEST) == before

    def lapsed(self) -> bool:
        found: bool = self.ledger.value(
            "SELECT EXISTS (SELECT FROM bursar.hold"
            " WHERE status = 'open' AND expires_at <= bursar.clock())"
        )
        return found

    @invariant()
    def promises_hold(self) -> None:
        assert broken_promises(self.ledger.admin) == []
        assert self.ledger.rows(DEBTS) == []

    @invariant()
    def wallets_are_as_the_oracle_says(self) -> None:
        found = {tuple(row[:2]): tuple(row[2:]) for row in self.ledger.rows(WALLETS)}
        expected = {
            at: (wallet.balance, wallet.status, wallet.owed, wallet.held)
            for at, wallet in self.oracle.wallets.items()
            if wallet.exists
        }
        assert found == expected


@pytest.mark.slow
def test_every_verb_answers_as_the_oracle_and_keeps_the_promises(ledger: Ledger) -> None:
    ledger.register_gem()
    ledger.stop_clock()
    LedgerMachine.ledger = ledger
    run_state_machine_as_test(
        LedgerMachine,
        settings=settings(
            max_examples=int(os.environ.get("BURSAR_MODEL_EXAMPLES", "40")),
            stateful_step_count=int(os.environ.get("BURSAR_MODEL_STEPS", "30")),
            deadline=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
