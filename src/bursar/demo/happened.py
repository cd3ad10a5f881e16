"""What just happened to a visitor's wallet, with both sides: for the drawer beside each page.

A signed-in user of the API reads their own entries alone. The demonstration shows the other side
as well, since its visitors are nobody: other people's wallets, where there are any, are shown
without name and balance.
"""

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from litestar import Request, Router, get

from bursar.demo.artists import ARTIST_BY_SLUG
from bursar.demo.learners import LEARNER_BY_SLUG
from bursar.demo.members import MEMBER_BY_SLUG
from bursar.demo.sign_in import EVERYBODY, answer_problem, refuse_other_sites, visitor_of
from bursar.demo.visitors import BY_SLUG
from bursar.demo.workspaces import WORKSPACE_BY_SLUG
from bursar.http.problem import ProblemError

if TYPE_CHECKING:
    from bursar.http.calls import Ledger

LATEST = 6
_SYSTEM = "system:"
_NAMES = {visitor.user_id: visitor.name for visitor in EVERYBODY.values()}
_ASSETS = (
    (BY_SLUG, "credit"),
    (WORKSPACE_BY_SLUG, "workspace_credit"),
    (LEARNER_BY_SLUG, "streak_shield"),
    (ARTIST_BY_SLUG, "generation_credit"),
    (MEMBER_BY_SLUG, "community_credit"),
)
_ASSET_OF = {slug: asset for visitors, asset in _ASSETS for slug in visitors}


def happened_routes() -> Router:
    """Return the route `GET /demo/happened?visitor=`."""
    return Router(
        "/demo",
        route_handlers=[happened],
        before_request=refuse_other_sites,
        exception_handlers={ProblemError: answer_problem},
    )


@get("/happened", include_in_schema=False)
async def happened(request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Answer a visitor's latest transactions, the newest first, each with all its entries."""
    who = visitor_of(request.query_params.get("visitor", ""), EVERYBODY)
    ledger = cast("Ledger", request.app.state.ledger)
    asset = _ASSET_OF[who.slug]
    statement = await ledger.read("read_statement", who.user_id, asset, None, LATEST)
    ids = dict.fromkeys(entry["transaction_id"] for entry in statement or [])
    found = await asyncio.gather(*(ledger.read("read_transaction", each) for each in ids))
    return {
        "now": datetime.now(UTC).isoformat(),
        "transactions": [_shown(each, who.user_id) for each in found if each is not None],
    }


def _shown(transaction: dict[str, Any], own_id: str) -> dict[str, Any]:
    """Return of a transaction what the drawer shows."""
    shown = {name: transaction[name] for name in ("id", "verb", "reason", "asset", "created_at")}
    return {**shown, "entries": [_side(entry, own_id) for entry in transaction["entries"]]}


def _side(entry: dict[str, Any], own_id: str) -> dict[str, Any]:
    """Return one side; system wallets keep no balance, and those of other people are not shown."""
    owner = entry["owner_id"]
    is_known = owner in _NAMES
    return {
        "wallet": _NAMES.get(owner) or (owner if owner.startswith(_SYSTEM) else "another wallet"),
        "own": owner == own_id,
        "amount": entry["amount"],
        "balance_after": entry["balance_after"] if is_known else None,
    }
