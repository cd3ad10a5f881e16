"""What the addresses below `/community` take and answer."""

from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

Name = Annotated[str, Meta(min_length=2, max_length=40, pattern="^[A-Za-z0-9_.-]+$")]


class SignIn(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Sign in by name and password; or with a token of the app in `Authorization`, and no password.

    Who comes with a token for the first time says under which `username`.
    """

    username: Name | None = None
    password: Annotated[str, Meta(min_length=1, max_length=200)] | None = None


class NewMember(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Make somebody a user, or give one another password."""

    username: Name
    user_id: UUID | None = None
    password: Annotated[str, Meta(min_length=8, max_length=200)] | None = None


class NewPost(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Write a post."""

    body: Annotated[str, Meta(min_length=1, max_length=2000)]


class NewReaction(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """React to a post: once of a kind, for ever."""

    reaction_type: Literal["love", "like", "laugh", "wow", "sad"]


class NewScore(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Submit what was scored in one round: the round is the key."""

    round_id: Annotated[str, Meta(min_length=1, max_length=100, pattern="^[!-~]+$")]
    points: Annotated[int, Meta(ge=0, le=100_000)]
    duration_sec: Annotated[int, Meta(ge=1, le=86_400)]
    game: Annotated[str, Meta(min_length=1, max_length=40, pattern="^[!-~]+$")] = "word-finder"


class Moderation(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Moderate a post; the reason is written down."""

    action: Literal["hide", "show", "approve", "reject"]
    reason: Annotated[str, Meta(min_length=1, max_length=500)]


class SignedIn(msgspec.Struct, kw_only=True):
    """A session that was opened. `csrf_token` goes into X-CSRF-Token; the cookie goes by itself."""

    success: Literal[True]
    user_id: str
    username: str
    joined: bool
    csrf_token: str
    expires_at: str


class MemberMade(msgspec.Struct, kw_only=True):
    """A user of the community; `created` is false for one who was there."""

    success: Literal[True]
    user_id: str
    username: str
    created: bool


class PostWritten(msgspec.Struct, kw_only=True):
    """A post."""

    success: Literal[True]
    post_id: str
    body: str
    created_at: str
    replayed: bool


class PostDeleted(msgspec.Struct, kw_only=True):
    """A post that is gone, and how many reactions outlive it."""

    success: Literal[True]
    post_id: str
    reactions_kept: int


class Reacted(msgspec.Struct, kw_only=True):
    """A reaction. `created` is false for one that was there; `awarded` is what its author got."""

    success: Literal[True]
    post_id: str
    reaction_type: str
    created: bool
    awarded: int
    reactions: dict[str, int]


class Scored(msgspec.Struct, kw_only=True):
    """A score. `created` is false where the round was scored; `awarded` is for milestones."""

    success: Literal[True]
    score_id: int
    game: str
    points: int
    duration_sec: int
    created: bool
    awarded: int
    best: int


class Boosted(msgspec.Struct, kw_only=True):
    """A post that stands above the others, until when, what it cost and what is left."""

    success: Literal[True]
    post_id: str
    boosted_until: str
    amount: int
    credits: int
    replayed: bool


class Moderated(msgspec.Struct, kw_only=True):
    """What was done to a post."""

    success: Literal[True]
    action: str
    post_id: str


class Feed(msgspec.Struct, kw_only=True):
    """A page of the feed. `next` asks for the one after it, as `before`; null on the last."""

    success: Literal[True]
    now: str
    user_id: str
    boosted: list[dict[str, Any]]
    posts: list[dict[str, Any]]
    next: str | None
