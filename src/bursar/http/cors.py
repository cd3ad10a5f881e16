"""Cross-origin requests: browsers on other sites may use the API only where that was allowed."""

from bursar.http.exchange import Answer, Exchange

_ALLOWED_HEADERS = (
    b"authorization, apikey, content-type, content-profile, accept-profile, accept, prefer, range,"
    b" range-unit, idempotency-key, x-client-info, x-request-id, x-retry-count,"
    b" x-supabase-api-version"
)
_EXPOSED_HEADERS = b"content-range, idempotent-replayed, retry-after, x-request-id"
_MAX_AGE_SECONDS = b"600"


class Cors:
    """The origins that may ask, read from a comma-separated list; "*" means any.

    Credentials are not allowed at all: tokens travel in a header, and the community's cookie is for
    pages of the service's own site.
    """

    def __init__(self, origins: str) -> None:
        self._origins = frozenset(part.strip() for part in origins.split(",") if part.strip())

    def headers(self, exchange: Exchange) -> list[tuple[bytes, bytes]]:
        """Return what lets the caller's page read this answer; nothing when it may not."""
        if not self._origins:
            return []
        origin = exchange.header(b"origin")
        if not origin:
            return []
        if "*" in self._origins:
            allowed = b"*"
        elif origin in self._origins:
            allowed = origin.encode("latin-1")
        else:
            return [(b"vary", b"Origin")]
        return [
            (b"access-control-allow-origin", allowed),
            (b"access-control-expose-headers", _EXPOSED_HEADERS),
            (b"vary", b"Origin"),
        ]

    def preflight(self, exchange: Exchange, methods: str) -> Answer:
        """Answer OPTIONS: which methods there are, and whether the asking page may use them."""
        answer = Answer(204, headers=[(b"allow", methods.encode())])
        if any(name == b"access-control-allow-origin" for name, _ in self.headers(exchange)):
            answer.headers += [
                (b"access-control-allow-methods", methods.encode()),
                (b"access-control-allow-headers", _ALLOWED_HEADERS),
                (b"access-control-max-age", _MAX_AGE_SECONDS),
            ]
        return answer
