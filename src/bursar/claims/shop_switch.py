"""The shop's switches, for whoever says who they are and why."""

from typing import Any

import msgspec

from bursar.errors import Refused
from bursar.ledger.calls import Asks


async def set_store_config(
    calls: Asks, key: str, value: Any, actor: str, reason: str
) -> dict[str, Any]:
    """Set the switch `key` of `store_config` to `value`, and write down who did it and why.

    It holds from the next claim on. Returns the value before and after. Raises `Refused` with
    MALFORMED when the reason is empty, `OutcomeUnknown` when the answer was lost, `Fault` when it
    failed.
    """
    encoded = msgspec.json.encode(value).decode()
    return _changed(await calls.read("set_store_config", key, encoded, actor, reason))


async def switch_sku(
    calls: Asks, sku: str | None, on: bool, actor: str, reason: str
) -> dict[str, Any]:
    """Switch one product on or off, or with `sku` None all of them; absent means off.

    Returns the value of the switch before and after. Raises as `set_store_config` does.
    """
    encoded = None if sku is None else msgspec.json.encode(sku).decode()
    state = msgspec.json.encode(on).decode()
    return _changed(await calls.read("switch_sku", encoded, state, actor, reason))


def _changed(answer: dict[str, Any]) -> dict[str, Any]:
    if answer.get("status") == "refused":
        raise Refused(answer["code"], answer["message"], answer["details"])
    return answer
