"""Submit what was scored in one round of a game: once, within the game's bounds."""

from collections.abc import Mapping

from bursar.ledger.answer import typed
from bursar.ledger.calls import SERVICE, Calls, request_of
from bursar.model import Outcome


class Score(Outcome, frozen=True, omit_defaults=True, kw_only=True):
    """The outcome of a score. `amount` is what was awarded for milestones, `best` the user's best.

    `created` is false where the round was scored before.
    """

    score_id: int | None = None
    game: str | None = None
    points: int | None = None
    duration_sec: int | None = None
    created: bool = False
    best: int | None = None


async def submit_score(
    calls: Calls,
    *,
    user_id: str,
    game: str,
    round_id: str,
    points: int,
    duration_sec: int,
    caller: Mapping[str, str | None] = SERVICE,
    actor: str | None = None,
) -> Score:
    """Take the `points` that `user_id` scored in `duration_sec` seconds of the round `round_id`.

    The round is the key: the same again answers the score that is there.

    Refused, in this order: DEGRADED, MALFORMED (also beyond the game's bounds), NOT_AUTHORIZED,
    IDEMPOTENCY_MISMATCH, PENALTY_ACTIVE, BUSY.
    Raises `OutcomeUnknown` when the answer was lost, `Fault` when something failed.
    """
    request = request_of(
        user_id=user_id,
        game=game,
        round_id=round_id,
        points=points,
        duration_sec=duration_sec,
        caller=dict(caller),
        actor=actor,
    )
    return typed(await calls.call("submit_score", request), Score)
