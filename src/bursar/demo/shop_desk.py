"""The operators' desk of the demonstration's shop: switches that the command line has as well.

Whoever reaches the demonstration may turn them. Each change says that it came from here.
"""

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import msgspec
from litestar import Request, Router, post

from bursar.claims.shop_switch import set_store_config, switch_sku
from bursar.demo.sign_in import answer_problem, read_body, refuse_other_sites
from bursar.errors import Fault, Refused
from bursar.http.problem import ProblemError, malformed, refused

if TYPE_CHECKING:
    from bursar.ledger.calls import Calls

ACTOR, REASON = "demo:shop-desk", "turned on the demonstration's page"
MESSAGE_MAX = 200
BODY_BYTES_MAX = 4096

AnyRequest = Request[Any, Any, Any]


class Mode(msgspec.Struct, forbid_unknown_fields=True):
    """Whether claims are granted at once, and to how many per cent of the users."""

    mode: Literal["open", "queue"]
    percent: Annotated[int, msgspec.Meta(ge=0, le=100)] = 100


class Message(msgspec.Struct, forbid_unknown_fields=True):
    """What users are told; empty takes it away."""

    text: Annotated[str, msgspec.Meta(max_length=MESSAGE_MAX)]


class Switch(msgspec.Struct, forbid_unknown_fields=True):
    """A product, and whether it may be claimed."""

    sku: Annotated[str, msgspec.Meta(max_length=200)]
    on: bool


def desk_routes() -> Router:
    """Return the three switches below `/demo/desk`."""
    return Router(
        "/demo/desk",
        route_handlers=[set_mode, set_message, set_sku],
        before_request=refuse_other_sites,
        request_max_body_size=BODY_BYTES_MAX,
        exception_handlers={ProblemError: answer_problem},
    )


@post("/mode", status_code=200, include_in_schema=False)
async def set_mode(request: AnyRequest) -> dict[str, Any]:
    """Have claims and store events wait, or open them again."""
    value = msgspec.to_builtins(await read_body(request, Mode))
    return await _changed(set_store_config(_ledger(request), "claims_mode", value, ACTOR, REASON))


@post("/message", status_code=200, include_in_schema=False)
async def set_message(request: AnyRequest) -> dict[str, Any]:
    """Tell users something."""
    text = (await read_body(request, Message)).text.strip()
    if not text.isprintable():
        raise malformed("text", "It must be one line of printable text.")
    return await _changed(
        set_store_config(_ledger(request), "status_message", {"text": text}, ACTOR, REASON)
    )


@post("/sku", status_code=200, include_in_schema=False)
async def set_sku(request: AnyRequest) -> dict[str, Any]:
    """Switch one product on or off."""
    wanted = await read_body(request, Switch)
    return await _changed(switch_sku(_ledger(request), wanted.sku, wanted.on, ACTOR, REASON))


def _ledger(request: AnyRequest) -> "Calls":
    return cast("Calls", request.app.state.ledger)


async def _changed(change: Awaitable[dict[str, Any]]) -> dict[str, Any]:
    try:
        return await change
    except Refused as error:
        sentence = str(error).removeprefix(f"{error.code}: ")
        raise refused(error.code, sentence, error.details) from error
    except Fault as error:
        raise ProblemError(503, "UNAVAILABLE", "The switch could not be turned.") from error
