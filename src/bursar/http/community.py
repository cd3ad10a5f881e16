"""`/community`: the feed, posts, permanent reactions, scores, boosts and moderation.

Who asks is said by the session's cookie, and what changes something needs the session's
`X-CSRF-Token` as well (`community_session.py`). A reaction and a round are their own keys.
"""

import re
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import msgspec

from bursar.community.moderate import moderate
from bursar.community.write_post import delete_post, write_post
from bursar.errors import OutcomeUnknown
from bursar.http.auth import Verifier
from bursar.http.calls import Ledger, attributed, caller_of
from bursar.http.claim_answer import said_yes
from bursar.http.community_answer import OWN_WAY, TAGS, decoded_body, told
from bursar.http.community_bodies import (
    Boosted,
    Feed,
    Moderated,
    Moderation,
    NewPost,
    NewReaction,
    NewScore,
    PostDeleted,
    PostWritten,
    Reacted,
    Scored,
)
from bursar.http.community_session import Sessions
from bursar.http.exchange import Answer, Exchange
from bursar.http.postgrest_request import key_of
from bursar.http.principal import Principal
from bursar.http.problem import malformed, refused
from bursar.http.route import Route, decoded
from bursar.http.v1_reads import number_of, parameters_of
from bursar.http.workspace import uuid_of

POSTS_SHOWN, POSTS_MAX = 20, 100
_CURSOR = re.compile(r"[0-9]{1,17}_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_POST = msgspec.json.Decoder(NewPost)
_REACTION = msgspec.json.Decoder(NewReaction)
_SCORE = msgspec.json.Decoder(NewScore)
_MODERATION = msgspec.json.Decoder(Moderation)
_CSRF = ("csrf_token",)
_STATUSES = (400, 401, 403, 404, 409, 413, 415, 422, 500, 503)


class Community:
    """The doors of what is done in the community."""

    def __init__(self, ledger: Ledger, sessions: Sessions, verifier: Verifier) -> None:
        self._ledger = ledger
        self._sessions = sessions
        self._verifier = verifier

    def routes(self) -> list[Route]:
        """Return the routes of reading, writing, reacting, scoring, boosting and moderating."""
        return [
            Route(
                "GET",
                "/api/word-finder/_ping",
                self.ping,
                "ping",
                "open",
                "Is the game's service there?",
                "Asks no database; `/health` does.",
                answer={"type": "object"},
                tags=TAGS,
            ),
            Route(
                "GET",
                "/community/feed",
                self.feed,
                "read_feed",
                "session",
                "The feed, newest first, a page at a time",
                "`boosted` are those that stand above the others; the first page has them.",
                answer=Feed,
                parameters=("limit", "before", *_CSRF),
                statuses=_STATUSES,
                own_way=OWN_WAY,
                tags=TAGS,
            ),
            _change(
                "/community/posts",
                self.write,
                "write_post",
                "Write a post",
                "With an Idempotency-Key it is written once.",
                NewPost,
                {"body": "Found a word of nine letters today."},
                PostWritten,
                idempotent=True,
            ),
            Route(
                "DELETE",
                "/community/delete/{post_id}",
                self.delete,
                "delete_post",
                "session",
                "Delete a post",
                "For its author, and for moderators. Its reactions stay, and refer to nothing.",
                writes=True,
                answer=PostDeleted,
                parameters=_CSRF,
                statuses=_STATUSES,
                own_way=OWN_WAY,
                tags=TAGS,
            ),
            *self._award_routes(),
        ]

    def _award_routes(self) -> list[Route]:
        return [
            _change(
                "/community/react/{post_id}",
                self.react,
                "react_to_post",
                "React to a post",
                "Once of a kind, for ever. A new reaction awards the post's author a credit, so"
                " many a day; the same again is answered with `created` false.",
                NewReaction,
                {"reaction_type": "love"},
                Reacted,
            ),
            _change(
                "/community/scores",
                self.score,
                "submit_score",
                "Submit what was scored in a round",
                "The round is the key. Milestones are awarded the first time, so many a day."
                " More points than the game has, or than fit into the time, are a 400.",
                NewScore,
                {"round_id": "1f0c7c52a4", "points": 120, "duration_sec": 45},
                Scored,
            ),
            _change(
                "/community/boost/{post_id}",
                self.boost,
                "boost_post",
                "Boost a post of one's own for a day",
                "Refusals: 402 insufficient_funds, 403 penalty_active, 404 post_not_found.",
                None,
                None,
                Boosted,
                idempotent=True,
            ),
            _change(
                "/community/moderate/{post_id}",
                self.moderate,
                "moderate",
                "Hide, show, approve or reject a post",
                "For moderators, and with a token for the service role. It is written down.",
                Moderation,
                {"action": "hide", "reason": "advertising"},
                Moderated,
            ),
        ]

    async def ping(self, exchange: Exchange) -> Answer:
        """Say that the service is there."""
        return said_yes({"game": "word-finder", "status": "ok"})

    async def feed(self, exchange: Exchange) -> Answer:
        """Show a page of the feed."""
        me = self._sessions.of(exchange, changes=False).principal
        given = parameters_of(exchange, {"limit", "before"})
        before = given.get("before")
        if before is not None and not _CURSOR.fullmatch(before):
            raise malformed("before", "It must be the `next` of the page before.")
        limit = number_of(given, "limit", POSTS_MAX) or POSTS_SHOWN
        return said_yes(await self._ledger.read("read_feed", me.sub, limit, before))

    async def write(self, exchange: Exchange) -> Answer:
        """Write a post."""
        me = self._caller(exchange)
        wanted: NewPost = await decoded_body(exchange, _POST)
        key = key_of(exchange)
        try:
            outcome = await write_post(
                self._ledger,
                user_id=me.sub or "",
                body=wanted.body,
                post_id=str(uuid5(NAMESPACE_URL, f"{me.sub} {key}")),
                caller=caller_of(me),
            )
        except OutcomeUnknown as error:  # Its key is the post's id; who asks here has another.
            raise OutcomeUnknown(key) from error
        return told(outcome, "post_id", "body", "created_at", "replayed")

    async def delete(self, exchange: Exchange) -> Answer:
        """Delete a post."""
        me = self._caller(exchange)
        outcome = await delete_post(
            self._ledger, post_id=_post_of(exchange), user_id=me.sub or "", caller=caller_of(me)
        )
        return told(outcome, "post_id", "reactions_kept")

    async def react(self, exchange: Exchange) -> Answer:
        """React to a post."""
        me = self._caller(exchange)
        wanted: NewReaction = await decoded_body(exchange, _REACTION)
        request = {"post_id": _post_of(exchange), "reaction_type": wanted.reaction_type}
        outcome = await self._carry(exchange, "react_to_post", me, request)
        return told(outcome, "post_id", "reaction_type", "created", "reactions", awarded="amount")

    async def score(self, exchange: Exchange) -> Answer:
        """Take a score."""
        me = self._caller(exchange)
        wanted: NewScore = await decoded_body(exchange, _SCORE)
        outcome = await self._carry(exchange, "submit_score", me, msgspec.to_builtins(wanted))
        names = ("score_id", "game", "points", "duration_sec", "created", "best")
        return told(outcome, *names, awarded="amount")

    async def boost(self, exchange: Exchange) -> Answer:
        """Boost a post."""
        me = self._caller(exchange)
        request = {"post_id": _post_of(exchange)}
        outcome = await self._carry(exchange, "boost_post", me, request)
        return told(outcome, "post_id", "boosted_until", "amount", "replayed", credits="balance")

    async def moderate(self, exchange: Exchange) -> Answer:
        """Moderate a post."""
        if exchange.header(b"authorization"):
            me = await self._verifier.authenticate(exchange)
            if me.role == "anon":
                raise refused("NOT_AUTHORIZED", "Only moderators do this.")
            exchange.principal = me
        else:
            me = self._caller(exchange)
        wanted: Moderation = await decoded_body(exchange, _MODERATION)
        outcome = await moderate(
            self._ledger,
            action=wanted.action,
            post_id=_post_of(exchange),
            reason=wanted.reason,
            actor=me.actor,
            moderator_id=None if me.is_service else me.sub,
        )
        return told(outcome, "action", "post_id")

    def _caller(self, exchange: Exchange) -> Principal:
        """Return who changes something. Raises 401 and 403 as sessions do."""
        exchange.principal = self._sessions.of(exchange, changes=True).principal
        return exchange.principal

    async def _carry(
        self, exchange: Exchange, verb: str, me: Principal, request: dict[str, Any]
    ) -> dict[str, Any]:
        request |= {"user_id": me.sub, "caller": caller_of(me)}
        return await self._ledger.call(verb, attributed(request, me, key_of(exchange)))


def _change(
    template: str,
    handler: Any,
    verb: str,
    summary: str,
    description: str,
    body: Any,
    example: Any,
    answer: Any,
    *,
    idempotent: bool = False,
) -> Route:
    return Route(
        "POST",
        template,
        handler,
        verb,
        "session",
        summary,
        description,
        writes=True,
        body=body,
        body_example=example,
        answer=answer,
        parameters=_CSRF,
        idempotent=idempotent,
        statuses=(*_STATUSES, 402),
        own_way=OWN_WAY,
        tags=TAGS,
    )


def _post_of(exchange: Exchange) -> str:
    return uuid_of(decoded(exchange.values["post_id"], "post_id"), "post_id")
