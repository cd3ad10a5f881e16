"""The shop's page, and the doors of the pretend app store beside it."""

from typing import Annotated, Any, Literal

import httpx
import msgspec
from litestar import Request, Response, Router, get, post
from litestar.exceptions import NotFoundException
from litestar.types import ControllerRouterHandler

from bursar.demo.app_store import AppStore, Delivery
from bursar.demo.learners import LEARNER_BY_SLUG, LEARNERS
from bursar.demo.sale import Kind, Sale
from bursar.demo.shop_desk import MESSAGE_MAX, desk_routes
from bursar.demo.sign_in import BODY_BYTES_MAX, answer_problem, read_body, refuse_other_sites
from bursar.demo.site import render
from bursar.demo.wares import WARE_BY_SKU, WARES
from bursar.http.problem import ProblemError
from bursar.settings import Settings

PATH = "demo/shop"
# Long enough to see what a claim before it is answered.
LATE_SECONDS = 8

AnyRequest = Request[Any, Any, Any]
Text = Annotated[str, msgspec.Meta(max_length=100)]


class Wanted(msgspec.Struct, forbid_unknown_fields=True):
    """What a learner buys, and how the store tells our service of it."""

    visitor: Text
    sku: Text
    told: Literal["once", "late", "twice"] = "once"


class Word(msgspec.Struct, forbid_unknown_fields=True):
    """What the store is to say of a sale."""

    tx_id: Text
    kind: Kind


class Told(msgspec.Struct):
    """A sale, and what the service answered to the store; `late_seconds` where it is told later."""

    tx_id: str
    sku: str
    deliveries: list[Delivery]
    late_seconds: int | None = None


def shop_routes(
    settings: Settings, transport: httpx.AsyncBaseTransport | None = None
) -> list[ControllerRouterHandler]:
    """Return the page of the shop, the store's two doors, and those of the operators' desk.

    `transport` carries the store's word to the service in place of a network.
    """
    store = AppStore(settings, transport)

    @get(f"/{PATH}", include_in_schema=False, sync_to_thread=False)
    def shop() -> Response[Any]:
        """Serve the shop."""
        return render(
            "shop.html",
            PATH,
            learners=LEARNERS,
            wares=WARES,
            late_seconds=LATE_SECONDS,
            message_max=MESSAGE_MAX,
            sells=store.is_set_up,
        )

    @post("/purchases", status_code=200, include_in_schema=False)
    async def sell(request: AnyRequest) -> Told:
        """Sell something, and tell the service of it: at once, twice, or some seconds later."""
        wanted = await read_body(request, Wanted)
        buyer, ware = LEARNER_BY_SLUG.get(wanted.visitor), WARE_BY_SKU.get(wanted.sku)
        if buyer is None or ware is None:
            raise NotFoundException("There is no such visitor, or no such ware.")
        _require(store)
        sale, address = Sale.make(buyer, ware), _own_address(request)
        event = sale.event("purchase")
        if wanted.told == "late":
            store.tell_later(address, event, LATE_SECONDS)
            return Told(sale.tx_id, ware.sku, [], LATE_SECONDS)
        told = await store.tell(address, event, 2 if wanted.told == "twice" else 1)
        return Told(sale.tx_id, ware.sku, told)

    @post("/events", status_code=200, include_in_schema=False)
    async def say(request: AnyRequest) -> Told:
        """Say something of a sale: that it was bought, once more; a refund; that it is reversed."""
        word = await read_body(request, Word)
        try:
            sale = Sale.find(word.tx_id)
        except LookupError:
            raise NotFoundException("The pretend store has no such sale.") from None
        _require(store)
        told = await store.tell(_own_address(request), sale.event(word.kind))
        return Told(sale.tx_id, sale.ware.sku, told)

    return [
        shop,
        Router(
            "/demo/store",
            route_handlers=[sell, say],
            before_request=refuse_other_sites,
            request_max_body_size=BODY_BYTES_MAX,
            exception_handlers={ProblemError: answer_problem},
        ),
        desk_routes(),
    ]


def _require(store: AppStore) -> None:
    if not store.is_set_up:
        raise ProblemError(
            503,
            "NOT_CONFIGURED",
            "The pretend store is not set up here: set BURSAR_REVENUECAT_AUTHORIZATION.",
        )


def _own_address(request: AnyRequest) -> str:
    """Where this very service listens, by its own socket.

    Never by what a request names: what was agreed upon with RevenueCat goes there.
    """
    host, port = request.scope.get("server") or ("", None)
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port or 80}{request.scope.get('root_path', '')}"
