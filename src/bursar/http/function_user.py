"""For whom a caller of `/functions/v1` acts.

Who may do so in the end is decided in SQL; this says early, and in words, what is plainly wrong.
"""

from bursar.http.exchange import Exchange
from bursar.http.problem import malformed, refused


def user_of(exchange: Exchange, named: str | None) -> str:
    """Return for whom the caller acts; `named` is what the request says.

    Raises 422 when the service names nobody, 403 when a user names somebody else.
    """
    principal = exchange.principal
    if principal.is_service:
        if not named or not named.isascii() or not named.isprintable():
            raise malformed("user_id", "The service must name the user.")
        return named
    if named is not None and named != principal.sub:
        raise refused("NOT_AUTHORIZED", "You may act for yourself only.")
    return principal.sub or ""
