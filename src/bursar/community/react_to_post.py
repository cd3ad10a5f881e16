"""React to a post: once of a kind, for ever; a new reaction awards the author."""

from collections.abc import Mapping
from typing import Literal

import msgspec

from bursar.ledger.answer import typed
from bursar.ledger.calls import SERVICE, Calls, request_of
from bursar.model import Outcome

ReactionType = Literal["love", "like", "laugh", "wow", "sad"]


class Reaction(Outcome, frozen=True, omit_defaults=True, kw_only=True):
    """The outcome of a reaction.

    `created` says whether it is new; `amount` is what the author was awarded for it, in credits;
    `reactions` counts what the post has, by kind.
    """

    post_id: str | None = None
    reaction_type: str | None = None
    created: bool = False
    reactions: dict[str, int] = msgspec.field(default_factory=dict)


async def react_to_post(
    calls: Calls,
    *,
    post_id: str,
    user_id: str,
    reaction_type: ReactionType,
    caller: Mapping[str, str | None] = SERVICE,
    actor: str | None = None,
) -> Reaction:
    """Let `user_id` react to `post_id`. The same reaction again changes nothing.

    Refused, in this order: DEGRADED, MALFORMED, NOT_AUTHORIZED, POST_NOT_FOUND, BUSY.
    Raises `OutcomeUnknown` when the answer was lost, `Fault` when something failed.
    """
    request = request_of(
        post_id=post_id,
        user_id=user_id,
        reaction_type=reaction_type,
        caller=dict(caller),
        actor=actor,
    )
    return typed(await calls.call("react_to_post", request), Reaction)
