"""Cookies that say who somebody is, signed, and tokens that other sites cannot know.

Each kind of session has keys of its own, derived from the service's secret, so that one cannot
pass for another. Nothing is kept: a cookie holds until its end, whichever process is asked.
"""

import hmac
from collections.abc import Iterable
from typing import Any

import jwt

from bursar.http.exchange import Scope
from bursar.http.problem import ProblemError

COOKIE_LENGTH_MAX = 1024
_ALGORITHM = "HS256"
Header = tuple[bytes, bytes]


class SignedCookies:
    """Signs and reads the cookies of one kind of session.

    `purpose` keeps their keys apart from those of others; `names` are the cookies it has. They are
    for addresses below `path`, and `same_site` says when browsers send them along.
    """

    def __init__(
        self,
        secret: str,
        purpose: str,
        names: Iterable[str],
        *,
        path: str = "/",
        same_site: str = "Lax",
    ) -> None:
        self._is_set_up = bool(secret)
        self._path = path
        self._same_site = same_site
        self._keys = {
            use: hmac.digest(secret.encode(), f"{purpose} {use}".encode(), "sha256")
            for use in (*names, "csrf")
        }

    def require_secret(self) -> None:
        """Raise a 503 problem where the service has no secret to sign with."""
        if not self._is_set_up:
            raise ProblemError(
                503, "NOT_CONFIGURED", "Sessions are signed: BURSAR_JWT_SECRET is not set here."
            )

    def give(self, scope: Scope, name: str, claims: dict[str, Any], seconds: int) -> Header:
        """Return the header that gives a browser the cookie, for so many seconds."""
        return self._set(scope, name, self._signed(name, claims), seconds)

    def take(self, scope: Scope, name: str) -> Header:
        """Return the header that takes the cookie from the browser."""
        return self._set(scope, name, "", 0)

    def token_of(self, session_id: str) -> str:
        """Return the token of a session, which its own pages alone are told."""
        return hmac.digest(self._keys["csrf"], session_id.encode(), "sha256").hex()

    def claims(self, scope: Scope, name: str) -> dict[str, Any]:
        """Return what the request's cookie says.

        Raises a 401 problem for one that is missing, over or not ours.
        """
        sent = _sent(scope, name)
        # Two of them: somebody has put one beside ours, and nobody can say which is meant.
        if len(sent) != 1 or not self._is_set_up:
            raise _not_signed_in("You are not signed in." if not sent else "Sign in again.")
        try:
            if len(sent[0]) > COOKIE_LENGTH_MAX:
                raise jwt.InvalidTokenError
            claims: dict[str, Any] = jwt.decode(
                sent[0],
                self._keys[name],
                algorithms=[_ALGORITHM],
                audience=name,
                options={"require": ["exp", "sub"]},
            )
        except jwt.ExpiredSignatureError:
            raise _not_signed_in("The session is over: sign in again.") from None
        except (jwt.PyJWTError, ValueError, TypeError):
            raise _not_signed_in("The session cannot be trusted: sign in again.") from None
        # There is one way to write it. Base64 would let a few bits at the end pass unread.
        signed = jwt.encode(claims, self._keys[name], algorithm=_ALGORITHM)
        if not hmac.compare_digest(signed.encode(), sent[0].encode()):
            raise _not_signed_in("The session cannot be trusted: sign in again.")
        return claims

    def _signed(self, name: str, claims: dict[str, Any]) -> str:
        return jwt.encode({**claims, "aud": name}, self._keys[name], algorithm=_ALGORITHM)

    def _set(self, scope: Scope, name: str, value: str, seconds: int) -> Header:
        secure = "; Secure" if scope.get("scheme") == "https" else ""
        text = (
            f"{name}={value}; Path={self._path}; Max-Age={seconds}; HttpOnly;"
            f" SameSite={self._same_site}{secure}"
        )
        return b"set-cookie", text.encode()


def check_token(sent: str, token: str, where: str) -> None:
    """Raise 403 unless what was sent in `where` is the session's token."""
    if not hmac.compare_digest(sent.encode(), token.encode()):
        raise ProblemError(
            403,
            "CSRF_REFUSED",
            f"{where[0].upper()}{where[1:]} is not that of this session."
            if sent
            else f"Send the session's token in {where}.",
        )


def _sent(scope: Scope, name: str) -> list[str]:
    """Return the values of a cookie, in every header that has some."""
    pairs = [
        part.strip().partition("=")
        for header, value in scope["headers"]
        if header == b"cookie"
        for part in value.decode("latin-1").split(";")
    ]
    return [value for found, _, value in pairs if found == name]


def _not_signed_in(sentence: str) -> ProblemError:
    return ProblemError(401, "UNAUTHENTICATED", sentence)
