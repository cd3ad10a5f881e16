"""The credit office of an app: wallets, purchases, claims and holds that cannot race.

import bursar

async with bursar.connect("postgresql://…") as bank:
    outcome = await bank.grant(owner_id=user_id, asset="credit", amount=100)
"""

from typing import TYPE_CHECKING, Any

from bursar.errors import BursarError, Fault, OutcomeUnknown, Refused
from bursar.model import Outcome
from bursar.settings import Settings

if TYPE_CHECKING:
    from bursar.client import Bank, connect

__all__ = [
    "Bank",
    "BursarError",
    "Fault",
    "Outcome",
    "OutcomeUnknown",
    "Refused",
    "Settings",
    "connect",
]


def __getattr__(name: str) -> Any:
    # Late, because the client stands on every room, and each room imports this package first.
    if name in ("Bank", "connect"):
        from bursar import client

        return getattr(client, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
