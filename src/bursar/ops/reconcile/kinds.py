"""For every kind of finding: by what it is mended, or under which heading of the runbook it stands.

A remedy is a function `bursar.mend_…` that takes what a finding names and finds out under the locks
what is due. It changes no transaction and no entry: it posts new ones, or writes a row anew that
only repeats what transactions, entries, items or events say.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Remedy:
    """A mending function, the ids that it takes, and what it does in a few words.

    Of several, those that are listed earlier come first: what they mend is what later ones read.
    """

    function: str
    takes: tuple[str, ...]
    does: str


REMEDIES: dict[str, Remedy] = {
    "hold": Remedy("mend_hold", ("hold_id",), "the hold as its transactions say"),
    "wallet": Remedy(
        "mend_wallet",
        ("asset", "owner_id", "keep"),
        "adjustments, so that the wallet is what its entries say",
    ),
    "store work": Remedy(
        "mend_store_work", ("event_id", "tx_id", "user_id"), "it waits again, to be carried out"
    ),
    "purchase": Remedy(
        "mend_purchase",
        ("tx_id", "event_id"),
        "the purchase as its events say, its claim settled by entries",
    ),
    "card payment": Remedy(
        "mend_card_payment", ("payment_id",), "the payment settled again from its events"
    ),
    "lead": Remedy("mend_lead", ("lead_id",), "the lead as its items say"),
    "booster": Remedy("mend_booster", ("user_id",), "the booster as its changes say"),
    "shields": Remedy("mend_shields", ("user_id",), "a correction to what claims come to"),
    "totals": Remedy("mend_workspace_totals", ("workspace_id",), "the totals as entries say"),
}

# The sections of docs/runbook.md under "What compensation cannot mend".
HEADINGS = (
    "An edited entry",
    "A removed or added entry",
    "An edited or removed transaction",
    "A broken seal",
    "A wallet whose entries do not follow one another",
    "A wallet that owes",
    "A hold that has lost its record",
    "A remembered outcome that is not so",
    "An external id without its grant",
    "Refunds beyond the charge",
    "A double sale",
    "A purchase without its charge",
    "A card payment that its events do not bear out",
    "A claim that nothing bears out",
    "A booster whose changes have a gap",
    "An award that nothing bears out",
    "A job that is not paid as it says",
    "A guard that is off",
)
EDITED, REMOVED, TRANSACTION, SEAL, GAP, OWES, HOLD, KEY, EXTERNAL, REFUNDS, SOLD = HEADINGS[:11]
CHARGE, CARD, CLAIM, BOOSTER, AWARD, JOB, GUARD = HEADINGS[11:]

_ALL = "*"
# By invariant: where its findings stand in the runbook, and which of them have a remedy.
_KINDS: dict[str, tuple[str, dict[str, str]]] = {
    "assets_sum_to_zero": (REMOVED, {}),
    "entries_sum_to_zero": (EDITED, {}),
    "entries_are_sound": (EDITED, {}),
    "transactions_match_entries": (TRANSACTION, {}),
    "wallets_match_entries": (
        GAP,
        {
            "a balance is not the sum of its entries": "wallet",
            "a sequence is not the number of entries": "wallet",
            "entries that do not end at 0 have no wallet": "wallet",
        },
    ),
    "balances_are_not_negative": (
        GAP,
        {"a balance is negative": "wallet", "what is held is not covered": "wallet"},
    ),
    "held_is_what_holds_left": (HOLD, {_ALL: "wallet"}),
    "holds_add_up": (
        HOLD,
        {
            "a hold is not what its transaction says": "hold",
            "more was taken from a hold than it had": "hold",
            "the parts of a hold are not what its transactions say": "hold",
            "a hold has not ended as it says": "hold",
        },
    ),
    "keys_name_their_transaction": (KEY, {}),
    "keys_share_no_transaction": (KEY, {}),
    "keys_name_their_card_payment": (KEY, {}),
    "external_ids_name_their_grant": (EXTERNAL, {}),
    "refunds_stay_within_charges": (REFUNDS, {}),
    "collections_match_purchases": (CHARGE, {}),
    "lead_purchases_match_charges": (CHARGE, {}),
    "leads_are_sold_as_often_as_bought": (
        SOLD,
        {
            "a lead was bought more often than it was sold": "lead",
            "a lead that was sold is on sale": "lead",
            "a lead that was not sold is not on sale": "lead",
            "a lead is reserved by nobody": "lead",
        },
    ),
    "workspace_totals_make_balances": (GAP, {_ALL: "totals"}),
    "card_payments_match_events": (CARD, {_ALL: "card payment"}),
    "card_payouts_match_transactions": (
        CARD,
        {"what went back is not what the payment says": "card payment"},
    ),
    "card_purchases_match_payouts": (CARD, {}),
    "purchases_match_events": (CLAIM, {_ALL: "purchase"}),
    "claims_belong_to_their_buyers": (
        CLAIM,
        {
            "a granted claim has no purchase": "purchase",
            "a claim is of another product than was bought": "purchase",
            "a refunded purchase is still granted": "purchase",
            "a claim was taken back though its purchase stands": "purchase",
        },
    ),
    "claims_match_transactions": (
        CLAIM,
        {
            "a claim was not granted as it says": "purchase",
            "a refunded claim kept what it gave": "purchase",
            "more was taken back than a claim gave": "purchase",
        },
    ),
    "over_cap_purchases_stay_claimable": (CLAIM, {}),
    "accepted_claims_have_an_outcome": (CLAIM, {_ALL: "store work"}),
    "shields_match_claims": (CLAIM, {_ALL: "shields"}),
    "boosters_match_changes": (
        BOOSTER,
        {
            "a booster does not end as its last change says": "booster",
            "the changes of a booster are not as many as its wallet says": "booster",
            "a booster that runs has no wallet": "booster",
        },
    ),
    "awards_match_transactions": (AWARD, {}),
    "deductions_match_jobs": (JOB, {}),
    "jobs_cost_what_they_say": (JOB, {}),
    "jobs_match_holds": (JOB, {}),
    "guards_are_on": (GUARD, {}),
    "marketplace_guards_are_on": (GUARD, {}),
    "shop_guards_are_on": (GUARD, {}),
    "seal_guards_are_on": (GUARD, {}),
    "only_the_kernel_may_write": (GUARD, {}),
}
# Findings of these say that entries themselves were changed: what they sum to proves nothing then.
SUSPICIOUS = {"entries_sum_to_zero", "entries_are_sound", "transactions_match_entries"}


def remedy_of(invariant: str, what: str) -> str | None:
    """Return the name of the remedy for a finding, or None where compensation cannot mend it."""
    remedies = _KINDS[invariant][1]
    return remedies.get(what, remedies.get(_ALL))


def heading_of(invariant: str, what: str) -> str:
    """Return under which heading of the runbook a finding stands that could not be mended."""
    if invariant == "transactions_match_entries" and "has entries" not in what:
        return REMOVED if "no entries" in what else TRANSACTION
    return _KINDS[invariant][0]


def known(invariant: str) -> bool:
    """Whether it is decided what becomes of the findings of an invariant."""
    return invariant in _KINDS


def arguments_of(remedy: Remedy, ids: dict[str, Any], keep: bool) -> tuple[Any, ...] | None:
    """Return what the remedy's function is given first; None where a finding names too little."""
    given = {**ids, "keep": keep}
    arguments = tuple(given.get(name) for name in remedy.takes)
    return None if all(value is None for value in arguments) else arguments
