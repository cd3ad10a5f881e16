"""The words of the oracle: wallets, holds, charges, rewards and answers, in plain Python."""

from dataclasses import dataclass, field
from typing import Any, Literal

Request = dict[str, Any]
Status = Literal["open", "frozen", "closed"]
# They describe an effect and are no part of it.
WORDING = {"reason", "metadata", "actor", "key", "principal", "caller"}
AMOUNT_MAX = 10**15
# Codes that time or a second try may lift.
FORGOTTEN = {"MALFORMED", "NOT_AUTHORIZED", "IDEMPOTENCY_MISMATCH"}


@dataclass(slots=True)
class Wallet:
    """What somebody has of an asset, and what they owe of it."""

    balance: int = 0
    held: int = 0
    owed: int = 0
    status: Status = "open"
    exists: bool = False


@dataclass(slots=True)
class Hold:
    asset: str
    owner_id: str
    left: int
    expires_at: int


@dataclass(slots=True)
class Charge:
    """A transaction as refunds see it: who paid, who was paid, and how much came back already."""

    verb: str
    asset: str
    owner_id: str
    payee: str | None
    amount: int
    refunded: int = 0


@dataclass(slots=True)
class Reward:
    creator_id: str
    cost: int
    is_active: bool = True


@dataclass(slots=True)
class Answer:
    """An outcome without the ids that only the ledger can give."""

    code: str | None  # of the refusal
    amount: int = 0
    balance: int = 0
    held: int = 0
    owed: int = 0
    replayed: bool = False
    malformed: str | None = None  # which field
    made: Charge | None = field(default=None, compare=False)
    hold: Hold | None = field(default=None, compare=False)


class RefusedError(Exception):
    """The request is refused with this code."""


def malformed_field(request: Request) -> str | None:
    """Name the field that is no proper amount; the value grid has a test of its own."""
    amount = request.get("amount")
    if amount is None:
        return None
    smallest = -AMOUNT_MAX if request["verb"] == "adjust" else 1
    whole = type(amount) is int and smallest <= amount <= AMOUNT_MAX and amount != 0
    return None if whole else "amount"


def said(outcome: dict[str, Any]) -> dict[str, Any]:
    """What of an outcome the oracle can know."""
    if outcome["status"] == "refused":
        code, details = outcome["code"], outcome["details"]
        assert outcome["message"].startswith(f"{code}: ")
        return {"code": code, "replayed": outcome["replayed"], "malformed": details.get("field")}
    assert outcome["available"] == outcome["balance"] - outcome["held"]
    return {"code": None, "replayed": outcome["replayed"], "malformed": None} | {
        name: outcome.get(name, 0) for name in ("amount", "balance", "held", "owed")
    }


def expected_of(answer: Answer) -> dict[str, Any]:
    if answer.code is not None:
        return {"code": answer.code, "replayed": answer.replayed, "malformed": answer.malformed}
    return {
        name: getattr(answer, name)
        for name in ("code", "replayed", "malformed", "amount", "balance", "held", "owed")
    }
