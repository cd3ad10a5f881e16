"""What a wallet holds."""

from typing import Literal

import msgspec

from bursar.ledger.calls import Calls


class Wallet(msgspec.Struct, frozen=True, kw_only=True):
    """A wallet as it is now, in minor units of its asset.

    `available` is what can be spent, `balance - held`; `owed` is the owner's debt in this asset;
    `seq` is the number of the wallet's last entry.
    """

    owner_id: str
    asset: str
    balance: int
    held: int
    available: int
    owed: int
    status: Literal["open", "frozen", "closed"]
    seq: int


async def read_wallet(calls: Calls, owner_id: str, asset: str) -> Wallet | None:
    """Return `owner_id`'s wallet of `asset`, or None when there is none.

    Raises `Refused` with BUSY when no connection is free in time, `Fault` when reading fails.
    """
    found = await calls.read("read_wallet", owner_id, asset)
    return None if found is None else msgspec.convert(found, Wallet)
