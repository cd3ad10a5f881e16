"""What the marketplace has done without anybody asking: reservations lapse, events that were kept
take effect, and money that is owed goes back.

Several processes may do it at once: what one of them works on, the others pass over or do again
without effect, and a refund has a key under which it is issued once.
"""

import asyncio
from typing import Any

from bursar.errors import BursarError
from bursar.ledger.worker import ERROR_LENGTH_MAX, Ledger, Log, Step
from bursar.marketplace.card_company import CardCompany, CardCompanyError, mode_of
from bursar.settings import Settings

RESERVATIONS_MAX = 200
EVENTS_MAX = 100
REFUNDS_MAX = 10
# Longer than a refund can take, so that nobody else begins it meanwhile; it would come to the same.
LEASE_SECONDS_MIN = 60
LEASE_TIMEOUTS = 6
# Nothing takes effect while these are answered; the rest would only be asked in vain.
_NOT_NOW = ("DEGRADED", "BUSY")


class EventFailed(Exception):
    """An event that was kept could not take effect; it is tried again in the next round."""


async def take_kept_events(ledger: Ledger) -> tuple[int, str]:
    """Let events that came while changes were paused take effect, in their order.

    One that fails is left for the next round, and does not keep back those after it. Returns how
    many took effect, and what the last one that failed said, empty where none did.
    """
    taken, failed = 0, ""
    for kept in await ledger.read("waiting_stripe_events", EVENTS_MAX) or []:
        try:
            outcome = await ledger.call("take_stripe_event", {"event": kept["event"]})
        except BursarError as error:
            failed = f"{kept['event'].get('id')}: {error}"
            continue
        if outcome.get("code") in _NOT_NOW:
            break
        taken += 1
    return taken, failed


class Chores:
    """The marketplace's part of a worker's round.

    Without a card company it issues no refunds; another process may.
    """

    def __init__(self, settings: Settings, company: CardCompany | None, log: Log) -> None:
        self._company = company
        self._log = log
        self._mode = mode_of(settings)
        self._lease = max(LEASE_SECONDS_MIN, LEASE_TIMEOUTS * settings.stripe_timeout_ms // 1000)

    def steps(self) -> list[Step]:
        """Return what there is to do in each round, in order."""
        steps = [
            Step("expire_reservations", self._expire),
            Step("take_kept_events", self._take_kept),
        ]
        company = self._company
        if company is not None:
            steps.append(Step("issue_refunds", lambda ledger: self._refund(ledger, company)))
        return steps

    async def _expire(self, ledger: Ledger) -> None:
        lapsed = await ledger.read("expire_lead_reservations", RESERVATIONS_MAX)
        if lapsed:
            self._log.info("reservations_lapsed", purchases=lapsed)

    async def _take_kept(self, ledger: Ledger) -> None:
        taken, failed = await take_kept_events(ledger)
        if taken:
            self._log.info("kept_events_taken", events=taken)
        if failed:
            raise EventFailed(failed)

    async def _refund(self, ledger: Ledger, company: CardCompany) -> None:
        """Issue the refunds that are due, side by side."""
        owed = await ledger.read("lease_card_refunds", REFUNDS_MAX, self._lease) or []
        await asyncio.gather(*(self._issue(ledger, company, refund) for refund in owed))

    async def _issue(self, ledger: Ledger, company: CardCompany, owed: dict[str, Any]) -> None:
        """Ask the card company for one refund, and write down what it said."""
        refund_id = str(owed["refund_id"])
        issued, failed = None, None
        try:
            issued = await self._ask(company, owed)
        except CardCompanyError as error:
            failed = error.sentence[:ERROR_LENGTH_MAX]
        noted = await ledger.read("settle_card_refund", refund_id, issued, failed)
        if failed is not None:
            self._log.warning("refund_failed", refund_id=refund_id, message=failed)
        elif noted is not None:  # None while changes are paused; then it is asked for again.
            self._log.info("refund_issued", refund_id=refund_id, issued_as=issued)

    async def _ask(self, company: CardCompany, owed: dict[str, Any]) -> str:
        if owed["mode"] != self._mode:
            sentence = f"This was a {owed['mode']} payment, and the key is a {self._mode} key."
            raise CardCompanyError(sentence, retriable=False)
        if not owed["payment_intent"]:
            raise CardCompanyError("No payment intent is known for it.", retriable=False)
        return await company.refund(str(owed["refund_id"]), owed["payment_intent"], owed["amount"])
