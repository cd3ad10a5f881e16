"""All pages of the demonstration, for an app to mount: `create_app(route_handlers=...)`."""

from typing import Any

import httpx
from litestar import Request, Response, get
from litestar.response import Redirect
from litestar.types import ControllerRouterHandler

from bursar.demo.assortment import REWARDS
from bursar.demo.community_routes import community
from bursar.demo.happened import happened_routes
from bursar.demo.market_routes import market_routes
from bursar.demo.shop_routes import shop_routes
from bursar.demo.sign_in import TOP_UP, sign_in_routes
from bursar.demo.site import render
from bursar.demo.studio_routes import studio_routes
from bursar.demo.visitors import VISITORS
from bursar.settings import Settings

# What a signed-in visitor sees of the assortment, about: so many lines wait for it, so that
# nothing jumps when it arrives.
_ON_SALE = sum(reward.is_active for reward in REWARDS)


def demo_routes(
    settings: Settings, transport: httpx.AsyncBaseTransport | None = None
) -> list[ControllerRouterHandler]:
    """Return the route handlers of the demonstration.

    Mounting them is what switches the demonstration on: whoever reaches the address may then act
    as its visitors, and turn the shop's switches. `transport` is for tests: it carries the pretend
    app store's word to the service, and leads to the provider, in place of a network. Raises
    `ValueError` when the settings have no secret to sign tokens with.
    """
    return [
        landing,
        demo,
        rewards,
        community,
        sign_in_routes(settings),
        happened_routes(),
        *market_routes(settings),
        *shop_routes(settings, transport),
        *studio_routes(settings, transport),
    ]


@get("/", include_in_schema=False, sync_to_thread=False)
def landing() -> Response[str]:
    """Serve the first page: what is to be found where."""
    return render("landing.html", "")


@get("/demo", include_in_schema=False, sync_to_thread=False)
def demo(request: Request[Any, Any, Any]) -> Redirect:
    """Lead to the first store-front, by an address that holds below any prefix."""
    return Redirect("rewards" if request.scope["raw_path"].endswith(b"/") else "demo/rewards")


@get("/demo/rewards", include_in_schema=False, sync_to_thread=False)
def rewards() -> Response[Any]:
    """Serve the reward store."""
    return render(
        "rewards.html", "demo/rewards", visitors=VISITORS, on_sale=_ON_SALE, top_up=TOP_UP
    )
