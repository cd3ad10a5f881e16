"""What only a demonstration may do: sign in as anybody on its list, and be given credits.

A token is short-lived, for a signed-in user, and for a visitor of ours: never for the service.
"""

from typing import TYPE_CHECKING, Any, TypeVar, cast

import msgspec
from litestar import Request, Response, Router, post
from litestar.exceptions import ClientException, NotFoundException, PermissionDeniedException

from bursar.demo.artists import ARTIST_BY_SLUG
from bursar.demo.learners import LEARNER_BY_SLUG
from bursar.demo.members import MEMBER_BY_SLUG
from bursar.demo.visitors import BY_SLUG, Visitor
from bursar.demo.workspaces import WORKSPACE_BY_SLUG
from bursar.http.auth import mint
from bursar.http.problem import PROBLEM_JSON, ProblemError, as_problem, of_refusal
from bursar.settings import Settings

if TYPE_CHECKING:
    from bursar.http.calls import Ledger

TOKEN_SECONDS = 900
TOP_UP = 100
# Enough to claim everything; beyond it there is nothing to show.
ENOUGH = 1000
BODY_BYTES_MAX = 1024
EVERYBODY = BY_SLUG | WORKSPACE_BY_SLUG | LEARNER_BY_SLUG | ARTIST_BY_SLUG | MEMBER_BY_SLUG

T = TypeVar("T")
AnyRequest = Request[Any, Any, Any]


class Choice(msgspec.Struct, forbid_unknown_fields=True):
    """Whom the reader wants to be."""

    visitor: str


class TopUp(msgspec.Struct, forbid_unknown_fields=True):
    """Whom to give credits, under a key, so that a repeated request gives them once."""

    visitor: str
    key: str


class SignedIn(msgspec.Struct):
    """A token, and whose it is. `expires_in` is in seconds."""

    user_id: str
    name: str
    access_token: str
    expires_in: int


def sign_in_routes(settings: Settings) -> Router:
    """Return the routes `POST /demo/token` and `POST /demo/credits`.

    Raises `ValueError` when the settings have no secret to sign tokens with.
    """
    if not settings.jwt_secret:
        raise ValueError("The demonstration signs tokens: set BURSAR_JWT_SECRET.")

    @post("/token", status_code=200, include_in_schema=False)
    async def token(request: AnyRequest) -> SignedIn:
        visitor = visitor_of((await read_body(request, Choice)).visitor, EVERYBODY)
        access = mint("authenticated", visitor.user_id, settings.jwt_secret, TOKEN_SECONDS)
        return SignedIn(visitor.user_id, visitor.name, access, TOKEN_SECONDS)

    return Router(
        "/demo",
        route_handlers=[token, add_credits],
        before_request=refuse_other_sites,
        request_max_body_size=BODY_BYTES_MAX,
        exception_handlers={ProblemError: answer_problem},
    )


@post("/credits", status_code=200, include_in_schema=False)
async def add_credits(request: AnyRequest) -> dict[str, Any]:
    """Grant a visitor 100 credits, unless they have plenty."""
    asked = await read_body(request, TopUp)
    visitor = visitor_of(asked.visitor, BY_SLUG)
    return await give_credits(request, visitor, "credit", TOP_UP, ENOUGH, asked.key)


async def give_credits(
    request: AnyRequest, visitor: Visitor, asset: str, amount: int, enough: int, key: str
) -> dict[str, Any]:
    """Grant a visitor so many credits, once for a key. Raises a 409 problem if they have enough."""
    ledger = cast("Ledger", request.app.state.ledger)
    wallet = await ledger.read("read_wallet", visitor.user_id, asset)
    if wallet is not None and wallet["balance"] >= enough:
        raise ProblemError(
            409, "ENOUGH", f"{visitor.name} has {wallet['balance']} credits, which is plenty."
        )
    outcome = await ledger.call(
        "grant",
        {
            "owner_id": visitor.user_id,
            "asset": asset,
            "amount": amount,
            "bucket": "promotional",
            "reason": "credits added on the demo page",
            "key": f"demo:{key}",
            "actor": "service:demo",
        },
    )
    if outcome["status"] != "done":
        raise of_refusal(outcome)
    return outcome


async def read_body(request: AnyRequest, kind: type[T]) -> T:
    """Return the body of a request. Raises a 400 error when it is not what is wanted."""
    try:
        return msgspec.json.decode(await request.body(), type=kind)
    except msgspec.MsgspecError as error:
        raise ClientException("The body cannot be read.") from error


def visitor_of(slug: str, among: dict[str, Visitor]) -> Visitor:
    """Return the visitor with that slug. Raises a 404 error when there is none."""
    visitor = among.get(slug)
    if visitor is None:
        raise NotFoundException("There is no such visitor.")
    return visitor


def refuse_other_sites(request: AnyRequest) -> None:
    """Refuse a page of another site that sends its reader's browser here."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise PermissionDeniedException("Only the demo's own pages may ask this.")


def answer_problem(request: AnyRequest, error: ProblemError) -> Response[bytes]:
    """Answer with what the problem says, as the doors of the API do."""
    return Response(
        as_problem(error, request.headers.get("x-request-id", "")),
        status_code=error.status,
        media_type=PROBLEM_JSON.decode(),
        headers={name.decode(): value.decode() for name, value in error.headers},
    )
