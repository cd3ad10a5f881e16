"""A lone purchase on its straight road: taken where all is plain, and the same answer elsewhere."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any, LiteralString

import pytest

from tests.ledger_in_sql import Ledger, Outcome, done
from tests.patience import PATIENCE_SECONDS, wait_until
from tests.store import new_id, reward

pytestmark = pytest.mark.postgres_versions("15", "18")

SERVICE = {"role": "service_role"}
LOCK: LiteralString = (
    "SELECT user_id::text FROM public.user_credits WHERE user_id = %s FOR UPDATE NOWAIT"
)


def buy(ledger: Ledger, **request: object) -> Outcome:
    return ledger.one("purchase_reward", **({"caller": SERVICE, "key": new_id()} | request))


@pytest.mark.parametrize("field", ["reward_id", "collector_id"])
@pytest.mark.parametrize(
    ("spelling", "may"),
    [
        ("{0}-{1}-{2}-{3}-{4}", True),
        ("{{{0}-{1}-{2}-{3}-{4}}}", False),
        ("{0}{1}{2}{3}{4}", False),
        ("{0}-{1}{2}-{3}{4}", False),
        ("{0}-{1}-{2}-{3}-{4}\n", False),
    ],
)
def test_an_id_is_spelled_in_one_way_and_in_either_case(
    ledger: Ledger, field: str, spelling: str, may: bool
) -> None:
    sold = reward(ledger.admin, 60, creator_id=ledger.funded(1))
    ids = {"collector_id": ledger.funded(100), "reward_id": sold}
    asked = ids | {field: spelling.format(*ids[field].upper().split("-"))}
    nobody = {"caller": SERVICE, "reward_id": "nobody", "collector_id": "nobody"}

    for key in ("first", "again"):
        lone = buy(ledger, **asked, key=key + sold)
        known = {"caller": SERVICE, **asked, "key": key + sold}
        in_company = ledger.ask("purchase_reward", [known, nobody])[0]
        assert in_company == lone | {"replayed": may}
        assert lone["status"] == ("done" if may and key == "first" else "refused")


@pytest.mark.parametrize("further", [{}, {"actor": "app:till"}, {"expected_price": 60}])
def test_what_is_plain_and_alone_needs_no_more_than_the_straight_road(
    ledger: Ledger, further: dict[str, Any]
) -> None:
    buyer, reward_id = ledger.funded(100), reward(ledger.admin, 60, creator_id=ledger.funded(1))
    plain = {"reward_id": reward_id, "collector_id": buyer, "key": reward_id, "caller": SERVICE}
    himself = {"caller": {"role": "authenticated", "sub": buyer.upper()}, "principal": "user"}

    with ledger.admin.transaction(force_rollback=True):
        ledger.admin.execute("DROP FUNCTION bursar.attempt(text, jsonb, text, integer)")
        outcome = ledger.one("purchase_reward", ledger.admin, **(plain | himself | further))

    assert done(outcome)["balance"] == 40
    assert ledger.wallet(buyer) == (100, 0, 0)


@pytest.mark.parametrize("index", [None, "public.user_credits (user_id DESC)"])
def test_the_lower_wallet_is_locked_first_whichever_index_finds_them(
    ledger: Ledger, index: LiteralString | None
) -> None:
    low, high = sorted((ledger.funded(100), ledger.funded(100)))
    caller = ledger.database.connect()
    caller.execute("SET lock_timeout = '60s'")
    if index is not None:
        caller.execute(f"CREATE INDEX backwards ON {index}")
        caller.execute("SELECT bursar.build_stores()")

    for buyer, seller in ((low, high), (high, low)):
        asked = {"reward_id": reward(ledger.admin, 1, creator_id=seller), "collector_id": buyer}
        with ThreadPoolExecutor(1) as pool:
            with ledger.held_by_somebody(LOCK, low):
                purchase = pool.submit(
                    ledger.one, "purchase_reward", caller, caller=SERVICE, key=new_id(), **asked
                )
                wait_until(lambda: ledger.is_blocked(caller))
                assert ledger.rows(LOCK, high) == [(high,)]
            done(purchase.result(PATIENCE_SECONDS))

    if index is not None:
        caller.execute("DROP INDEX public.backwards")
        caller.execute("SELECT bursar.build_stores()")
    caller.close()


@pytest.mark.parametrize("company", [0, 1])
def test_a_reward_that_is_deleted_meanwhile_is_not_found(ledger: Ledger, company: int) -> None:
    buyer, sold = ledger.funded(100), reward(ledger.admin, 60, creator_id=ledger.funded(1))
    asked = {"caller": SERVICE, "key": sold, "reward_id": sold, "collector_id": buyer}
    caller = ledger.database.connect()
    caller.execute("SET lock_timeout = '60s'")

    with (
        ThreadPoolExecutor(1) as pool,
        ledger.held_by_somebody("DELETE FROM public.rewards WHERE id = %s", sold) as deleting,
    ):
        purchase = pool.submit(
            ledger.ask, "purchase_reward", [asked, *[{"caller": SERVICE}] * company], caller
        )
        wait_until(lambda: ledger.is_blocked(caller))
        deleting.commit()
        outcome = purchase.result(PATIENCE_SECONDS)[0]

    assert outcome["code"] == "REWARD_NOT_FOUND"
    assert ledger.wallet(buyer) == (100, 0, 0)
    caller.close()


def test_what_its_payer_owes_is_told_alone_and_in_company(ledger: Ledger) -> None:
    sold = reward(ledger.admin, 60, creator_id=ledger.funded(1))
    outcomes = []
    for company in ([], [{"caller": SERVICE}]):
        buyer = ledger.funded(1)
        done(ledger.one("adjust", owner_id=buyer, asset="credit", amount=-51, shortfall="debt"))
        ledger.admin.execute(
            "UPDATE public.user_credits SET balance = balance + 100 WHERE user_id = %s", [buyer]
        )
        asked = {"caller": SERVICE, "key": buyer, "reward_id": sold, "collector_id": buyer}
        outcomes.append(done(ledger.ask("purchase_reward", [asked, *company])[0]))

    assert [(told["balance"], told["owed"]) for told in outcomes] == [(40, 50)] * 2


def test_the_promises_hold(ledger: Ledger) -> None:
    ledger.keeps_its_promises()
