"""The marketplace's page, and the way to have its shelves filled again."""

from typing import Any

import psycopg
from litestar import Response, Router, get, post
from litestar.exceptions import HTTPException
from litestar.types import ControllerRouterHandler

from bursar.demo.leads import LEADS
from bursar.demo.sign_in import BODY_BYTES_MAX, refuse_other_sites
from bursar.demo.site import render
from bursar.demo.stock import read_terms, restock
from bursar.demo.workspaces import RIVALS, SELLERS, WORKSPACES
from bursar.settings import Settings

PATH = "demo/marketplace"
# In credits. Whoever lacks more is offered what they lack.
TOP_UPS = (100, 250, 500)


def market_routes(settings: Settings) -> list[ControllerRouterHandler]:
    """Return the page of the marketplace, and `POST /demo/restock`."""

    @get(f"/{PATH}", include_in_schema=False, sync_to_thread=True)
    def marketplace() -> Response[Any]:
        """Serve the marketplace, with the terms as they are now."""
        return render(
            "marketplace.html",
            PATH,
            workspaces=WORKSPACES,
            sellers=SELLERS,
            rivals=RIVALS,
            on_sale=len(LEADS),
            top_ups=TOP_UPS,
            terms=read_terms(settings.database_url),
            takes_cards=bool(settings.stripe_api_key),
        )

    @post("/restock", status_code=200, include_in_schema=False, sync_to_thread=True)
    def fill_shelves() -> dict[str, int]:
        """Put on sale what is sold out; say how many leads that were."""
        try:
            return {"added": restock(settings.database_url)}
        except psycopg.Error as error:
            raise HTTPException(
                status_code=503, detail="The database cannot be reached."
            ) from error

    return [
        marketplace,
        Router(
            "/demo",
            route_handlers=[fill_shelves],
            before_request=refuse_other_sites,
            request_max_body_size=BODY_BYTES_MAX,
        ),
    ]
