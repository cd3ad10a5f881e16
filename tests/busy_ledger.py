"""A ledger in which a little of everything has happened, for tests of what reads all of it."""

import uuid

from tests.busy_commons import mingle
from tests.busy_shop import claim_and_use
from tests.busy_studio import generate
from tests.busy_trade import trade
from tests.ledger_in_sql import Ledger, done
from tests.store import reward


def keep_busy(ledger: Ledger) -> None:
    """Let every verb, in most of its ways, leave something behind; time ends hours later."""
    ledger.stop_clock()
    ledger.register_gem()
    _buy(ledger)
    _charge_and_refund(ledger)
    _hold(ledger)
    _write_by_hand(ledger)
    trade(ledger)
    claim_and_use(ledger)
    generate(ledger)
    mingle(ledger)


def _buy(ledger: Ledger) -> None:
    buyer, seller = ledger.funded(100), str(uuid.uuid4())
    by_service = {"caller": {"role": "service_role"}, "collector_id": buyer}
    for cost, key in ((60, "first"), (30, "second")):
        item = reward(ledger.admin, cost, creator_id=seller)
        done(ledger.one("purchase_reward", **by_service, reward_id=item, key=key))
    dear = reward(ledger.admin, 500, creator_id=seller)
    ledger.one("purchase_reward", **by_service, reward_id=dear, key="refused")


def _charge_and_refund(ledger: Ledger) -> None:
    payer, payee = ledger.funded(500), ledger.funded(5)
    credit = {"asset": "credit"}
    spent = done(ledger.one("spend", owner_id=payer, **credit, amount=50, key="spent"))
    for amount in (20, 30):
        done(ledger.one("refund", transaction_id=spent["transaction_id"], amount=amount))
    moved = done(ledger.one("transfer", owner_id=payer, to_owner_id=payee, **credit, amount=40))
    done(ledger.one("spend", owner_id=payee, **credit, amount=35))
    # The payee has not got it any more, so it is owed, and repaid by the next credit in parts.
    done(ledger.one("refund", transaction_id=moved["transaction_id"]))
    done(ledger.one("grant", owner_id=payee, **credit, amount=7))
    granted = done(ledger.one("grant", owner_id=payee, **credit, amount=60))
    done(ledger.one("refund", transaction_id=granted["transaction_id"], amount=10))
    done(ledger.one("adjust", owner_id=payee, **credit, amount=-3))
    done(ledger.one("adjust", owner_id=payee, **credit, amount=-900, shortfall="debt"))
    external = {"provider": "card", "account": "a", "mode": "test"}
    for number in ("1", "2"):
        grant = {"owner_id": payer, **credit, "amount": 7, "external": {**external, "id": number}}
        done(ledger.one("grant", **grant, key=f"card {number}"))
    done(ledger.one("freeze", owner_id=payer, **credit, wallet_status="frozen"))


def _hold(ledger: Ledger) -> None:
    for name in ("ada", "bob"):
        done(ledger.one("grant", owner_id=name, asset="gem", amount=1000))

    def hold(amount: int, seconds: int = 86400) -> int:
        request = {"owner_id": "ada", "asset": "gem", "amount": amount}
        hold_id: int = done(ledger.one("hold", **request, expires_in_seconds=seconds))["hold_id"]
        return hold_id

    in_parts, whole, released, beyond, lapsed, capped = (hold(100) for _ in range(6))
    for amount, final in ((30, False), (20, False), (10, True)):
        done(ledger.one("capture", hold_id=in_parts, amount=amount, final=final))
    done(ledger.one("capture", hold_id=whole, to_owner_id="bob"))
    done(ledger.one("release", hold_id=released, amount=40))
    done(ledger.one("release", hold_id=released))
    done(ledger.one("capture", hold_id=beyond, amount=950, over_run="overdraft"))
    done(ledger.one("capture", hold_id=capped, amount=150, over_run="cap"))
    done(ledger.one("capture", hold_id=lapsed, amount=25, final=False))
    done(ledger.one("grant", owner_id="ada", asset="gem", amount=2000))
    short, _ = hold(10, seconds=60), hold(5, seconds=60)
    done(ledger.one("capture", hold_id=short, amount=1, final=False))
    hold(15)
    ledger.advance(7200)
    done(ledger.one("spend", owner_id="ada", asset="gem", amount=1))


def _write_by_hand(ledger: Ledger) -> None:
    kept, gone = str(uuid.uuid4()), str(uuid.uuid4())
    for owner_id, balance in ((kept, 40), (gone, 15)):
        ledger.admin.execute(
            "INSERT INTO public.user_credits (user_id, balance) VALUES (%s, %s)",
            [owner_id, balance],
        )
    ledger.admin.execute(
        "UPDATE public.user_credits SET balance = balance - 9 WHERE user_id = %s", [kept]
    )
    ledger.admin.execute("DELETE FROM public.user_credits WHERE user_id = %s", [gone])
