"""Write a post, and delete one: its reactions stay."""

import uuid
from collections.abc import Mapping
from typing import Any

import msgspec

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
    IDEMPOTENCY_MISMATCH. Raises `Fault` when it failed.
    """
    # An answer that is lost on the way is asked for again, so the post has its id from the start.
    chosen = post_id or str(uuid.uuid4())
    request = {"user_id": user_id, "body": body, "post_id": chosen, "caller": dict(caller)}
    return await _asked(calls, "write_post", request)


async def delete_post(
    calls: Asks, *, post_id: str, user_id: str, caller: Mapping[str, str | None] = SERVICE
) -> dict[str, Any]:
    """Delete a post as its author, or as a moderator; the outcome has `reactions_kept`.

    Refused, in this order: DEGRADED, MALFORMED, NOT_AUTHORIZED, POST_NOT_FOUND. Raises `Fault`
    when it failed.
    """
    request = {"post_id": post_id, "user_id": user_id, "caller": dict(caller)}
    return await _asked(calls, "delete_post", request)


async def _asked(calls: Asks, function: str, request: Mapping[str, Any]) -> dict[str, Any]:
    outcome: dict[str, Any] = await calls.read(function, msgspec.json.encode(request).decode())
    return outcome
