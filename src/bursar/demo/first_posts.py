"""Who is in the community of the demonstration, and what they have posted before anybody looks."""

import json
from collections.abc import Callable
from typing import Any

from bursar.demo.members import MEMBERS, READER, REGULAR
from bursar.demo.visitors import Visitor
from bursar.errors import Fault

# Oldest first. A post's id follows from its place, so that it is written once for ever.
POSTS = (
    (
        REGULAR,
        "Welcome. Whoever reacts to a post gives its author a credit, twenty a day at most. The"
        " reaction stays, also when the post has gone.",
    ),
    (READER, "Is anybody better at the word finder? I need two minutes for seven words."),
    (
        REGULAR,
        "Look for the long words first: every letter is fifteen points, and what is left of the"
        " clock is a bonus.",
    ),
)
# Who reacted to which post, and how.
REACTIONS = ((READER, 0, "love"), (REGULAR, 1, "laugh"), (READER, 2, "like"))
_SERVICE = {"role": "service_role"}

# Asks a function of schema `bursar` in a transaction of its own, and returns its outcome.
Ask = Callable[[str, Any], Any]


def write_first_posts(ask: Ask) -> None:
    """Have the members join, write these posts and react to them.

    Once: a post that was deleted since stays so. Raises `Fault` when something is refused.
    """
    newcomers = [_done(ask("join_community", _joining(member)))["created"] for member in MEMBERS]
    if not any(newcomers):
        return
    for number, (author, body) in enumerate(POSTS):
        post = {"user_id": author.user_id, "body": body, "post_id": post_id_of(number)}
        _done(ask("write_post", {**post, "caller": _SERVICE}))
    for member, number, kind in REACTIONS:
        reaction = {"user_id": member.user_id, "post_id": post_id_of(number)}
        told = {**reaction, "reaction_type": kind, "caller": _SERVICE}
        _done(ask("react_to_post", [told])[0])


def post_id_of(number: int) -> str:
    """Return the id of the post at that place of `POSTS`."""
    return f"d3300000-0000-4000-8004-{number + 1:012d}"


def _joining(member: Visitor) -> dict[str, Any]:
    return {"user_id": member.user_id, "username": member.slug, "caller": _SERVICE}


def _done(outcome: dict[str, Any]) -> dict[str, Any]:
    if outcome["status"] != "done":
        raise Fault(f"The demonstration's posts were refused: {json.dumps(outcome)}")
    return outcome
