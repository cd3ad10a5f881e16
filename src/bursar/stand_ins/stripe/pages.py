"""The pages for people: where a buyer pays, and a desk that shows what the stand-in has done."""

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from bursar.stand_ins.stripe import disputes
from bursar.stand_ins.stripe.api_error import ApiError
from bursar.stand_ins.stripe.book import Sale
from bursar.stand_ins.stripe.company import Company
from bursar.stand_ins.stripe.exchange import Answer, Call, see_other
from bursar.stand_ins.stripe.form import Params
from bursar.stand_ins.stripe.order import in_words
from bursar.stand_ins.stripe.payments import pay
from bursar.stand_ins.stripe.refunds import create_refund
from bursar.stand_ins.stripe.sessions import find_session

SALES_SHOWN, EVENTS_SHOWN = 20, 30


async def show_page(company: Company, call: Call) -> Answer:
    """Show what is to be paid, and the buttons; or what became of it."""
    sale = _sale(company, call)
    return _page("pay.html", 200, sale=sale, declined=call.asked("declined") == "1")


async def act_on_page(company: Company, call: Call) -> Answer:
    """Do what the pressed button says, and lead the buyer on."""
    sale = _sale(company, call)
    session, chosen = sale.session, call.field("do")
    if chosen == "back" and session["cancel_url"]:
        return see_other(session["cancel_url"])
    if session["status"] == "open" and chosen == "decline":
        return see_other(f"/pay/{session['id']}?declined=1")
    if session["status"] == "open" and chosen == "pay":
        pay(company.book, sale, "paid")
    elif session["status"] == "open" and chosen == "later":
        pay(company.book, sale, "unpaid")
        sale.settles_well = call.field("then") != "fails"
        sale.settles_at = company.book.now() + company.options.rules.settle_seconds
    if session["status"] == "complete" and chosen in ("pay", "later"):
        # Also after a second press: the buyer arrives, and nothing is paid twice.
        return see_other(session["success_url"].replace("{CHECKOUT_SESSION_ID}", session["id"]))
    return see_other(f"/pay/{session['id']}")


async def show_desk(company: Company, call: Call) -> Answer:
    """Show the latest sales and events, with what can be done to them."""
    return _page(
        "desk.html",
        200,
        sales=list(company.book.sales.values())[: -SALES_SHOWN - 1 : -1],
        events=company.log.latest(EVENTS_SHOWN)[::-1],
        webhook=company.delivery.url,
    )


async def act_at_desk(company: Company, call: Call) -> Answer:
    """Refund, dispute or decide, as the pressed button says."""
    book, intent, chosen = company.book, call.args[0], call.field("do")
    try:
        if chosen == "refund":
            create_refund(book, Params({"payment_intent": intent}))
        elif chosen == "dispute":
            disputes.dispute(book, intent)
        elif chosen in ("won", "lost"):
            disputes.close(book, intent, chosen)
    except ApiError as error:
        return _message(400, error.message, "/")
    return see_other("/")


async def send_again(company: Company, call: Call) -> Answer:
    """Send an event once more."""
    try:
        company.delivery.send(company.log.find(call.args[0]))
    except ApiError as error:
        return _message(404, error.message, "/")
    return see_other("/")


def _sale(company: Company, call: Call) -> Sale:
    return find_session(company.book, call.args[0])


def _message(status: int, sentence: str, back: str) -> Answer:
    return _page("message.html", status, sentence=sentence, back=back)


def _page(template: str, status: int, **values: Any) -> Answer:
    environment, policy = _templates()
    return Answer(
        status=status,
        body=environment.get_template(template).render(**values).encode(),
        headers={
            "content-type": "text/html; charset=utf-8",
            "content-security-policy": policy,
            "cache-control": "no-store",
            "referrer-policy": "no-referrer",
        },
    )


@cache
def _templates() -> tuple[Environment, str]:
    """The templates, and the policy under which their one style sheet is the only thing allowed.

    Forms are not confined: what is paid leads on to the shop's address, wherever that is.
    """
    environment = Environment(
        loader=PackageLoader("bursar.stand_ins.stripe"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    style = (files("bursar.stand_ins.stripe") / "templates" / "page.css").read_text("utf-8")
    environment.globals["style"] = style
    environment.globals["in_words"] = in_words
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none';"
        " frame-ancestors 'none'"
    )
    return environment, policy
