"""Why a balance is what it is."""

from typing import Any

from bursar.ledger.calls import Calls


async def explain(calls: Calls, owner_id: str, asset: str) -> dict[str, Any] | None:
    """Return how `owner_id`'s balance of `asset` came to be, or None when there is no wallet.

    The answer has the wallet, what its entries add up to by verb and by bucket, its open holds,
    the latest entries, and whether all of it agrees.

    Raises `Refused` with BUSY when no connection is free in time, `Fault` when reading fails.
    """
    found: dict[str, Any] | None = await calls.read("explain", owner_id, asset)
    return found
