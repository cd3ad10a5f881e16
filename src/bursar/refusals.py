"""Every refusal Bursar knows, in order of precedence.

A refusal is a "no" that the rules say. Inside, it is data: an outcome with a code. It becomes an
exception (`bursar.errors`) only where a caller asked for one. `ledger/refusal.sql` holds the same
table for callers who have nothing but SQL, and `docs/errors.md` has a heading for each code; a test
keeps the three in step.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refusal:
    """One way to be refused.

    `code` is stable and upper-case; `sqlstate` is five characters of a class that the SQL standard
    leaves to implementers; `http_status` is what every HTTP door answers; `sentence` is for the
    person who reads it; `hint` says what to do next. A `remembered` refusal is answered again to
    the same key; the others are let go, because time or a second try may lift them.
    """

    code: str
    sqlstate: str
    http_status: int
    remembered: bool
    sentence: str
    hint: str


# The order is that of the steps in which a request is judged: of several reasons to refuse, the
# first is answered. Within what a verb finds, the order is that of its own SQL. A door may refuse
# earlier what it sees by itself: a token, a body, a full queue.
# Three lines each; the formatter would make eight of them.
# fmt: off
REFUSALS: tuple[Refusal, ...] = (
    Refusal("DEGRADED", "UB003", 503, False,
        "Changes are paused for maintenance; reading goes on.",
        "Try again later with the same key."),
    Refusal("APP_DOWN", "UB008", 503, False,
        "This part of the service is not there at the moment; the rest goes on.",
        "Send the same request again with the same key when it is back."),
    Refusal("MALFORMED", "UB001", 422, False,
        "The request cannot be read.",
        "Correct the field named in the details and send the request again."),
    Refusal("NOT_AUTHORIZED", "UB002", 403, False,
        "You may not do this on behalf of somebody else.",
        "Sign in as the owner, or call with the service role."),
    Refusal("IDEMPOTENCY_MISMATCH", "UB006", 422, False,
        "This idempotency key was used before with another request.",
        "Use a new key for a new request."),
    Refusal("RATE_LIMITED", "UB005", 429, False,
        "Too many requests in a short time.",
        "Wait as long as the details say, then send the same request again."),
    Refusal("HOLD_NOT_FOUND", "UB012", 404, False,
        "There is no such hold.",
        "Correct the hold's id."),
    Refusal("TRANSACTION_NOT_FOUND", "UB013", 404, False,
        "There is no such transaction.",
        "Correct the transaction's id."),
    Refusal("ASSET_NOT_FOUND", "UB010", 404, False,
        "There is no such asset.",
        "Register the asset first, or correct its name."),
    Refusal("REWARD_NOT_FOUND", "UB014", 404, True,
        "This reward does not exist.",
        "Reload the list of rewards."),
    Refusal("PURCHASE_NOT_FOUND", "UB015", 404, False,
        "There is no such purchase.",
        "Correct the purchase's id."),
    Refusal("PRODUCT_NOT_FOUND", "UB017", 404, False,
        "There is no such product.",
        "Correct the product's name."),
    Refusal("JOB_NOT_FOUND", "UB018", 404, False,
        "There is no such job.",
        "Correct the job's id."),
    Refusal("POST_NOT_FOUND", "UB019", 404, False,
        "There is no such post.",
        "Reload the feed; it was deleted or hidden."),
    Refusal("UNKNOWN_TRANSACTION", "UB016", 404, False,
        "The store has not told us of this purchase.",
        "Wait a moment and claim again; the store's message may still be on its way."),
    Refusal("SELF_TRANSFER", "UB021", 422, True,
        "A wallet cannot pay itself.",
        "Name another wallet as the payee."),
    Refusal("SELF_PURCHASE", "UB020", 403, True,
        "Cannot purchase your own reward.",
        "Choose a reward that somebody else created."),
    Refusal("TRANSACTION_OWNED_BY_OTHER", "UB034", 409, False,
        "This purchase belongs to somebody else.",
        "Sign in as whoever made the purchase."),
    Refusal("TRANSACTION_REFUNDED", "UB035", 410, False,
        "This purchase was refunded.",
        "Buy it again to have it."),
    Refusal("SKU_DISABLED", "UB036", 403, False,
        "This product cannot be claimed at the moment.",
        "Try again later; the purchase stays claimable."),
    Refusal("ALREADY_COLLECTED", "UB022", 409, True,
        "You have already collected this reward.",
        "Find it in your collected rewards."),
    Refusal("REWARD_INACTIVE", "UB023", 409, True,
        "This reward is not on sale.",
        "Reload the list of rewards."),
    Refusal("PURCHASE_CONFLICT", "UB025", 409, True,
        "Not every item of the cart can be had.",
        "Take the items named in the details out of the cart, and ask again with a new key."),
    Refusal("PENALTY_ACTIVE", "UB029", 403, False,
        "You may not do this for a while.",
        "Wait until the time that the details say."),
    Refusal("BOOSTER_ACTIVE", "UB037", 409, False,
        "A booster is running already.",
        "Claim this one when the running booster has ended."),
    Refusal("CAP_EXCEEDED", "UB038", 409, False,
        "You have claimed as many of these as is allowed for now.",
        "Claim it again when the details say that it is free; the purchase is kept."),
    Refusal("PRICE_CHANGED", "UB024", 409, True,
        "The price changed since you saw it.",
        "Show the new price and ask again."),
    Refusal("NOT_PAID", "UB026", 409, False,
        "This purchase has not been paid.",
        "Wait until the payment is confirmed."),
    Refusal("JOB_ENDED", "UB027", 409, False,
        "This job has already ended.",
        "Look at the job: it was completed."),
    Refusal("NOTHING_TO_REFUND", "UB028", 409, False,
        "There is no deduction that could be given back.",
        "Look at the history: it was given back already, or a job used it."),
    Refusal("HOLD_ENDED", "UB030", 409, True,
        "This hold has already ended.",
        "Look at the hold: it was captured, released or has expired."),
    Refusal("HOLD_EXCEEDED", "UB031", 409, True,
        "More would be captured than the hold has left.",
        "Capture no more than what is left, or choose an over-run policy."),
    Refusal("NOT_REFUNDABLE", "UB032", 409, True,
        "This transaction moved nothing that could be refunded.",
        "Refund the transaction that charged the wallet."),
    Refusal("REFUND_EXCEEDED", "UB033", 409, True,
        "More would be refunded than was charged.",
        "Refund no more than what is left of the charge."),
    Refusal("EXTERNAL_ID_TAKEN", "UB007", 409, True,
        "This external transaction was credited before.",
        "Look the transaction up by its external id; it is credited only once."),
    Refusal("BUSY", "UB004", 503, False,
        "Too many requests want the same wallet right now.",
        "Send the same request again with the same key after a moment."),
    Refusal("WALLET_NOT_FOUND", "UB011", 404, True,
        "There is no such wallet.",
        "Grant something to the owner first, or correct the owner's id."),
    Refusal("WALLET_CLOSED", "UB041", 403, True,
        "This wallet is closed.",
        "Use another wallet."),
    Refusal("WALLET_FROZEN", "UB040", 403, True,
        "This wallet is frozen.",
        "Ask the operator why, and to open it again."),
    Refusal("WALLET_NOT_EMPTY", "UB042", 409, True,
        "A wallet with a balance, a hold or a debt cannot be closed.",
        "Empty the wallet first."),
    Refusal("INSUFFICIENT_FUNDS", "UB050", 402, True,
        "Not enough is available in this wallet.",
        "Add credits, then try again with a new key."),
    Refusal("BALANCE_LIMIT", "UB051", 409, True,
        "The balance would grow beyond what this wallet can hold.",
        "Move something out of the wallet first."),
)
# fmt: on

BY_CODE: dict[str, Refusal] = {refusal.code: refusal for refusal in REFUSALS}
BY_SQLSTATE: dict[str, Refusal] = {refusal.sqlstate: refusal for refusal in REFUSALS}
