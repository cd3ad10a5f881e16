"""The public keys of an identity provider, fetched from its JWKS document and kept for a while."""

import asyncio
import ipaddress
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

KEYS_MAX = 64
DOCUMENT_BYTES_MAX = 262_144
FETCH_TIMEOUT_SECONDS = 5.0
# An unknown key id makes us look again, but nobody can make us look more often than this.
REFRESH_SECONDS_MIN = 60.0
# A key that was withdrawn is believed for this long, twice as long while the provider is down.
KEEP_SECONDS = 600.0
_RSA_BITS_MIN = 2048


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A key and the one algorithm it may be used with."""

    algorithm: str
    key: Any


class JwksCache:
    """Keys by id. `generation` moves whenever the keys were fetched anew, so that tokens verified
    with earlier ones are verified again."""

    def __init__(self, url: str) -> None:
        check_address(url)
        self._url = url
        self._keys: list[tuple[str | None, VerificationKey]] = []
        self._fetched = -KEEP_SECONDS
        self._tried = -KEEP_SECONDS
        self._lock = asyncio.Lock()
        self.generation = 0

    async def find(self, algorithm: str, kid: str | None) -> VerificationKey | None:
        """Return the key for `algorithm` with that id, or None.

        A token without an id is matched only when exactly one key fits its algorithm.
        """
        now = time.monotonic()
        found = self._look_up(algorithm, kid)
        if found is None or now - self._fetched > KEEP_SECONDS:
            await self._refresh()
            found = self._look_up(algorithm, kid)
        return found

    def _look_up(self, algorithm: str, kid: str | None) -> VerificationKey | None:
        fitting = [
            key
            for known, key in self._keys
            if key.algorithm == algorithm and (kid is None or known == kid)
        ]
        return fitting[0] if len(fitting) == 1 else None

    async def _refresh(self) -> None:
        async with self._lock:
            now = time.monotonic()
            if now - self._tried < REFRESH_SECONDS_MIN:
                return
            self._tried = now
            try:
                document = await _fetch(self._url)
            except (httpx.HTTPError, ValueError, TimeoutError):
                if now - self._fetched > 2 * KEEP_SECONDS:
                    self._keys = []
                    self.generation += 1
                return
            self._keys = _read_keys(document)
            self._fetched = now
            self.generation += 1


def check_address(url: str) -> None:
    """Raise `ValueError` unless `url` is https, or http to this very machine."""
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return
    if parts.scheme == "http" and parts.hostname:
        if parts.hostname == "localhost":
            return
        try:
            if ipaddress.ip_address(parts.hostname).is_loopback:
                return
        except ValueError:
            pass
    raise ValueError("The JWKS address must begin with https.")


async def _fetch(url: str) -> Any:
    """Fetch the document: bounded in time and size, no redirects."""
    chunks, size = [], 0
    async with (
        asyncio.timeout(FETCH_TIMEOUT_SECONDS),
        httpx.AsyncClient(follow_redirects=False, timeout=FETCH_TIMEOUT_SECONDS) as client,
        client.stream("GET", url, headers={"accept": "application/json"}) as response,
    ):
        response.raise_for_status()
        async for chunk in response.aiter_bytes():
            size += len(chunk)
            if size > DOCUMENT_BYTES_MAX:
                raise ValueError("The JWKS document is too large.")
            chunks.append(chunk)
    try:
        return msgspec.json.decode(b"".join(chunks))
    except (msgspec.DecodeError, RecursionError):
        raise ValueError("The JWKS document is not JSON.") from None


def _read_keys(document: Any) -> list[tuple[str | None, VerificationKey]]:
    """Keep what we can use; a key that does not fit an accepted algorithm is passed over."""
    entries = document.get("keys") if isinstance(document, dict) else None
    keys: list[tuple[str | None, VerificationKey]] = []
    for entry in entries[:KEYS_MAX] if isinstance(entries, list) else []:
        key = _read_key(entry) if isinstance(entry, dict) else None
        if key is not None:
            kid = entry.get("kid")
            keys.append((kid if isinstance(kid, str) else None, key))
    return keys


def _read_key(entry: dict[str, Any]) -> VerificationKey | None:
    algorithm = {"RSA": "RS256", "EC": "ES256"}.get(str(entry.get("kty")))
    if algorithm is None or entry.get("use", "sig") != "sig" or "d" in entry:
        return None
    if entry.get("alg", algorithm) != algorithm:
        return None
    try:
        key = jwt.PyJWK(entry, algorithm=algorithm).key
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None
    if algorithm == "RS256":
        fits = isinstance(key, RSAPublicKey) and key.key_size >= _RSA_BITS_MIN
    else:
        fits = isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1)
    return VerificationKey(algorithm, key) if fits else None
