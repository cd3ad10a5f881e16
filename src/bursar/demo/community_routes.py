"""The community's page; whoever it signs in as goes through the doors that apps use."""

from dataclasses import dataclass
from typing import Any

from litestar import Response, get

from bursar.demo.members import MEMBERS
from bursar.demo.site import render

PATH = "demo/community"
POST_LENGTH_MAX = 2000


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of reaction: its code, a sign, and the word beside it."""

    code: str
    sign: str
    word: str


KINDS = (
    Kind("love", "♥", "Love"),
    Kind("like", "✓", "Like"),
    Kind("laugh", "☺", "Laugh"),
    Kind("wow", "★", "Wow"),
    Kind("sad", "☂", "Sad"),
)


@get(f"/{PATH}", include_in_schema=False, sync_to_thread=False)
def community() -> Response[Any]:
    """Serve the community: the feed, and the word finder beside it."""
    return render(
        "community.html", PATH, members=MEMBERS, kinds=KINDS, post_length_max=POST_LENGTH_MAX
    )
