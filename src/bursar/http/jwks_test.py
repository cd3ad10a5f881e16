import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from bursar.http.jwks import JwksCache, check_address


class Provider:
    """An identity provider's JWKS address on this machine."""

    def __init__(self) -> None:
        self.keys: list[dict[str, Any]] = []
        self.body: bytes | None = None
        self.status = 200
        self.asked = 0
        self.url = ""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked += 1
        await reader.readuntil(b"\r\n\r\n")
        body = self.body if self.body is not None else json.dumps({"keys": self.keys}).encode()
        writer.write(
            f"HTTP/1.1 {self.status} X\r\nContent-Length: {len(body)}\r\n"
            f"Location: {self.url}\r\nConnection: close\r\n\r\n".encode()
            + body
        )
        await writer.drain()
        writer.close()
        await writer.wait_closed()


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    made = Provider()
    server = await asyncio.start_server(made.answer, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/jwks"
    yield made
    server.close()
    await server.wait_closed()


def rsa_jwk(kid: str, bits: int = 2048, **more: Any) -> dict[str, Any]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits).public_key()
    return {**json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key)), "kid": kid, **more}


def ec_jwk(kid: str, curve: ec.EllipticCurve, **more: Any) -> dict[str, Any]:
    key = ec.generate_private_key(curve).public_key()
    return {**json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key)), "kid": kid, **more}


async def test_keys_are_found_by_id_and_must_fit_the_algorithm(provider: Provider) -> None:
    provider.keys = [rsa_jwk("r"), ec_jwk("e", ec.SECP256R1())]
    cache = JwksCache(provider.url)
    assert await cache.find("RS256", "r") is not None
    assert await cache.find("ES256", "e") is not None
    assert await cache.find("ES256", "r") is None
    assert await cache.find("RS256", "e") is None
    assert provider.asked == 1


async def test_keys_that_do_not_fit_are_passed_over(provider: Provider) -> None:
    provider.keys = [
        {"kty": "oct", "k": "c2VjcmV0", "kid": "oct"},
        rsa_jwk("small", 1024),
        rsa_jwk("for-encryption", use="enc"),
        rsa_jwk("for-hmac", alg="HS256"),
        ec_jwk("p384", ec.SECP384R1()),
        {"kty": "RSA", "kid": "broken", "n": "!", "e": 7},
        {"kty": 7},
        7,  # type: ignore[list-item]  # no key at all
    ]
    cache = JwksCache(provider.url)
    for algorithm in ("RS256", "ES256", "HS256"):
        for kid in ("oct", "small", "for-encryption", "for-hmac", "p384", "broken", None):
            assert await cache.find(algorithm, kid) is None


async def test_an_unknown_id_makes_us_look_again_once_a_minute(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = JwksCache(provider.url)
    for number in range(20):
        assert await cache.find("RS256", f"unknown-{number}") is None
    assert provider.asked == 1
    provider.keys = [rsa_jwk("new")]
    monkeypatch.setattr("bursar.http.jwks.REFRESH_SECONDS_MIN", 0.0)
    assert await cache.find("RS256", "new") is not None
    assert cache.generation == 2


async def test_without_an_id_only_a_single_fitting_key_is_taken(provider: Provider) -> None:
    provider.keys = [rsa_jwk("a"), rsa_jwk("b"), ec_jwk("e", ec.SECP256R1())]
    cache = JwksCache(provider.url)
    assert await cache.find("RS256", None) is None
    assert await cache.find("ES256", None) is not None


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"x" * 300_000),
        (200, b"no json"),
        (200, b"[" * 100_000),
        (200, b"[]"),
        (500, b"{}"),
        (302, b""),
    ],
)
async def test_a_document_that_cannot_be_used_gives_no_keys(
    provider: Provider, status: int, body: bytes
) -> None:
    provider.status, provider.body = status, body
    assert await JwksCache(provider.url).find("RS256", None) is None
    assert provider.asked == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://keys.example/jwks",
        "file:///etc/passwd",
        "http://127.0.0.1.example/x",
        "",
        "https://",
        "ftp://127.0.0.1/x",
        "http://10.0.0.1/jwks",
    ],
)
def test_keys_come_over_https_or_from_this_machine(url: str) -> None:
    with pytest.raises(ValueError, match="https"):
        check_address(url)


@pytest.mark.parametrize(
    "url",
    ["https://id.example/jwks", "http://127.0.0.1:9/x", "http://[::1]/x", "http://localhost:1/x"],
)
def test_an_address_that_cannot_be_tampered_with_is_accepted(url: str) -> None:
    check_address(url)
