"""The words of the ledger as Python types: what a verb answers."""

from typing import Any, Literal

import msgspec

from bursar.errors import Refused

PrincipalClass = Literal["user", "service", "operator"]


class Outcome(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What one request came to: done, or refused with a code.

    Amounts are whole minor units of `asset`. `balance`, `held` and `available` are those of
    `owner_id`'s wallet right after the request. `replayed` says that the request's key was known
    and that this is the first outcome again.
    """

    status: Literal["done", "refused"]
    verb: str = ""
    replayed: bool = False
    transaction_id: int | None = None
    owner_id: str | None = None
    asset: str | None = None
    amount: int | None = None
    balance: int | None = None
    held: int | None = None
    available: int | None = None
    owed: int | None = None
    hold_id: int | None = None
    code: str | None = None
    message: str | None = None
    details: dict[str, Any] = {}

    @property
    def done(self) -> bool:
        """Whether the request was carried out, now or when its key was first used."""
        return self.status == "done"

    def or_raise(self) -> "Outcome":
        """Return this outcome if it is done; raise it as `Refused` otherwise."""
        if self.code is not None:
            raise Refused(self.code, self.message, self.details)
        return self
