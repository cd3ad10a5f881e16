"""The console as a site: its navigation, and how its pages are made and found."""

from typing import Any, cast

from litestar import Request, Response

from bursar.console.session import Session
from bursar.http.attendants import Attendants
from bursar.http.calls import Ledger
from bursar.http.exchange import Scope
from bursar.pages.frame import Link, Site

AnyRequest = Request[Any, Any, Any]

SITE = Site(
    "bursar.console",
    "Console",
    (
        Link("console", "Overview"),
        Link("console/wallets", "Wallets"),
        Link("console/transactions", "Transactions"),
        Link("console/purchases", "Sales"),
        Link("console/inbox", "Inbox"),
        Link("console/switches", "Switches"),
        Link("console/charts", "Charts"),
        Link("console/checks", "Checks"),
        Link("console/journal", "Journal"),
    ),
    forms="'self'",
)


def session_of(request: AnyRequest) -> Session:
    """Return who asks; the door has seen to it that somebody does."""
    return cast("Session", request.state.session)


def scope_of(request: AnyRequest) -> Scope:
    """Return the request as servers tell it, with all its headers."""
    return cast("Scope", request.scope)


def ledger_of(request: AnyRequest) -> Ledger:
    """Return the way to the ledger's verbs and reading functions."""
    return cast("Ledger", request.app.state.ledger)


def attendants_of(request: AnyRequest) -> Attendants:
    """Return what goes on between requests."""
    return cast("Attendants", request.app.state.attendants)


def page(request: AnyRequest, template: str, *, status: int = 200, **values: Any) -> Response[str]:
    """Return a page of the console for whoever asks; `session` is theirs, or None.

    `done` is the operation that has led here, or None (door.py).
    """
    session: Session | None = getattr(request.state, "session", None)
    path = request.url.path.strip("/")
    return SITE.render(
        template,
        path,
        status=status,
        headers={"cache-control": "no-store"},
        session=session,
        done=getattr(request.state, "done", None),
        **values,
    )


def go_to(request: AnyRequest, target: str, headers: dict[str, str] | None = None) -> Response[str]:
    """Return the answer that leads to another page: `target` is from the root, without a slash.

    The address is relative, so that it holds below any prefix. A page that htmx asked for is left
    as a whole.
    """
    address = "../" * (request.url.path.count("/") - 1) + target
    if request.headers.get("hx-request"):
        return Response("", status_code=200, headers={"hx-redirect": address, **(headers or {})})
    return Response("", status_code=303, headers={"location": address, **(headers or {})})
