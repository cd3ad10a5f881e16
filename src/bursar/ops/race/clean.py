"""Puts away what was made for a race or a smoke test, as far as a ledger lets anything go."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, field

from bursar.ops.race.scenarios import Stage
from bursar.ops.race.storefront import Unreachable

_CLEANING_SECONDS = 30.0


@dataclass(slots=True)
class Cleaned:
    """What could not be cleaned up, each in a sentence, and what stays by design."""

    left_behind: list[str] = field(default_factory=list)
    stays: str = ""


async def clean(stage: Stage) -> Cleaned:
    """Take the rewards off sale and the balances back, and close the wallets.

    Each of the three is tried for at most 30 s, whatever became of the others. What is sold stays
    sold, and entries stay: they sum to zero.
    """
    cleaned = Cleaned()
    closed = 0

    async def attempt(what: str, work: Awaitable[int | None]) -> int:
        try:
            async with asyncio.timeout(_CLEANING_SECONDS):
                return await work or 0
        except (Unreachable, TimeoutError) as error:
            cleaned.left_behind.append(f"{what}: {str(error) or 'out of time'}")
            return 0

    owners = f"{len(stage.owners)} owners"
    await attempt(f"{len(stage.rewards)} rewards on sale", stage.front.retire(stage.rewards))
    await attempt(f"balances of {owners}", _take_back(stage))
    closed = await attempt(f"open wallets of {owners}", stage.front.close(stage.owners))
    if stage.owners:
        cleaned.stays = (
            f"{len(stage.rewards)} rewards, off sale, and {closed} wallets, empty and closed, with "
            "their collections and entries"
        )
    return cleaned


async def _take_back(stage: Stage) -> None:
    balances = await stage.front.balances(stage.owners)
    await stage.front.adjust({owner: -held for owner, held in balances.items() if held > 0})
