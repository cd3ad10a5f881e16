"""Random steps of everything that happens to jobs and deductions, in any order, over any time.

After each step the promises hold, and what somebody has is what they were given, less what their
completed jobs cost, less what is deducted and not back.
`BURSAR_MODEL_EXAMPLES` and `BURSAR_MODEL_STEPS` make the search longer.
"""

import os
from typing import Any, ClassVar

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

from tests.ledger_in_sql import Ledger, Outcome
from tests.promises import broken_promises
from tests.studio import ASSET, SERVICE, new_product

pytestmark = pytest.mark.postgres_versions("15", "18")

USERS = 3
EMPTY = """
    SET session_replication_role = replica;
    TRUNCATE bursar.transaction, bursar.entry, bursar.hold, bursar.idempotency, bursar.wallet,
        public.profiles, public.generation_jobs, public.generation_outputs,
        public.generation_deductions, public.generation_events;
    SET session_replication_role = DEFAULT;
"""
HAD = """
    SELECT p.id::text, p.credits - coalesce(o.balance, 0),
        coalesce((SELECT sum(price) FROM generation_jobs AS j
            WHERE j.user_id = p.id AND j.status = 'completed'), 0)::bigint,
        coalesce((SELECT sum(d.amount) FROM generation_deductions AS d
            LEFT JOIN generation_jobs AS j ON j.id = d.job_id
            WHERE d.user_id = p.id AND (d.status = 'open' OR j.status <> 'completed')
                AND d.status <> 'refunded'), 0)::bigint
    FROM profiles AS p
    LEFT JOIN bursar.wallet AS o ON o.owner_id = p.id::text AND o.asset = 'generation_credit:owed'
"""
RESULTS = ("completed", "failed", "cancelled", "expired")
ENDED = ("completed", "refunded")
users = st.integers(0, USERS - 1)
places = st.integers(0, 5)


class Studio(RuleBasedStateMachine):
    """Knows what was granted, and each ended job; the rest is read."""

    ledger: ClassVar[Ledger]
    products: ClassVar[list[str]]

    def __init__(self) -> None:
        super().__init__()
        self.ledger.admin.execute(EMPTY)
        self.users = [f"00000000-0000-4000-8000-00000000000{n}" for n in range(USERS)]
        self.granted = dict.fromkeys(self.users, 0)
        self.jobs: list[str] = []
        self.ended: dict[str, str] = {}

    @initialize()
    def begin(self) -> None:
        for place, amount in enumerate((2, 7, 30)):
            self.grant(place, amount)

    @rule(user=users, amount=st.integers(1, 8))
    def grant(self, user: int, amount: int) -> None:
        owner = self.users[user]
        outcome = self.ledger.one("grant", owner_id=owner, asset=ASSET, amount=amount)
        assert outcome["status"] == "done", outcome
        self.granted[owner] += amount

    @rule(user=users, product=places, seconds=st.sampled_from([0, 0, 30]))
    def deduct(self, user: int, product: int, seconds: int) -> None:
        self.ask("deduct_credit", user, product, rate_limit_seconds=seconds)

    @rule(user=users, product=places, seconds=st.sampled_from([0, 0, 30]))
    def submit(self, user: int, product: int, seconds: int) -> None:
        made = self.ask("submit_generation", user, product, rate_limit_seconds=seconds, input={})
        if made["status"] == "done":
            self.jobs.append(made["job_id"])

    @rule(user=users)
    def refund(self, user: int) -> None:
        request = {"user_id": self.users[user], "caller": SERVICE}
        self.ledger.one("refund_credit", **request)

    @rule(seconds=st.sampled_from([1, 20, 60]))
    def lease(self, seconds: int) -> None:
        self.ledger.value("SELECT bursar.lease_generation_jobs('w', 2, %s)", seconds)

    @rule(place=places, result=st.sampled_from(RESULTS), price=st.sampled_from([None, 1, 3, 20]))
    def end(self, place: int, result: str, price: int | None) -> None:
        if not self.jobs:
            return
        request: dict[str, Any] = {"result": result, "caller": SERVICE}
        if result == "completed" and price is not None:
            request["price"] = price
        job_id = self.jobs[-1 - place % len(self.jobs)]
        outcome = self.ledger.one("end_generation", job_id=job_id, **request)
        assert outcome.get("code") in (None, "JOB_ENDED"), outcome

    @rule()
    def sweep(self) -> None:
        self.ledger.value("SELECT bursar.tick()")

    @rule(which=st.sampled_from(["jobs", "deductions", "holds"]))
    def sweep_some(self, which: str) -> None:
        name = {"jobs": "generation_jobs", "deductions": "credit_deductions"}.get(which, which)
        self.ledger.admin.execute(f"SELECT bursar.expire_{name}(1)".encode())

    @rule(user=users, frozen=st.booleans())
    def freeze(self, user: int, frozen: bool) -> None:
        status = "frozen" if frozen else "open"
        owner = self.users[user]
        self.ledger.one("freeze", owner_id=owner, asset=ASSET, wallet_status=status)

    @rule(seconds=st.sampled_from([1, 15, 45, 200]))
    def pass_time(self, seconds: int) -> None:
        self.ledger.advance(seconds)

    def ask(self, verb: str, user: int, product: int, **more: Any) -> Outcome:
        name = self.products[product % len(self.products)]
        request = {"user_id": self.users[user], "product": name, "caller": SERVICE, **more}
        outcome = self.ledger.one(verb, **request)
        assert outcome.get("code") in EXPECTED, outcome
        return outcome

    @invariant()
    def all_promises_hold(self) -> None:
        assert broken_promises(self.ledger.admin) == []

    @invariant()
    def every_credit_is_in_one_place(self) -> None:
        """Granted = still there + what completed jobs cost + what is deducted and not back."""
        for user, left, cost, deducted in self.ledger.rows(HAD):
            assert self.granted[user] == left + cost + deducted, (user, left, cost, deducted)

    @invariant()
    def a_job_ends_once(self) -> None:
        now = dict(self.ledger.rows("SELECT id::text, status FROM generation_jobs"))
        assert set(now) == set(self.jobs)
        for job_id, status in self.ended.items():
            assert now[job_id] == status
        self.ended = {job_id: status for job_id, status in now.items() if status in ENDED}


EXPECTED = (None, "INSUFFICIENT_FUNDS", "RATE_LIMITED", "WALLET_FROZEN")


def test_random_steps_keep_every_credit_in_one_place(ledger: Ledger) -> None:
    ledger.stop_clock()
    quick = {"stuck_seconds": 60, "hold_seconds": 120, "deduction_seconds": 40, "attempts_max": 2}
    Studio.ledger = ledger
    Studio.products = [
        new_product(ledger, price=price, over_run=over_run, **quick)
        for price, over_run in ((1, "cap"), (2, "reject"), (3, "overdraft"), (5, "cap"))
    ]
    run_state_machine_as_test(
        Studio,
        settings=settings(
            max_examples=int(os.environ.get("BURSAR_MODEL_EXAMPLES", "15")),
            stateful_step_count=int(os.environ.get("BURSAR_MODEL_STEPS", "40")),
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
