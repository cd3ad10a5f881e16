"""Sessions of the community: a signed cookie, and a token that other sites cannot know.

The cookie says who it is; a browser sends it by itself, also when a page of somebody else's made
it. So whatever changes something needs `X-CSRF-Token` as well, which is bound to the session and
which only our own pages are told.
"""

import secrets
import time
from dataclasses import dataclass
from typing import Any

from bursar.http.exchange import Exchange
from bursar.http.principal import Principal
from bursar.http.problem import ProblemError
from bursar.http.signed_cookie import Header, SignedCookies, check_token
from bursar.settings import Settings

COOKIE, DEVICE_COOKIE = "bursar_community", "bursar_community_device"
DEVICE_SECONDS = 365 * 86_400


@dataclass(frozen=True, slots=True)
class Session:
    """Whose session it is, its token, and its end in seconds since 1970."""

    user_id: str
    csrf_token: str
    expires_at: int

    @property
    def principal(self) -> Principal:
        """The caller as the verbs judge it."""
        return Principal("authenticated", self.user_id, "{}")


class Sessions:
    """Opens sessions and recognises them, with keys that are derived from the service's secret.

    They are kept nowhere: a cookie holds until its end, whichever process is asked.
    """

    def __init__(self, settings: Settings) -> None:
        self._seconds = settings.session_seconds
        self._cookies = SignedCookies(
            settings.jwt_secret, "bursar community", (COOKIE, DEVICE_COOKIE)
        )

    def open(self, exchange: Exchange, user_id: str) -> tuple[Session, list[Header]]:
        """Return a new session, and the headers that give it to the browser.

        Raises a 503 problem where the service has no secret to sign with.
        """
        self._cookies.require_secret()
        now = int(time.time())
        claims = {"sub": user_id, "sid": secrets.token_urlsafe(16), "exp": now + self._seconds}
        device = {"sub": user_id, "did": secrets.token_urlsafe(16), "exp": now + DEVICE_SECONDS}
        headers = [self._cookies.give(exchange.scope, COOKIE, claims, self._seconds)]
        if self.device_of(exchange, user_id) is None:
            headers.append(
                self._cookies.give(exchange.scope, DEVICE_COOKIE, device, DEVICE_SECONDS)
            )
        return self._session(claims), headers

    def close(self, exchange: Exchange) -> list[Header]:
        """Return the headers that take the session from the browser."""
        return [self._cookies.take(exchange.scope, COOKIE)]

    def of(self, exchange: Exchange, *, changes: bool) -> Session:
        """Return the session of a request.

        Raises 401 for a cookie that is missing, over or not ours, and 403 for a token that is not
        the session's. What only reads may come without a token, but not with a wrong one: then the
        page that asks believes to be somebody else.
        """
        session = self._session(self._cookies.claims(exchange.scope, COOKIE))
        sent = exchange.header(b"x-csrf-token")
        if changes or sent:
            check_token(sent, session.csrf_token, "the header X-CSRF-Token")
        return session

    def device_of(self, exchange: Exchange, user_id: str) -> str | None:
        """Return the id of a browser on which the user has signed in before, if this is one."""
        try:
            claims = self._cookies.claims(exchange.scope, DEVICE_COOKIE)
        except ProblemError:
            return None
        return str(claims["did"]) if claims.get("sub") == user_id else None

    def _session(self, claims: dict[str, Any]) -> Session:
        token = self._cookies.token_of(str(claims["sid"]))
        return Session(str(claims["sub"]), token, int(claims["exp"]))


def address_of(exchange: Exchange) -> str:
    """Return the address that the request comes from, as far as the server knows it."""
    client = exchange.scope.get("client")
    return str(client[0]) if client else ""


def refuse_other_sites(exchange: Exchange) -> None:
    """Raise 403 where a page of another site sends its reader's browser here to sign in."""
    if exchange.header(b"sec-fetch-site") == "cross-site":
        raise ProblemError(403, "CSRF_REFUSED", "Another site's page may not sign anybody in.")
