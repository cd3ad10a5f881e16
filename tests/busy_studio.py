"""Generation in which a little of everything has happened, for tests of what reads all of it."""

from tests.ledger_in_sql import Ledger, code, done
from tests.studio import (
    ASSET,
    deduct,
    end,
    lease,
    new_artist,
    new_product,
    refund,
    submit,
    submitted,
)


def generate(ledger: Ledger) -> None:
    """Let jobs and deductions leave something behind in each of their ways."""
    _end_jobs(ledger)
    _deduct_first(ledger)
    _overrun(ledger)
    _fail_to_give_back(ledger)


def _end_jobs(ledger: Ledger) -> None:
    user = new_artist(ledger, 9)
    for result in ("completed", "failed", "cancelled"):
        done(end(ledger, submitted(ledger, user, key=result), result))
    submitted(ledger, user)
    stuck = submitted(ledger, user, product=new_product(ledger, stuck_seconds=1, hold_seconds=2))
    lease(ledger)
    ledger.advance(1)
    assert ledger.value("SELECT bursar.expire_generation_jobs()") == 1
    done(end(ledger, stuck))
    lapsing = submitted(ledger, user, product=new_product(ledger, hold_seconds=1))
    ledger.advance(1)
    ledger.value("SELECT bursar.expire_holds()")
    done(end(ledger, lapsing))


def _deduct_first(ledger: Ledger) -> None:
    user = new_artist(ledger, 9)
    for result in ("completed", "failed"):
        done(deduct(ledger, user, key=f"deduct {result}"))
        done(end(ledger, submitted(ledger, user), result))
    done(deduct(ledger, user))
    done(refund(ledger, user, key="refund"))
    assert code(refund(ledger, user, key="nothing")) == "NOTHING_TO_REFUND"
    done(deduct(ledger, user))
    submitted(ledger, user)
    done(deduct(ledger, user))


def _overrun(ledger: Ledger) -> None:
    """Cheaper and dearer than was set aside, paid by a deduction, a hold, both, and a debt."""
    for over_run, price, deducted in (
        *(("cap", 2, 0), ("cap", 9, 0), ("cap", 1, 2), ("cap", 4, 2), ("reject", 9, 2)),
        *(("overdraft", 7, 0), ("overdraft", 7, 2), ("overdraft", 30, 2), ("overdraft", 9, 5)),
    ):
        user = new_artist(ledger, 12)
        if deducted:
            done(deduct(ledger, user, product=new_product(ledger, price=deducted)))
        product = new_product(ledger, price=5, over_run=over_run)
        done(end(ledger, submitted(ledger, user, product=product), price=price))
    done(ledger.one("grant", owner_id=user, asset=ASSET, amount=3))


def _fail_to_give_back(ledger: Ledger) -> None:
    user = new_artist(ledger)
    done(deduct(ledger, user))
    job_id = submitted(ledger, user)
    assert code(submit(ledger, user, key="poor")) == "INSUFFICIENT_FUNDS"
    done(ledger.one("freeze", owner_id=user, asset=ASSET, wallet_status="closed"))
    assert done(end(ledger, job_id, "failed"))["job_status"] == "failed"
