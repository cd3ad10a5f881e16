"""Sessions of the console: a token opens one, and a signed cookie carries it.

A viewer sees; an operator changes as well. The cookie goes along only when one of our own pages
asks, and whatever changes something needs the session's token beside it.
"""

import secrets
import time
from dataclasses import dataclass
from typing import Any

from bursar.http.auth import Verifier
from bursar.http.exchange import Scope
from bursar.http.principal import CONSOLE_ROLES
from bursar.http.problem import ProblemError
from bursar.http.signed_cookie import Header, SignedCookies
from bursar.settings import Settings

COOKIE = "bursar_console"
# A shift. It ends earlier where the token does.
SECONDS_MAX = 8 * 3600


@dataclass(frozen=True, slots=True)
class Session:
    """Who works at the console, the token of their forms, and the end in seconds since 1970."""

    role: str
    name: str
    csrf_token: str
    expires_at: int

    @property
    def is_operator(self) -> bool:
        """Whether they may change something."""
        return self.role == "operator"

    @property
    def actor(self) -> str:
        """The name under which journals keep what they do."""
        return f"operator:{self.name}"


class Sessions:
    """Opens sessions and recognises them."""

    def __init__(self, settings: Settings) -> None:
        self._verifier = Verifier(settings)
        self._cookies = SignedCookies(
            settings.jwt_secret, "bursar console", (COOKIE,), same_site="Strict"
        )

    async def open(self, scope: Scope, token: str) -> Header:
        """Return the header that gives the browser a session for a token.

        Raises a 401 problem for a token that does not open the console, and a 503 problem where
        the service has no secret to sign with.
        """
        self._cookies.require_secret()
        role, name, token_ends = await self._verifier.console_user(token)
        now = int(time.time())
        ends = min(now + SECONDS_MAX, int(token_ends))
        claims = {"sub": name, "role": role, "sid": secrets.token_urlsafe(16), "exp": ends}
        return self._cookies.give(scope, COOKIE, claims, ends - now)

    def close(self, scope: Scope) -> Header:
        """Return the header that takes the session from the browser."""
        return self._cookies.take(scope, COOKIE)

    def of(self, scope: Scope) -> Session:
        """Return the session of a request. Raises a 401 problem where it has none that holds."""
        claims: dict[str, Any] = self._cookies.claims(scope, COOKIE)
        if claims.get("role") not in CONSOLE_ROLES:
            raise ProblemError(401, "UNAUTHENTICATED", "The session cannot be trusted.")
        return Session(
            str(claims["role"]),
            str(claims["sub"]),
            self._cookies.token_of(str(claims["sid"])),
            int(claims["exp"]),
        )
