"""A wallet's entries, newest first."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import msgspec

from bursar.ledger.calls import Calls

PAGE_MAX = 500


class StatementLine(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of a wallet: what changed, by whom, and the balance after it.

    `amount` is signed and in minor units; `seq` counts the wallet's entries without a gap;
    `corrects` is the transaction that this one refunds or mends.
    """

    seq: int
    transaction_id: int
    verb: str
    reason: str | None = None
    amount: int
    balance_after: int
    bucket: str | None = None
    counterparties: list[Any] = []
    corrects: int | None = None
    actor: str | None = None
    metadata: dict[str, Any] | None = None
    created_at: datetime


async def read_statement(
    calls: Calls,
    owner_id: str,
    asset: str,
    *,
    before_seq: int | None = None,
    page_size: int = 50,
) -> AsyncIterator[StatementLine]:
    """Go through `owner_id`'s entries of `asset`, newest first, page by page.

    Starts below `before_seq` when given. A page of `page_size` lines (1 to 500) is fetched only
    when it is needed; entries written meanwhile do not shift the pages.
    """
    if not 1 <= page_size <= PAGE_MAX:
        raise ValueError(f"page_size must be 1 to {PAGE_MAX}.")
    while True:
        page = await calls.read("read_statement", owner_id, asset, before_seq, page_size)
        lines = msgspec.convert(page or [], list[StatementLine])
        for line in lines:
            yield line
        if len(lines) < page_size:
            return
        before_seq = lines[-1].seq
