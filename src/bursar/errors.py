"""Every refusal Bursar knows, in order of precedence, and the exceptions that carry them.

A refusal is a "no" that the rules say. Inside, it is data: an outcome with a code. It becomes an
exception only where a caller asked for one. `ledger/refusal.sql` holds the same table for callers
who have nothing but SQL, and `docs/errors.md` has a heading for each code; a test keeps the three
in step.
"""

from dataclasses import dataclass
from typing import Any


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


# The order is that in which a request is judged: of several reasons to refuse, the first is
# answered. A door may refuse earlier what it sees by itself: a token, a body, a full queue.
REFUSALS: tuple[Refusal, ...] = (
    Refusal(
        "DEGRADED",
        "UB003",
        503,
        False,
        "Changes are paused for maintenance; reading goes on.",
        "Try again later with the same key.",
    ),
    Refusal(
        "MALFORMED",
        "UB001",
        422,
        False,
        "The request cannot be read.",
        "Correct the field named in the details and send the request again.",
    ),
    Refusal(
        "NOT_AUTHORIZED",
        "UB002",
        403,
        False,
        "You may not do this on behalf of somebody else.",
        "Sign in as the owner, or call with the service role.",
    ),
    Refusal(
        "IDEMPOTENCY_MISMATCH",
        "UB006",
        422,
        False,
        "This idempotency key was used before with another request.",
        "Use a new key for a new request.",
    ),
    Refusal(
        "HOLD_NOT_FOUND",
        "UB012",
        404,
        False,
        "There is no such hold.",
        "Correct the hold's id.",
    ),
    Refusal(
        "TRANSACTION_NOT_FOUND",
        "UB013",
        404,
        False,
        "There is no such transaction.",
        "Correct the transaction's id.",
    ),
    Refusal(
        "ASSET_NOT_FOUND",
        "UB010",
        404,
        False,
        "There is no such asset.",
        "Register the asset first, or correct its name.",
    ),
    Refusal(
        "REWARD_NOT_FOUND",
        "UB014",
        404,
        True,
        "This reward does not exist.",
        "Reload the list of rewards.",
    ),
    Refusal(
        "SELF_TRANSFER",
        "UB021",
        422,
        True,
        "A wallet cannot pay itself.",
        "Name another wallet as the payee.",
    ),
    Refusal(
        "SELF_PURCHASE",
        "UB020",
        403,
        True,
        "Cannot purchase your own reward.",
        "Choose a reward that somebody else created.",
    ),
    Refusal(
        "ALREADY_COLLECTED",
        "UB022",
        409,
        True,
        "You have already collected this reward.",
        "Find it in your collected rewards.",
    ),
    Refusal(
        "REWARD_INACTIVE",
        "UB023",
        409,
        True,
        "This reward is not on sale.",
        "Reload the list of rewards.",
    ),
    Refusal(
        "PRICE_CHANGED",
        "UB024",
        409,
        True,
        "The price changed since you saw it.",
        "Show the new price and ask again.",
    ),
    Refusal(
        "HOLD_ENDED",
        "UB030",
        409,
        True,
        "This hold has already ended.",
        "Look at the hold: it was captured, released or has expired.",
    ),
    Refusal(
        "HOLD_EXCEEDED",
        "UB031",
        409,
        True,
        "More would be captured than the hold has left.",
        "Capture no more than what is left, or choose an over-run policy.",
    ),
    Refusal(
        "NOT_REFUNDABLE",
        "UB032",
        409,
        True,
        "This transaction moved nothing that could be refunded.",
        "Refund the transaction that charged the wallet.",
    ),
    Refusal(
        "REFUND_EXCEEDED",
        "UB033",
        409,
        True,
        "More would be refunded than was charged.",
        "Refund no more than what is left of the charge.",
    ),
    Refusal(
        "EXTERNAL_ID_TAKEN",
        "UB007",
        409,
        True,
        "This external transaction was credited before.",
        "Look the transaction up by its external id; it is credited only once.",
    ),
    Refusal(
        "BUSY",
        "UB004",
        503,
        False,
        "Too many requests want the same wallet right now.",
        "Send the same request again with the same key after a moment.",
    ),
    Refusal(
        "WALLET_NOT_FOUND",
        "UB011",
        404,
        True,
        "There is no such wallet.",
        "Grant something to the owner first, or correct the owner's id.",
    ),
    Refusal(
        "WALLET_CLOSED",
        "UB041",
        403,
        True,
        "This wallet is closed.",
        "Use another wallet.",
    ),
    Refusal(
        "WALLET_FROZEN",
        "UB040",
        403,
        True,
        "This wallet is frozen.",
        "Ask the operator why, and to open it again.",
    ),
    Refusal(
        "WALLET_NOT_EMPTY",
        "UB042",
        409,
        True,
        "A wallet with a balance, a hold or a debt cannot be closed.",
        "Empty the wallet first.",
    ),
    Refusal(
        "INSUFFICIENT_FUNDS",
        "UB050",
        402,
        True,
        "Not enough is available in this wallet.",
        "Add credits, then try again with a new key.",
    ),
    Refusal(
        "BALANCE_LIMIT",
        "UB051",
        409,
        True,
        "The balance would grow beyond what this wallet can hold.",
        "Move something out of the wallet first.",
    ),
)

BY_CODE: dict[str, Refusal] = {refusal.code: refusal for refusal in REFUSALS}
BY_SQLSTATE: dict[str, Refusal] = {refusal.sqlstate: refusal for refusal in REFUSALS}


class BursarError(Exception):
    """The root of everything Bursar raises."""


class Refused(BursarError):
    """A refusal, raised for a caller who asked for exceptions.

    `str(error)` is the message: the code, a colon, and a sentence.
    """

    def __init__(
        self, code: str, message: str | None = None, details: dict[str, Any] | None = None
    ) -> None:
        refusal = BY_CODE[code]
        super().__init__(message or f"{code}: {refusal.sentence}")
        self.code = code
        self.details: dict[str, Any] = details or {}

    @property
    def refusal(self) -> Refusal:
        """The entry of the registry that this refusal is an instance of."""
        return BY_CODE[self.code]


class OutcomeUnknown(BursarError):
    """The connection was lost and every retry within the budget failed too.

    The request may or may not have been carried out. Sending it again with the same key answers
    which, and never carries it out twice.
    """

    def __init__(self, key: str | None) -> None:
        super().__init__(
            "The outcome is unknown because the database could not be reached again in time. "
            "Send the same request with the same key to learn it."
        )
        self.key = key


class Fault(BursarError):
    """Something that must not happen did: a bug, or a database that is not as it should be."""
