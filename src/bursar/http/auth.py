"""Bearer tokens: verified, cached, and turned into a principal or refused.

A token that cannot be trusted is always 401. There is no way from it to another role, not even to
`anon`.
"""

import hashlib
import json
import math
import time
from base64 import urlsafe_b64decode
from collections import OrderedDict
from typing import Any, cast

import jwt

from bursar.http.exchange import Exchange
from bursar.http.json_body import check_plain
from bursar.http.jwks import KEEP_SECONDS, JwksCache, VerificationKey
from bursar.http.principal import ANONYMOUS, CONSOLE_ROLES, ROLES, ConsoleRole, Principal
from bursar.http.problem import ProblemError
from bursar.settings import Settings

TOKEN_LENGTH_MAX = 8192
CACHED_TOKENS_MAX = 16_384
# Clocks of two machines differ; `exp` gets no such grace.
LEEWAY_SECONDS = 30
SUB_LENGTH_MAX = 255
_ALGORITHMS = ("HS256", "RS256", "ES256")


class Verifier:
    """Knows the keys, and remembers the tokens it has verified until they expire."""

    def __init__(self, settings: Settings, jwks: JwksCache | None = None) -> None:
        self._secret = settings.jwt_secret
        self._audience = settings.jwt_audience
        self._issuer = settings.jwt_issuer
        if jwks is None and settings.jwt_jwks_url:
            jwks = JwksCache(settings.jwt_jwks_url)
        self._jwks = jwks
        self._known: OrderedDict[bytes, tuple[Principal, float, int]] = OrderedDict()

    async def authenticate(self, exchange: Exchange) -> Principal:
        """Return who sent the request; without a token, the anonymous principal.

        `Authorization` decides; `apikey`, which supabase-js always sends, stands in for it when it
        is absent. Raises a 401 problem for a token that is not to be trusted.
        """
        exchange.refuse_repeated_headers()
        text = exchange.header(b"authorization")
        if text:
            scheme, _, token = text.partition(" ")
            if scheme.lower() != "bearer" or not token.strip():
                raise invalid_token("The Authorization header must be: Bearer <token>.")
            token = token.strip()
        else:
            token = exchange.header(b"apikey")
        return await self.verify(token) if token else ANONYMOUS

    async def verify(self, token: str) -> Principal:
        """Return the principal of `token`, or raise a 401 problem."""
        if len(token) > TOKEN_LENGTH_MAX or not token.isascii():
            raise invalid_token("The token is not a JSON Web Token of a sensible size.")
        digest = hashlib.sha256(token.encode()).digest()
        generation = self._jwks.generation if self._jwks else 0
        known = self._known.get(digest)
        if known is not None:
            if known[2] == generation and known[1] > time.time():
                return known[0]
            del self._known[digest]
        principal, expires = await self._verify_new(token)
        if self._jwks is not None:
            # A key may be withdrawn before its tokens expire.
            expires = min(expires, time.time() + KEEP_SECONDS)
        self._known[digest] = (principal, expires, self._jwks.generation if self._jwks else 0)
        if len(self._known) > CACHED_TOKENS_MAX:
            self._known.popitem(last=False)
        return principal

    async def console_user(self, token: str) -> tuple[ConsoleRole, str, float]:
        """Return role, name and end (seconds since 1970) of a token that opens the console.

        Raises a 401 problem for one that is not to be trusted, or is for something else.
        """
        if len(token) > TOKEN_LENGTH_MAX or not token.isascii():
            raise invalid_token("The token is not a JSON Web Token of a sensible size.")
        claims, expires = await self._claims(token)
        for role in CONSOLE_ROLES:
            if claims.get("role") == role:
                sub = claims.get("sub")
                if not isinstance(sub, str) or not _printable(sub):
                    raise invalid_token("The token does not say whose it is.")
                return role, sub, expires
        raise invalid_token("The token is not for the console.")

    async def _verify_new(self, token: str) -> tuple[Principal, float]:
        claims, expires = await self._claims(token)
        return _principal(claims), expires

    async def _claims(self, token: str) -> tuple[dict[str, Any], float]:
        """Return what a token says, and its end in seconds since 1970."""
        try:
            header, claims = _segment(token, 0), _segment(token, 1)
            key = await self._key_for(header)
            jwt.decode(
                token,
                cast("Any", key.key),
                algorithms=[key.algorithm],
                audience=self._audience or None,
                issuer=self._issuer or None,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp"], "verify_aud": bool(self._audience)},
            )
        except jwt.ExpiredSignatureError:
            raise expired_token() from None
        except jwt.PyJWTError:
            raise invalid_token("The token was not accepted.") from None
        except (ValueError, TypeError, OverflowError, RecursionError):
            raise invalid_token("The token cannot be read.") from None
        expires = _time(claims, "exp")
        for name in ("nbf", "iat"):
            if name in claims:
                _time(claims, name)
        if expires <= time.time():
            raise expired_token()
        return claims, expires

    async def _key_for(self, header: dict[str, Any]) -> VerificationKey:
        """Choose the key by what *we* have configured; the token only says which of them."""
        algorithm = header.get("alg")
        if algorithm not in _ALGORITHMS or "crit" in header:
            raise invalid_token("The token's algorithm is not accepted.")
        if algorithm == "HS256":
            if self._secret:
                return VerificationKey("HS256", self._secret)
        elif self._jwks is not None:
            kid = header.get("kid")
            if kid is not None and not isinstance(kid, str):
                raise invalid_token("The token's key id is not text.")
            found = await self._jwks.find(algorithm, kid)
            if found is not None:
                return found
        raise invalid_token("The token was signed with a key that is not known here.")


def mint(role: str, sub: str | None, secret: str, seconds: int) -> str:
    """Return an HS256 token for `role` that lasts `seconds`.

    Raises `ValueError` for a role outside of the allow-list, a missing or unprintable subject of a
    signed-in user, or a secret of fewer than 32 characters.
    """
    if role not in (*ROLES, *CONSOLE_ROLES):
        raise ValueError(f"The role must be one of {', '.join((*ROLES, *CONSOLE_ROLES))}.")
    if len(secret) < 32:
        raise ValueError("The secret must have at least 32 characters.")
    if seconds <= 0:
        raise ValueError("The token must last at least one second.")
    if role == "authenticated" and not sub:
        raise ValueError("A signed-in user's token needs a subject.")
    if role in CONSOLE_ROLES and not sub:
        raise ValueError("A token for the console needs a subject: the journal keeps who it was.")
    if sub is not None and not _printable(sub):
        raise ValueError(f"The subject must be 1 to {SUB_LENGTH_MAX} printable ASCII characters.")
    now = int(time.time())
    claims: dict[str, Any] = {"role": role, "iat": now, "exp": now + seconds}
    if sub is not None:
        claims["sub"] = sub
    return jwt.encode(claims, secret, algorithm="HS256")


def invalid_token(sentence: str) -> ProblemError:
    """Return the 401 problem for a token that is not to be trusted."""
    return ProblemError(
        401,
        "UNAUTHENTICATED",
        sentence,
        headers=[(b"www-authenticate", b'Bearer error="invalid_token"')],
    )


def expired_token() -> ProblemError:
    """Return the 401 problem for a token whose time is over."""
    return invalid_token("The token has expired.")


def _segment(token: str, number: int) -> dict[str, Any]:
    """Read a part of the token as a JSON object in which no name appears twice."""
    parts = token.split(".")
    if len(parts) != 3:
        raise ValueError("A token has three parts.")
    part = parts[number]
    value = check_plain(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    if not isinstance(value, dict):
        raise ValueError("It is not an object.")
    return value


def _time(claims: dict[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise invalid_token(f"The token's {name} is not a time.")
    return float(value)


def _principal(claims: dict[str, Any]) -> Principal:
    role, sub = claims.get("role"), claims.get("sub")
    if not isinstance(role, str) or role not in ROLES:
        raise invalid_token("The token's role is not accepted.")
    if sub is not None and (not isinstance(sub, str) or not _printable(sub)):
        raise invalid_token("The token's subject is not printable ASCII text.")
    if role == "authenticated" and not sub:
        raise invalid_token("The token names no subject.")
    return Principal(role, sub, json.dumps(claims, separators=(",", ":")), _workspace(claims))


def _workspace(claims: dict[str, Any]) -> str | None:
    """Return the workspace that the token names; the user is a workspace of their own by default.

    `user_metadata` is not asked: users write it themselves. What is named and is no text is no
    workspace, and not a reason to look further for one.
    """
    metadata = claims.get("app_metadata")
    inner = metadata.get("workspace_id") if isinstance(metadata, dict) else None
    for named in (claims.get("workspace_id"), inner, claims.get("sub")):
        if named is not None:
            return named if isinstance(named, str) else ""
    return None


def _printable(text: str) -> bool:
    return 0 < len(text) <= SUB_LENGTH_MAX and text.isascii() and text.isprintable()
