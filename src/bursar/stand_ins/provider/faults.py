"""What goes wrong on order: calls that fail, hang or come late, and a process that ends."""

import asyncio
import os
import re
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from bursar.stand_ins.stripe.api_error import ApiError

HANG_SECONDS = 600.0
CRASH_CODE = 70
_Count = Annotated[int, Meta(ge=0, le=100_000)]
_Seconds = Annotated[float, Meta(ge=0, le=600)]
_WORDS = re.compile(r"\[(fail|hang|crash|late)(?: (\d+(?:\.\d+)?))?(?: x(\d+))?\]")


class Faults(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The faults in force. An order replaces them all: what it does not name is well again.

    `fail_calls`: so many calls are answered with `fail_status`, and with a Retry-After header of
    `retry_after` seconds where that is more than 0. `hang_calls`: so many are not answered for
    `hang_seconds`. `crash_calls`: at so many the process ends at once; the count begins anew with
    the process that takes its place, which knows of no faults. `late_calls`: so many are answered
    `late_seconds` after what was asked for had been made. With `after_effect` a failure, a hang or
    a crash comes when it has been made, and only the answer is lost.
    """

    fail_calls: _Count = 0
    fail_status: Annotated[int, Meta(ge=400, le=599)] = 500
    retry_after: _Seconds = 0.0
    hang_calls: _Count = 0
    hang_seconds: _Seconds = HANG_SECONDS
    crash_calls: _Count = 0
    late_calls: _Count = 0
    late_seconds: _Seconds = 2.0
    after_effect: bool = False


class _Order(NamedTuple):
    kind: str
    number: float | None


class Trouble:
    """The faults in force."""

    def __init__(self) -> None:
        self.faults = Faults()

    async def before(self, prompt: str, calls: int) -> None:
        """Let go wrong what is to, before a call is carried out; `calls` have had its key so far.

        Raises `ApiError`.
        """
        for order in _orders(prompt, calls):
            if order.kind == "crash":
                os._exit(CRASH_CODE)
            if order.kind == "hang":
                await _hang(HANG_SECONDS if order.number is None else order.number)
            if order.kind == "fail":
                raise _failure(int(order.number or 500), 0)
        if not self.faults.after_effect:
            await self._meet()

    async def after(self, prompt: str, calls: int) -> None:
        """Let go wrong what is to, once the answer is there. Raises `ApiError`."""
        for order in _orders(prompt, calls):
            if order.kind == "late":
                await asyncio.sleep(2.0 if order.number is None else order.number)
        if self.faults.after_effect:
            await self._meet()
        if self.faults.late_calls:
            self.faults.late_calls -= 1
            await asyncio.sleep(self.faults.late_seconds)

    async def _meet(self) -> None:
        faults = self.faults
        if faults.crash_calls:
            os._exit(CRASH_CODE)
        if faults.hang_calls:
            faults.hang_calls -= 1
            await _hang(faults.hang_seconds)
        if faults.fail_calls:
            faults.fail_calls -= 1
            raise _failure(faults.fail_status, faults.retry_after)


def without_orders(prompt: str) -> str:
    """The prompt as it is drawn."""
    return _WORDS.sub("", prompt).strip()


def _orders(prompt: str, calls: int) -> list[_Order]:
    """What the prompt orders for a call whose key so many calls have had, this one included."""
    return [
        _Order(match[1], float(match[2]) if match[2] else None)
        for match in _WORDS.finditer(prompt)
        if match[3] is None or calls <= int(match[3])
    ]


async def _hang(seconds: float) -> None:
    await asyncio.sleep(seconds)
    raise _failure(504, 0)


def _failure(status: int, retry_after: float) -> ApiError:
    status = status if 400 <= status <= 599 else 500
    return ApiError(
        status,
        "The server had an error while processing your request. (This was ordered.)"
        if status >= 500
        else "Your request was rejected. (This was ordered.)",
        kind="server_error" if status >= 500 else "invalid_request_error",
        headers={"retry-after": f"{retry_after:g}"} if retry_after else None,
    )
