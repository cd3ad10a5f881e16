"""The studio's page, and the way to get credits for it."""

from dataclasses import dataclass
from typing import Any

import httpx
from litestar import Request, Response, Router, get, post
from litestar.types import ControllerRouterHandler

from bursar.demo.artists import ARTIST_BY_SLUG, ARTISTS
from bursar.demo.easel import Easel
from bursar.demo.sign_in import (
    BODY_BYTES_MAX,
    TopUp,
    answer_problem,
    give_credits,
    read_body,
    refuse_other_sites,
    visitor_of,
)
from bursar.demo.site import render
from bursar.http.generation import ASSET
from bursar.http.problem import ProblemError
from bursar.settings import Settings

PATH = "demo/studio"
TOP_UP, ENOUGH = 5, 50
PROMPT_LENGTH_MAX = 500
SUGGESTIONS = (
    "a lighthouse by the sea at night",
    "mountains at sunrise, in the mist",
    "a fox in an autumn forest",
)


@dataclass(frozen=True, slots=True)
class Fault:
    """What can go wrong with the next picture: the words that order it, and what comes of it."""

    order: str
    name: str
    about: str


# The stand-in reads these words in a prompt; the page puts them there and does not show them.
FAULTS = (
    Fault("", "works", "It is drawn in a second or so, and the credit is spent."),
    Fault(
        "[fail 500]",
        "fails (HTTP 500)",
        "The worker tries again, three times in all; then the credit goes back.",
    ),
    Fault(
        "[fail 400]",
        "is refused (HTTP 400)",
        "Trying again would not help: the credit goes back at once.",
    ),
    Fault(
        "[hang]",
        "hangs",
        "No answer comes. Cancel it, or wait: after two minutes the worker tries again.",
    ),
    Fault(
        "[crash x1]",
        "crashes",
        "The provider's process ends. Another takes its place, and the worker asks again.",
    ),
    Fault("[late 6]", "comes late", "It is drawn, and answered six seconds later."),
)

AnyRequest = Request[Any, Any, Any]


def studio_routes(
    settings: Settings, transport: httpx.AsyncBaseTransport | None = None
) -> list[ControllerRouterHandler]:
    """Return the page of the studio, and `POST /demo/studio/credits`.

    `transport` leads to the provider in place of a network.
    """
    easel = Easel(settings, transport)

    @get(f"/{PATH}", include_in_schema=False)
    async def studio() -> Response[Any]:
        """Serve the studio; with ways to have the provider fail where it is the local one."""
        return render(
            "studio.html",
            PATH,
            pictures="'self' blob:",
            artists=ARTISTS,
            suggestions=SUGGESTIONS,
            faults=FAULTS if await easel.is_local() else (),
            is_set_up=easel.is_set_up,
            top_up=TOP_UP,
            prompt_length_max=PROMPT_LENGTH_MAX,
        )

    return [
        studio,
        Router(
            f"/{PATH}",
            route_handlers=[add_credits],
            before_request=refuse_other_sites,
            request_max_body_size=BODY_BYTES_MAX,
            exception_handlers={ProblemError: answer_problem},
        ),
    ]


@post("/credits", status_code=200, include_in_schema=False)
async def add_credits(request: AnyRequest) -> dict[str, Any]:
    """Grant an artist 5 credits, unless they have plenty."""
    asked = await read_body(request, TopUp)
    artist = visitor_of(asked.visitor, ARTIST_BY_SLUG)
    return await give_credits(request, artist, ASSET, TOP_UP, ENOUGH, asked.key)
