"""Events of the stores and claims that had to wait, in words: rows of the inbox, facts of one."""

from typing import Any

from bursar.console.asked import with_query

Row = dict[str, Any]
PROVIDERS = {"stripe": "Stripe", "revenuecat": "RevenueCat"}
# How an event that is done ended, and the colour that goes with it.
_EFFECTS = {
    "applied": ("good", "applied"),
    "ignored": ("muted", "kept, of no consequence"),
    "unmatched": ("muted", "no payment of ours"),
    "mismatched": ("warn", "another amount than asked for"),
}
_WAITS = {"opening": "waits for the opening", "purchase": "waits for its purchase"}
_LEFT = ("waiting", "refused", "set_aside")


def is_left(found: Row) -> bool:
    """Say whether an event or a claim is there to be tried again."""
    return found["status"] in _LEFT


def state_of_event(event: Row) -> tuple[str, str]:
    """Return how an event stands: the colour's name, and words that say it without the colour."""
    outcome = event["outcome"] or {}
    if event["status"] == "waiting":
        return "warn", "waits"
    if event["status"] == "refused":
        code = outcome.get("code")
        return "bad", f"set aside: {code}" if code else "set aside"
    return _EFFECTS.get(str(outcome.get("effect")), ("muted", "done"))


def state_of_claim(claim: Row) -> tuple[str, str]:
    """Return how a claim that had to wait stands, likewise."""
    outcome = claim["outcome"] or {}
    if claim["status"] == "waiting":
        return "warn", _WAITS[claim["waits_for"]]
    if claim["status"] == "set_aside":
        return "bad", "set aside"
    if outcome.get("status") == "done":
        return "good", "granted"
    return "muted", f"refused: {outcome.get('code', 'see there')}"


def last_answer(found: Row) -> str:
    """Return why the last try came to nothing, in the database's own words; empty where it did."""
    return str((found["outcome"] or {}).get("message") or "")


def mode_of_event(event: Row) -> str:
    """Return whether it was about money: live, or a test, which RevenueCat calls sandbox."""
    if event["mode"] == "live":
        return "live"
    return "sandbox" if event["provider"] == "revenuecat" else "test"


def row_of_event(event: Row) -> Row:
    """Return an event as a row of the inbox."""
    return {
        "path": with_query("console/event", id=event["id"]),
        "what": event["type"],
        # Of a store's transaction the name says more than the store, which all of them have.
        "about": str(event["subject"] or event["event_id"]).rpartition(" ")[2],
        "named": event["subject"] or event["event_id"],
        "origin": f"{PROVIDERS.get(event['provider'], event['provider'])}, {mode_of_event(event)}",
        "state": state_of_event(event),
        "message": last_answer(event),
        "at": event["received_at"],
    }


def row_of_claim(claim: Row) -> Row:
    """Return a claim as a row of the inbox."""
    return {
        "path": with_query("console/event", claim=claim["id"]),
        "what": claim["sku"],
        "about": claim["tx_id"],
        "named": claim["tx_id"],
        "origin": claim["user_id"],
        "state": state_of_claim(claim),
        "message": last_answer(claim),
        "at": claim["received_at"],
    }
