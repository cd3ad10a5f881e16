"""Put a reward on sale."""

from bursar.ledger.calls import Calls


async def create_reward(
    calls: Calls, *, name: str, description: str = "", cost: int, creator_id: str
) -> str:
    """Put a reward on sale for `cost` whole credits (1 to 10^15) and return its id.

    `creator_id` is the user who is paid for it. `name` has 1 to 200 characters, `description` at
    most 2000. It has no idempotency key: asked twice, there are two rewards.

    Raises `Refused` with DEGRADED, NOT_AUTHORIZED or MALFORMED, or with BUSY when no connection is
    free in time; `OutcomeUnknown` when the answer was lost, `Fault` when something failed.
    """
    arguments: dict[str, str | int | None] = {
        "p_name": name,
        "p_description": description,
        "p_cost": cost,
        "p_creator_id": creator_id,
    }
    return str(await calls.procedure("create_reward", arguments))
