"""Write a post, and delete one: its reactions stay."""

import uuid
from collections.abc import Mapping
from typing import Any

import msgspec

from bursar.errors import OutcomeUnknown
from bursar.ledger.calls import SERVICE, Asks


async def write_post(
    calls: Asks,
    *,
    user_id: str,
    body: str,
    post_id: str | None = None,
    caller: Mapping[str, str | None] = SERVICE,
) -> dict[str, Any]:
    """Write a post of 1 to 2000 characters; the outcome, done or refused, has its `post_id`.

    With the `post_id`, a uuid of the caller's choice, the request may be sent again: the post is
    written once. Refused, in this order: DEGRADED, MALFORMED, NOT_AUTHORIZED,
    IDEMPOTENCY_MISMATCH. Raises `OutcomeUnknown` when the answer was lost, whose key is the
    `post_id` to ask with, `Fault` when it failed.
    """
    # Who does not hear what became of it asks by the id, so the post has one from the start.
    chosen = post_id or str(uuid.uuid4())
    request = {"user_id": user_id, "body": body, "post_id": chosen, "caller": dict(caller)}
    try:
        return await _asked(calls, "write_post", request)
    except OutcomeUnknown as error:
        raise OutcomeUnknown(chosen) from error


async def delete_post(
    calls: Asks, *, post_id: str, user_id: str, caller: Mapping[str, str | None] = SERVICE
) -> dict[str, Any]:
    """Delete a post as its author, or as a moderator; the outcome has `reactions_kept`.

    Refused, in this order: DEGRADED, MALFORMED, NOT_AUTHORIZED, POST_NOT_FOUND. Raises
    `OutcomeUnknown` when the answer was lost: it is asked once, since a post that was deleted is
    not found. Raises `Fault` when it failed.
    """
    request = {"post_id": post_id, "user_id": user_id, "caller": dict(caller)}
    return await _asked(calls, "delete_post", request)


async def _asked(calls: Asks, function: str, request: Mapping[str, Any]) -> dict[str, Any]:
    outcome: dict[str, Any] = await calls.read(function, msgspec.json.encode(request).decode())
    return outcome
