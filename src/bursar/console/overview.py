"""The first page, whether money is safe, and the news that open pages listen to."""

from litestar import Response, Router, get
from litestar.response import Stream

from bursar.console.news import News
from bursar.console.site import AnyRequest, attendants_of, ledger_of, page, session_of
from bursar.http.event_stream import EVENT_STREAM

_EVENTS = EVENT_STREAM.partition(b";")[0].decode()


def news_of(request: AnyRequest) -> News:
    """Return what this process tells the open consoles."""
    ledger = ledger_of(request)
    return attendants_of(request).of(News, lambda: News(ledger))


@get("/", include_in_schema=False)
async def overview(request: AnyRequest) -> Response[str]:
    """Serve the first page: whether money is safe."""
    return page(request, "overview.html", safety=await news_of(request).safety())


@get("/news", include_in_schema=False)
async def news(request: AnyRequest) -> Response[bytes] | Stream:
    """Tell what has changed as server-sent events; who asks for no events is told once, as JSON."""
    of = news_of(request)
    if _EVENTS not in request.headers.get("accept", ""):
        told = await of.told()
        headers = {"cache-control": "no-store"}
        return Response(told, media_type="application/json", headers=headers)
    return Stream(
        of.listen(session_of(request).expires_at),
        media_type=_EVENTS,  # its charset is added
        # Proxies that gather answers would keep the news to themselves.
        headers={"cache-control": "no-cache", "x-accel-buffering": "no"},
    )


def overview_routes() -> Router:
    """Return the first page and the news."""
    return Router("/", route_handlers=[overview, news])
