"""What goes wrong on order: events twice, late, shuffled or lost, and calls that fail or hang."""

import asyncio
import random
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from bursar.stand_ins.stripe.api_error import ApiError

_Count = Annotated[int, Meta(ge=0, le=10_000)]
_Milliseconds = Annotated[int, Meta(ge=0, le=600_000)]


class Faults(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The faults in force. An order replaces them all: what it does not name is well again.

    To events, or only to those of the types in `only`:
    `duplicate`: each is posted so many times more. `delay_ms`: each waits so long first.
    `drop`: the probability that one is lost, until it is sent again by hand. `reorder`: so many
    postings are held back, then posted one after the other in shuffled order; at the latest
    `reorder_ms` after the first. `seed` makes losses and orders the same every time.

    To calls below /v1:
    `hang_calls`: so many are answered `hang_seconds` late. `fail_calls`: so many are answered with
    `fail_status`. With `after_effect` such a call is carried out first and only its answer is late
    or lost. `fail_kept`: the failure is remembered under the call's idempotency key, as Stripe
    does once it has begun to carry a call out.
    """

    duplicate: Annotated[int, Meta(ge=0, le=100)] = 0
    delay_ms: _Milliseconds = 0
    drop: Annotated[float, Meta(ge=0, le=1)] = 0.0
    reorder: Annotated[int, Meta(ge=0, le=1000)] = 0
    reorder_ms: _Milliseconds = 2000
    only: list[str] = []
    seed: int = 0
    hang_calls: _Count = 0
    hang_seconds: Annotated[float, Meta(ge=0, le=600)] = 5.0
    fail_calls: _Count = 0
    fail_status: Annotated[int, Meta(ge=400, le=599)] = 500
    fail_kept: bool = False
    after_effect: bool = False


class Trouble:
    """The faults in force, and the dice that decide whom they meet."""

    def __init__(self) -> None:
        self.faults = Faults()
        self._dice = random.Random(0)  # noqa: S311 - repeatable on purpose

    def order(self, faults: Faults) -> None:
        """Put these faults in force instead of the ones before."""
        self.faults = faults
        self._dice = random.Random(faults.seed)  # noqa: S311 - repeatable on purpose

    def concerns(self, kind: str) -> bool:
        """Whether the faults are meant for events of this type."""
        return not self.faults.only or kind in self.faults.only

    def drops(self) -> bool:
        """Whether this event is lost."""
        return self.faults.drop > 0 and self._dice.random() < self.faults.drop

    def shuffle(self, things: list[Any]) -> None:
        """Bring things into another order."""
        self._dice.shuffle(things)

    async def before_call(self) -> None:
        """Hang, or raise `ApiError`, before a call is carried out, if that was ordered."""
        if not self.faults.after_effect:
            await self._meet()

    async def after_call(self) -> None:
        """Hang, or raise `ApiError`, after a call was carried out, if that was ordered."""
        if self.faults.after_effect:
            await self._meet()

    async def _meet(self) -> None:
        faults = self.faults
        if faults.hang_calls:
            faults.hang_calls -= 1
            await asyncio.sleep(faults.hang_seconds)
        if faults.fail_calls:
            faults.fail_calls -= 1
            raise ApiError(
                faults.fail_status,
                "An unknown error occurred. (This was ordered.)",
                kind="api_error",
                executed=faults.fail_kept,
            )
