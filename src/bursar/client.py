"""`bursar.connect`: every verb as a method, straight on the database or over HTTP."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from bursar.claims.claim_purchase import claim_purchase as _claim_purchase
from bursar.claims.correct_shields import correct_shields as _correct_shields
from bursar.claims.shop_switch import set_store_config as _set_store_config
from bursar.claims.shop_switch import switch_sku as _switch_sku
from bursar.claims.take_store_event import take_store_event as _take_store_event
from bursar.claims.use_item import use_item as _use_item
from bursar.community.boost_post import boost_post as _boost_post
from bursar.community.react_to_post import react_to_post as _react_to_post
from bursar.community.submit_score import submit_score as _submit_score
from bursar.errors import BursarError, Fault, OutcomeUnknown
from bursar.generation.deduct_credit import deduct_credit as _deduct_credit
from bursar.generation.end_generation import end_generation as _end_generation
from bursar.generation.refund_credit import refund_credit as _refund_credit
from bursar.generation.submit_generation import submit_generation as _submit_generation
from bursar.ledger.adjust import adjust as _adjust
from bursar.ledger.answer import typed
from bursar.ledger.capture import capture as _capture
from bursar.ledger.engine import Engine
from bursar.ledger.explain import explain as _explain
from bursar.ledger.freeze import freeze as _freeze
from bursar.ledger.grant import grant as _grant
from bursar.ledger.hold import hold as _hold
from bursar.ledger.read_statement import read_statement as _read_statement
from bursar.ledger.read_wallet import read_wallet as _read_wallet
from bursar.ledger.refund import refund as _refund
from bursar.ledger.release import release as _release
from bursar.ledger.spend import spend as _spend
from bursar.ledger.transfer import transfer as _transfer
from bursar.marketplace.complete_credit_lead_purchase import (
    complete_credit_lead_purchase as _complete_credit_lead_purchase,
)
from bursar.marketplace.complete_stripe_lead_purchase import (
    complete_stripe_lead_purchase as _complete_stripe_lead_purchase,
)
from bursar.marketplace.mark_leads_sold_bulk import mark_leads_sold_bulk as _mark_leads_sold_bulk
from bursar.marketplace.open_top_up import open_top_up as _open_top_up
from bursar.marketplace.refund_lead_purchase import refund_lead_purchase as _refund_lead_purchase
from bursar.marketplace.take_stripe_event import take_stripe_event as _take_stripe_event
from bursar.marketplace.validate_and_lock_leads_for_purchase import (
    validate_and_lock_leads_for_purchase as _validate_and_lock_leads_for_purchase,
)
from bursar.model import Outcome
from bursar.remote import open_remote
from bursar.rewards.create_reward import create_reward as _create_reward
from bursar.rewards.purchase_reward import purchase_reward as _purchase_reward
from bursar.settings import Settings


class Bank:
    """The verbs of the ledger and of the apps, over one engine that many callers share.

    Amounts are whole minor units of the asset. A verb returns an `Outcome`, done or refused;
    `.or_raise()` makes an exception of a refusal. Requests made at the same time travel together.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    grant = _grant
    spend = _spend
    transfer = _transfer
    hold = _hold
    capture = _capture
    release = _release
    refund = _refund
    adjust = _adjust
    freeze = _freeze
    purchase_reward = _purchase_reward
    create_reward = _create_reward
    claim_purchase = _claim_purchase
    take_store_event = _take_store_event
    use_item = _use_item
    correct_shields = _correct_shields
    set_store_config = _set_store_config
    switch_sku = _switch_sku
    complete_credit_lead_purchase = _complete_credit_lead_purchase
    complete_stripe_lead_purchase = _complete_stripe_lead_purchase
    mark_leads_sold_bulk = _mark_leads_sold_bulk
    open_top_up = _open_top_up
    refund_lead_purchase = _refund_lead_purchase
    take_stripe_event = _take_stripe_event
    validate_and_lock_leads_for_purchase = _validate_and_lock_leads_for_purchase
    deduct_credit = _deduct_credit
    submit_generation = _submit_generation
    end_generation = _end_generation
    refund_credit = _refund_credit
    react_to_post = _react_to_post
    submit_score = _submit_score
    boost_post = _boost_post
    wallet = _read_wallet
    statement = _read_statement
    explain = _explain

    async def batch(self, requests: Sequence[Mapping[str, Any]]) -> list[Outcome | BursarError]:
        """Carry out requests of any verb, each with its own "verb", as if in array order.

        They are independent: each has its outcome, and earlier credits fund later debits. Where an
        outcome could not be learned or failed, its place has an `OutcomeUnknown` or a `Fault`.
        """
        outcomes = await self.engine.call_batch("batch", requests)
        return [_told(outcome) for outcome in outcomes]

    async def call(self, verb: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Carry out one request of any verb; the outcome is plain data."""
        return await self.engine.call(verb, request)

    async def call_batch(
        self, verb: str, requests: Sequence[Mapping[str, Any]]
    ) -> list[dict[str, Any]]:
        """Carry out many requests of one verb; the outcomes are plain data."""
        return await self.engine.call_batch(verb, requests)

    async def read(self, function: str, *arguments: str | int | None) -> Any:
        """Call a reading function of schema `bursar`."""
        return await self.engine.read(function, *arguments)

    async def procedure(self, function: str, arguments: Mapping[str, str | int | None]) -> Any:
        """Call a stored procedure of schema `public`, once; a refusal is raised as `Refused`."""
        return await self.engine.procedure(function, arguments)


@asynccontextmanager
async def connect(
    url: str, *, token: str | None = None, settings: Settings | None = None
) -> AsyncIterator[Bank]:
    """Connect to the database at `url`, or to a running service when it is an http address.

    Over HTTP, `token` is the bearer token that says who calls. On leaving, what is on its way is
    finished. Raises `Fault` when nobody answers there.
    """
    if url.startswith(("http://", "https://")):
        engine = await open_remote(url, token=token, settings=settings)
    else:
        engine = await Engine.open(url, settings)
    try:
        yield Bank(engine)
    finally:
        await engine.close()


def _told(outcome: dict[str, Any]) -> Outcome | BursarError:
    if outcome.get("status") == "unknown":
        return OutcomeUnknown(outcome.get("key"))
    if outcome.get("status") == "fault":
        return Fault(str(outcome.get("message")))
    return typed(outcome)
