"""The switches: what is on and what is off, since when, by whom, and what users are told of it."""

import asyncio
from typing import Any

import msgspec
from litestar import Response, Router, get

from bursar.console.asked import ask_or_none
from bursar.console.site import AnyRequest, ledger_of, page
from bursar.console.switch_tasks import named
from bursar.http.shop_status import shop_in_words
from bursar.settings import Settings

CHANGES_SHOWN = 20
_NAMES = {
    "sku_enabled": "Products",
    "claims_mode": "Claims",
    "status_message": "Message to users",
    "sandbox_claims": "Claims of the sandbox",
    "unknown_transaction": "Unknown transactions",
}


def switches_routes(settings: Settings) -> Router:
    """Return the page `switches`."""

    @get("/switches", include_in_schema=False)
    async def switches(request: AnyRequest) -> Response[str]:
        ledger = ledger_of(request)
        gate, writers, shop, of_gate, of_shop = await asyncio.gather(
            ledger.read("read_gate"),
            ledger.read("read_writers"),
            ask_or_none(ledger, "read_shop_status"),
            ledger.read("read_gate_changes", CHANGES_SHOWN),
            ask_or_none(ledger, "read_switch_changes", CHANGES_SHOWN),
        )
        return page(
            request,
            "switches.html",
            gate=gate,
            writers=[named(writer) for writer in writers],
            by_environment=settings.is_degraded,
            by_watchdog=request.app.state.pause.reason,
            shop=shop,
            told=None if shop is None else shop_in_words(shop),
            changes=_changes(of_gate, of_shop or []),
        )

    return Router("/", route_handlers=[switches])


def _changes(of_gate: list[dict[str, Any]], of_shop: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the newest changes of all switches, newest first."""
    found = [
        {
            "name": "Changes",
            "became": "paused" if each["degraded"] else "going on",
            "by": each["changed_by"],
            "why": each["reason"],
            "at": each["changed_at"],
        }
        for each in of_gate
    ]
    found += [
        {
            "name": _NAMES.get(each["key"], each["key"]),
            "became": _became(each["key"], each["old_value"], each["new_value"]),
            "by": each["actor"],
            "why": each["reason"] or "",
            "at": each["changed_at"],
        }
        for each in of_shop
    ]
    return sorted(found, key=lambda each: str(each["at"]), reverse=True)[:CHANGES_SHOWN]


def _became(key: str, before: Any, after: Any) -> str:
    """Return what a switch became; of one with many parts, those that changed."""
    if after is None:
        return "taken away"
    if not isinstance(after, dict):
        return msgspec.json.encode(after).decode()
    was = before if isinstance(before, dict) else {}
    names = [name for name in sorted({*was, *after}) if was.get(name) != after.get(name)]
    if key == "sku_enabled":  # A product that it does not name is off.
        return ", ".join(f"{name} {'on' if after.get(name) is True else 'off'}" for name in names)
    if key == "status_message":
        return str(after.get("text") or "none")
    return ", ".join(f"{name} {after.get(name, 'not said')}" for name in names) or "as it was"
