"""All pages of the demonstration, for an app to mount: `create_app(route_handlers=...)`."""

from typing import Any

from litestar import Request, Response, get
from litestar.response import Redirect
from litestar.types import ControllerRouterHandler

from bursar.demo.assortment import REWARDS
from bursar.demo.frame import render, static_file
from bursar.demo.sign_in import TOP_UP, sign_in_routes
from bursar.demo.visitors import VISITORS
from bursar.settings import Settings

# What a signed-in visitor sees of the assortment, about: so many lines wait for it, so that
# nothing jumps when it arrives.
_ON_SALE = sum(reward.is_active for reward in REWARDS)


def demo_routes(settings: Settings) -> list[ControllerRouterHandler]:
    """Return the route handlers of the demonstration.

    Mounting them is what switches the demonstration on: whoever reaches the address may then act
    as its visitors. Raises `ValueError` when the settings have no secret to sign tokens with.
    """
    return [landing, demo, rewards, static_file, sign_in_routes(settings)]


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
