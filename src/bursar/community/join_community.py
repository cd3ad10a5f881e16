"""Come into the community: as a user of the app, or made one by the service."""

from collections.abc import Mapping
from typing import Any

import msgspec

from bursar.ledger.calls import SERVICE, Asks, request_of


async def join_community(
    calls: Asks,
    *,
    username: str,
    user_id: str | None = None,
    password_hash: str | None = None,
    caller: Mapping[str, str | None] = SERVICE,
) -> dict[str, Any]:
    """Make somebody a user under a name of 2 to 40 letters, digits, `_`, `.` and `-`.

    The outcome, done or refused, has `user_id`, `username` and whether they were `created`. Who is
    in it already stays as they are; only the service gives them another `password_hash`, which
    `bursar.community.password` makes. Without one they sign in with a token of the app's own.

    Refused, in this order: DEGRADED, MALFORMED (also for a name that somebody else has),
    NOT_AUTHORIZED. Raises `OutcomeUnknown` when the answer was lost, `Fault` when it failed.
    """
    request = request_of(
        username=username, user_id=user_id, password_hash=password_hash, caller=dict(caller)
    )
    outcome: dict[str, Any] = await calls.read(
        "join_community", msgspec.json.encode(request).decode()
    )
    return outcome
