import base64
import hmac
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from bursar.http.auth import Verifier, mint
from bursar.http.jwks import JwksCache, VerificationKey
from bursar.http.problem import ProblemError
from bursar.settings import Settings

SECRET = "a secret that only these tests know, of forty"
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())


class FixedJwks(JwksCache):
    """A JWKS that was fetched already."""

    def __init__(self) -> None:
        super().__init__("https://keys.example/jwks")
        self._keys = [
            ("rsa-1", VerificationKey("RS256", RSA_KEY.public_key())),
            ("ec-1", VerificationKey("ES256", EC_KEY.public_key())),
        ]
        self._fetched = self._tried = time.monotonic()


def verifier(**settings: Any) -> Verifier:
    return Verifier(Settings(jwt_secret=SECRET, **settings), FixedJwks())


def part(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def signed(
    header: Any, claims: Any, secret: bytes = SECRET.encode(), digest: str = "sha256"
) -> str:
    body = f"{part(header)}.{part(claims)}"
    mac = hmac.new(secret, body.encode(), digest).digest()
    return f"{body}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def claims(**changes: Any) -> dict[str, Any]:
    made = {"role": "authenticated", "sub": "u-1", "exp": int(time.time()) + 60, **changes}
    return {name: value for name, value in made.items() if value is not ...}


HS = {"alg": "HS256", "typ": "JWT"}


async def test_a_minted_token_names_its_role_and_subject() -> None:
    principal = await verifier().verify(mint("authenticated", "u-1", SECRET, 60))
    assert (principal.role, principal.sub) == ("authenticated", "u-1")
    assert json.loads(principal.claims)["sub"] == "u-1"


@pytest.mark.parametrize(
    ("algorithm", "key", "kid"), [("RS256", RSA_KEY, "rsa-1"), ("ES256", EC_KEY, "ec-1")]
)
async def test_tokens_of_the_identity_provider_are_verified_with_its_keys(
    algorithm: str, key: Any, kid: str
) -> None:
    for headers in ({"kid": kid}, None):
        token = jwt.encode(claims(), key, algorithm=algorithm, headers=headers)
        assert (await verifier().verify(token)).sub == "u-1"


def public_pem() -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return RSA_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def attacks() -> dict[str, str]:
    return {**wrong_signatures(), **wrong_claims()}


def wrong_signatures() -> dict[str, str]:
    good = signed(HS, claims())
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    jwk = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(other.public_key()))
    return {
        "none": f"{part({'alg': 'none'})}.{part(claims())}.",
        "None": f"{part({'alg': 'None'})}.{part(claims())}.",
        "none with a signature": good.replace(good.split(".")[0], part({"alg": "none"})),
        "no alg": signed({"typ": "JWT"}, claims()),
        "alg is a list": signed({"alg": ["HS256"]}, claims()),
        "HS512": signed({"alg": "HS512"}, claims(), digest="sha512"),
        "lower-case alg": signed({"alg": "hs256"}, claims()),
        "public key as HMAC secret": signed(HS, claims(), secret=public_pem()),
        "empty secret": signed(HS, claims(), secret=b""),
        "another secret": signed(HS, claims(), secret=b"y" * 40),
        "RS256 header over an HMAC": signed({"alg": "RS256", "kid": "rsa-1"}, claims()),
        "ES256 with the RSA key's id": jwt.encode(
            claims(), EC_KEY, algorithm="ES256", headers={"kid": "rsa-1"}
        ),
        "RS256 by somebody else": jwt.encode(
            claims(), other, algorithm="RS256", headers={"kid": "rsa-1"}
        ),
        "jwk header": jwt.encode(claims(), other, algorithm="RS256", headers={"jwk": jwk}),
        "jku header": jwt.encode(
            claims(), other, algorithm="RS256", headers={"jku": "https://evil.example/jwks"}
        ),
        "x5u header": jwt.encode(
            claims(), other, algorithm="RS256", headers={"x5u": "https://evil.example/x"}
        ),
        "unknown kid": jwt.encode(
            claims(), RSA_KEY, algorithm="RS256", headers={"kid": "../../dev/null"}
        ),
        "kid is a number": signed({"alg": "RS256", "kid": 1}, claims()),
        "PS256": jwt.encode(claims(), RSA_KEY, algorithm="PS256", headers={"kid": "rsa-1"}),
        "crit header": signed({**HS, "crit": ["exp"]}, claims()),
        "duplicate alg": signed('{"alg":"none","alg":"HS256"}', claims()),
        "changed claims": ".".join(
            [good.split(".")[0], part(claims(role="service_role")), good.split(".")[2]]
        ),
        "cut signature": good[:-4],
        "two parts": good.rsplit(".", 1)[0],
        "four parts": good + ".x",
        "empty parts": "..",
        "beyond ASCII": good + "\u00fc",
        "a word": "token",
    }


def wrong_claims() -> dict[str, str]:
    return {
        "no exp": signed(HS, claims(exp=...)),
        "exp in the past": signed(HS, claims(exp=int(time.time()) - 1)),
        "exp is text": signed(HS, claims(exp=str(int(time.time()) + 60))),
        "exp is true": signed(HS, claims(exp=True)),
        "exp is infinite": signed(
            HS, json.dumps(claims()).replace(str(claims()["exp"]), "Infinity")
        ),
        "exp is 1e400": signed(HS, json.dumps(claims(exp=7)).replace("7", "1e400")),
        "exp is null": signed(HS, claims(exp=None)),
        "nbf in the future": signed(HS, claims(nbf=int(time.time()) + 600)),
        "nbf is text": signed(HS, claims(nbf="1")),
        "iat in the future": signed(HS, claims(iat=int(time.time()) + 600)),
        "no role": signed(HS, claims(role=...)),
        "another role": signed(HS, claims(role="postgres")),
        "role by another case": signed(HS, claims(role="SERVICE_ROLE")),
        "role is a list": signed(HS, claims(role=["service_role"])),
        "role is an object": signed(HS, claims(role={"role": "service_role"})),
        "role is null": signed(HS, claims(role=None)),
        "role with a NUL": signed(HS, claims(role="service_role\0")),
        "role twice": signed(HS, json.dumps(claims())[:-1] + ',"role":"service_role"}'),
        "no subject": signed(HS, claims(sub=...)),
        "empty subject": signed(HS, claims(sub="")),
        "subject is a number": signed(HS, claims(sub=7)),
        "subject with a line feed": signed(HS, claims(sub="a\nb")),
        "subject beyond ASCII": signed(HS, claims(sub="\u00fc")),
        "long subject": signed(HS, claims(sub="x" * 256)),
        "half a surrogate pair": signed(HS, claims(x="\ud800")),
        "NUL in a claim": signed(HS, claims(x="\0")),
        "claims are a list": signed(HS, [1]),
        "claims are no JSON": signed(HS, "{"),
        "deep claims": signed(HS, claims(x=json.loads("[" * 100 + "]" * 100))),
        "huge": signed(HS, claims(x="x" * 10_000)),
    }


@pytest.mark.parametrize("name", attacks())
async def test_a_token_that_cannot_be_trusted_is_401(name: str) -> None:
    with pytest.raises(ProblemError) as refused:
        await verifier().verify(attacks()[name])
    assert refused.value.status == 401
    # Also when it is shown again: nothing about it was remembered.
    with pytest.raises(ProblemError):
        await verifier().verify(attacks()[name])


async def test_audience_and_issuer_are_checked_when_configured() -> None:
    strict = verifier(jwt_audience="shop", jwt_issuer="https://id.example")
    right = {"aud": "shop", "iss": "https://id.example"}
    assert (await strict.verify(signed(HS, claims(**right)))).sub == "u-1"
    for wrong in (
        {},
        {"aud": "shop"},
        {**right, "aud": "other"},
        {**right, "iss": "x"},
        {**right, "iss": ["https://id.example"]},
    ):
        with pytest.raises(ProblemError):
            await strict.verify(signed(HS, claims(**wrong)))
    # Without a configured audience, the one that Supabase writes is no obstacle.
    assert (await verifier().verify(signed(HS, claims(aud="authenticated")))).sub == "u-1"


async def test_without_any_key_no_token_is_accepted() -> None:
    with pytest.raises(ProblemError) as refused:
        await Verifier(Settings()).verify(mint("service_role", None, SECRET, 60))
    assert refused.value.status == 401


async def test_a_remembered_token_is_forgotten_when_it_expires(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    checker, token = verifier(), mint("authenticated", "u-1", SECRET, 60)
    await checker.verify(token)
    later = time.time() + 61
    monkeypatch.setattr(time, "time", lambda: later)
    with pytest.raises(ProblemError) as refused:
        await checker.verify(token)
    assert refused.value.status == 401


async def test_verified_tokens_are_remembered_within_bounds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bursar.http.auth.CACHED_TOKENS_MAX", 3)
    checker = verifier()
    for number in range(10):
        await checker.verify(mint("authenticated", f"u-{number}", SECRET, 60))
    assert len(checker._known) == 3


@pytest.mark.parametrize(
    ("role", "sub", "secret", "seconds"),
    [
        ("postgres", "u", SECRET, 60),
        ("authenticated", None, SECRET, 60),
        ("authenticated", "\u00fc", SECRET, 60),
        ("anon", None, "short", 60),
        ("service_role", None, SECRET, 0),
    ],
)
def test_nothing_is_minted_that_would_not_be_accepted(
    role: str, sub: str | None, secret: str, seconds: int
) -> None:
    with pytest.raises(ValueError, match=r"must|needs"):
        mint(role, sub, secret, seconds)
