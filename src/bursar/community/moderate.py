"""Moderate: hide and show posts, and keep users from challenges and boosts for a while."""

from datetime import datetime
from typing import Any, Literal

import msgspec

from bursar.ledger.calls import Asks, request_of

PostAction = Literal["hide", "show", "approve", "reject"]
Penalty = Literal["penalise_challenges", "penalise_boosts"]


async def moderate(
    calls: Asks,
    *,
    action: PostAction,
    post_id: str,
    reason: str,
    actor: str,
    moderator_id: str | None = None,
) -> dict[str, Any]:
    """Moderate the post `post_id`; the outcome is done or refused, and written down with `reason`.

    `moderator_id` is the user who asks; None is the service itself. Refused, in this order:
    DEGRADED, MALFORMED, NOT_AUTHORIZED, POST_NOT_FOUND. Raises `OutcomeUnknown` when the answer was
    lost: it is asked once, since what is done twice is written down twice. Raises `Fault` when it
    failed.
    """
    request = request_of(
        action=action, post_id=post_id, reason=reason, actor=actor, moderator_id=moderator_id
    )
    return await _asked(calls, request)


async def penalise(
    calls: Asks, *, action: Penalty, user_id: str, until: datetime | None, reason: str, actor: str
) -> dict[str, Any]:
    """Keep `user_id` from what `action` names until then; None lifts the penalty.

    Refused, in this order: DEGRADED, MALFORMED. Raises as `moderate` does.
    """
    request = {
        "action": action,
        "user_id": user_id,
        "until": until and until.isoformat(),
        "reason": reason,
        "actor": actor,
    }
    return await _asked(calls, request)


async def _asked(calls: Asks, request: dict[str, Any]) -> dict[str, Any]:
    outcome: dict[str, Any] = await calls.read("moderate", msgspec.json.encode(request).decode())
    return outcome
