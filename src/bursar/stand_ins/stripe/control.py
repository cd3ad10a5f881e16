"""The stand-in's own addresses, which begin with `/_`: faults, events, time, and other people."""

import math
from typing import Any

import msgspec

from bursar.stand_ins.stripe import disputes
from bursar.stand_ins.stripe.api_error import unacceptable
from bursar.stand_ins.stripe.company import Company
from bursar.stand_ins.stripe.exchange import Answer, Call, in_json
from bursar.stand_ins.stripe.faults import Faults
from bursar.stand_ins.stripe.form import Params
from bursar.stand_ins.stripe.payments import pay
from bursar.stand_ins.stripe.sessions import find_session, show_session

EVENTS_SHOWN = 200
ADVANCE_SECONDS_MAX = 366 * 86_400


async def show_faults(company: Company, call: Call) -> Answer:
    """The faults in force; the counts are those that are left."""
    return in_json(company.trouble.faults)


async def order_faults(company: Company, call: Call) -> Answer:
    """Put the faults of the body in force, instead of those before."""
    try:
        company.trouble.order(msgspec.convert(call.json(), Faults))
    except msgspec.ValidationError as error:
        raise unacceptable(str(error), "faults") from None
    return in_json(company.trouble.faults)


async def clear_faults(company: Company, call: Call) -> Answer:
    """Let everything be well again."""
    company.trouble.order(Faults())
    return in_json(company.trouble.faults)


async def list_events(company: Company, call: Call) -> Answer:
    """The latest events, the oldest of them first, whole, and what became of each."""
    limit = Params({"limit": call.asked("limit", str(EVENTS_SHOWN))}).number("limit")
    chosen = company.log.latest(limit, call.asked("type"))
    return in_json({"data": [posting.shown() for posting in chosen]})


async def show_event(company: Company, call: Call) -> Answer:
    """One event and what became of it."""
    return in_json(company.log.find(call.args[0]).shown())


async def resend_event(company: Company, call: Call) -> Answer:
    """Send an event once more, whatever became of it, past all faults."""
    posting = company.log.find(call.args[0])
    company.delivery.send(posting)
    return in_json(posting.shown())


async def release_events(company: Company, call: Call) -> Answer:
    """Send what is held back, in shuffled order."""
    return in_json({"released": company.delivery.release()})


async def show_webhook(company: Company, call: Call) -> Answer:
    """Where events go."""
    return in_json({"url": company.delivery.url})


async def set_webhook(company: Company, call: Call) -> Answer:
    """Send events to another address from now on; an empty one lets them wait."""
    params = Params(call.json())
    url = "" if call.json().get("url") == "" else params.address("url")
    company.delivery.go_to(url)
    return in_json({"url": url})


async def move_clock(company: Company, call: Call) -> Answer:
    """Put the clock forward; what is due by then happens at once."""
    seconds: Any = call.json().get("advance_seconds")
    usable = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if not usable or not math.isfinite(seconds) or not 0 <= seconds <= ADVANCE_SECONDS_MAX:
        raise unacceptable(f"Between 0 and {ADVANCE_SECONDS_MAX} seconds.", "advance_seconds")
    company.advance(seconds)
    return in_json({"now": company.book.now(), "ahead": company.book.ahead})


async def reset_clock(company: Company, call: Call) -> Answer:
    """Let the clock be right again; what has expired by it stays expired."""
    company.advance(-company.book.ahead)
    return in_json({"now": company.book.now(), "ahead": company.book.ahead})


async def pay_session(company: Company, call: Call) -> Answer:
    """Do what a buyer would: pay, pay later; or what their bank does with that, later."""
    sale = find_session(company.book, call.args[0])
    pay(company.book, sale, Params(call.json()).text("outcome", "paid"))
    return in_json(show_session(company.book, sale))


async def dispute_payment(company: Company, call: Call) -> Answer:
    """Dispute a payment; its funds are withdrawn unless the body says `"withdraw": false`."""
    asked = call.json()
    amount: Any = asked.get("amount")
    if amount is not None and (not isinstance(amount, int) or isinstance(amount, bool)):
        raise unacceptable("The amount is a whole number of minor units.", "amount")
    return in_json(
        disputes.dispute(
            company.book,
            call.args[0],
            amount,
            Params(asked).text("reason", "fraudulent"),
            withdraw=asked.get("withdraw", True) is not False,
        )
    )


async def reinstate_payment(company: Company, call: Call) -> Answer:
    """Give the funds of a dispute back."""
    return in_json(disputes.reinstate(company.book, call.args[0]))


async def close_dispute(company: Company, call: Call) -> Answer:
    """Close a dispute as won, which gives the funds back, or lost."""
    status = Params(call.json()).text("status")
    return in_json(disputes.close(company.book, call.args[0], status))
