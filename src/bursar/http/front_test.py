import json
import uuid
from typing import Any

import pytest

from bursar.errors import Fault, OutcomeUnknown, Refused
from bursar.http.auth import mint
from bursar.http.conftest import GRANT, SECRET, SERVICE, Told, app_of, client_of


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (OutcomeUnknown("k-1"), 503, "OUTCOME_UNKNOWN"),
        (Fault("a table is missing"), 500, "FAULT"),
        (Refused("BUSY"), 503, "BUSY"),
        (RuntimeError("secret inside"), 500, "FAULT"),
    ],
)
async def test_whatever_goes_wrong_is_answered(error: Exception, status: int, code: str) -> None:
    app = app_of(Told(error))
    async with client_of(app) as client:
        answer = await client.post("/v1/grants", json=GRANT, headers=SERVICE)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert str(error) not in answer.text or status == 503
        assert ("retry-after" in answer.headers) == (status == 503)
        if code == "OUTCOME_UNKNOWN":
            assert answer.json()["details"] == {"key": "k-1"}
        body = {"p_reward_id": str(uuid.uuid4()), "p_collector_id": str(uuid.uuid4())}
        answer = await client.post("/rest/v1/rpc/purchase_reward", json=body, headers=SERVICE)
        assert answer.status_code == status
        assert set(answer.json()) == {"code", "message", "details", "hint"}
    await app.close()


async def test_a_request_that_takes_too_long_is_504() -> None:
    ledger = Told("wait")
    app = app_of(ledger, request_timeout_ms=50)
    async with client_of(app) as client:
        answer = await client.post("/v1/grants", json=GRANT, headers=SERVICE)
    assert (answer.status_code, answer.json()["code"]) == (504, "TIMEOUT")
    assert answer.json()["details"] == {"key": ledger.requests[0]["key"]}
    await app.close()


async def test_a_body_that_is_too_large_is_413_however_it_is_sent() -> None:
    sent = 0

    async def pieces() -> Any:
        nonlocal sent
        for _ in range(100):
            sent += 1
            yield b"x" * 1000

    app = app_of(Told(), body_bytes_max=10_000)
    async with client_of(app) as client:
        for content in (b"x" * 10_001, pieces()):
            answer = await client.post("/v1/grants", content=content, headers=SERVICE)
            assert (answer.status_code, answer.json()["code"]) == (413, "BODY_TOO_LARGE")
            assert answer.headers["connection"] == "close"
        assert sent < 15  # The rest was not read.
        answer = await client.post(
            "/v1/grants", content=b"{}", headers=SERVICE | {"content-length": "1" * 30}
        )
        assert answer.status_code == 413
    await app.close()


async def test_other_media_than_json_are_415() -> None:
    app = app_of(Told())
    async with client_of(app) as client:
        for path in ("/v1/grants", "/rest/v1/rpc/purchase_reward"):
            answer = await client.post(path, data={"a": "b"}, headers=SERVICE)
            assert answer.status_code == 415
    await app.close()


async def test_a_header_that_must_mean_one_thing_is_sent_once() -> None:
    app = app_of(Told())
    token = SERVICE["authorization"]
    async with client_of(app) as client:
        for name, values in (
            ("authorization", (token, "Bearer x")),
            ("idempotency-key", ("a", "b")),
        ):
            headers = [("authorization", token)] if name != "authorization" else []
            headers += [(name, value) for value in values]
            answer = await client.post("/v1/grants", json=GRANT, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (400, "MALFORMED")
    await app.close()


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("0a1b2c3d-4e5f", True),
        ("short", False),
        ("x" * 65, False),
        ("a b c d e f", False),
        ("abcdefgh\u00fc", False),
        ('abc"},{"defg', False),
    ],
)
async def test_a_sane_request_id_is_kept_and_another_replaced(given: str, kept: bool) -> None:
    app = app_of(Told())
    async with client_of(app) as client:
        headers = [(k.encode(), v.encode()) for k, v in SERVICE.items()]
        headers.append((b"x-request-id", given.encode("latin-1")))
        answer = await client.post("/v1/grants", json=GRANT, headers=headers)
    assert (answer.headers["x-request-id"] == given) == kept
    assert len(answer.headers["x-request-id"]) >= 8
    await app.close()


async def test_every_answer_has_safe_headers() -> None:
    app = app_of(Told())
    async with client_of(app) as client:
        for path in (
            "/v1/nothing",
            "/nothing",
            "/metrics",
            "/openapi.json",
            "/docs",
            "/docs/errors",
            "/v1/grants",
        ):
            answer = await client.get(path)
            assert answer.headers["x-content-type-options"] == "nosniff", path
            assert "default-src 'none'" in answer.headers["content-security-policy"], path
            assert answer.headers["x-request-id"], path
            assert "server" not in answer.headers
    await app.close()


async def test_what_is_not_there_is_a_problem_404_and_a_wrong_method_405() -> None:
    app = app_of(Told())
    async with client_of(app) as client:
        for path in ("/nothing", "/v1/nothing", "/rest/v1/a/b/c", "/v1/" + "x" * 3000):
            answer = await client.get(path)
            assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND"), path
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["request_id"] == answer.headers["x-request-id"]
        answer = await client.put("/v1/grants")
        assert (answer.status_code, answer.headers["allow"]) == (405, "OPTIONS, POST")
    await app.close()


async def test_pages_of_allowed_origins_may_call_and_others_not() -> None:
    app = app_of(Told(), cors_origins="https://shop.example, https://b.example")
    allow = "access-control-allow-origin"
    asks = {"access-control-request-method": "POST", "access-control-request-headers": "apikey"}
    async with client_of(app) as client:
        for origin, allowed in (
            ("https://shop.example", True),
            ("https://evil.example", False),
            ("https://shop.example.evil.example", False),
            ("null", False),
        ):
            answer = await client.options("/v1/grants", headers={"origin": origin, **asks})
            assert answer.status_code == 204
            assert (answer.headers.get(allow) == origin) == allowed
            assert ("apikey" in answer.headers.get("access-control-allow-headers", "")) == allowed
            answer = await client.post(
                "/v1/grants", json=GRANT, headers=SERVICE | {"origin": origin}
            )
            assert (answer.headers.get(allow) == origin) == allowed
            assert answer.headers["vary"] == "Origin"
            assert "access-control-allow-credentials" not in answer.headers
    await app.close()
    closed = app_of(Told())
    async with client_of(closed) as client:
        answer = await client.options("/v1/grants", headers={"origin": "https://x.example", **asks})
        assert allow not in answer.headers
    await closed.close()


async def test_a_degraded_process_refuses_changes_and_goes_on_reading() -> None:
    app = app_of(Told(), degraded_mode="1")
    async with client_of(app) as client:
        answer = await client.post("/v1/grants", json=GRANT, headers=SERVICE)
        assert (answer.status_code, answer.json()["code"]) == (503, "DEGRADED")
        assert "retry-after" in answer.headers
        answer = await client.get("/v1/wallets/o?asset=credit", headers=SERVICE)
        assert answer.status_code == 200
    await app.close()


async def test_the_ledger_is_told_who_asks() -> None:
    ledger = Told()
    app = app_of(ledger)
    sub = str(uuid.uuid4())
    me = {"authorization": f"Bearer {mint('authenticated', sub, SECRET, 60)}"}
    async with client_of(app) as client:
        await client.post("/v1/grants", json=GRANT, headers=SERVICE | {"idempotency-key": "k"})
        body = {"p_reward_id": sub, "p_collector_id": sub}
        await client.post("/rest/v1/rpc/purchase_reward", json=body, headers=me)
    service, user = ledger.requests
    assert (service["principal"], service["actor"], service["key"]) == ("service", "service", "k")
    assert (user["principal"], user["actor"]) == ("user", f"user:{sub}")
    assert user["caller"] == {"role": "authenticated", "sub": sub}
    assert len(user["key"]) >= 32
    await app.close()


async def test_one_line_is_logged_for_each_request_and_no_secret(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    app = app_of(Told(), log_level="info")
    async with client_of(app) as client:
        await client.get("/v1/wallets/private-owner?asset=credit&token=hidden", headers=SERVICE)
        await client.post("/v1/grants", json={**GRANT, "reason": "hidden"}, headers=SERVICE)
        await client.get("/docs?token=hidden")
    lines = [json.loads(line) for line in capfdbinary.readouterr().err.splitlines()]
    assert [line["event"] for line in lines] == ["request"] * 3
    line = lines[1]
    assert line["route"] == "/v1/grants"
    assert {
        "method": "POST",
        "status": 201,
        "code": "done",
        "role": "service_role",
        "level": "info",
    }.items() <= line.items()
    assert line["duration_ms"] >= 0
    assert len(line["request_id"]) >= 8
    assert line["timestamp"]
    text = json.dumps(lines)
    for secret in ("hidden", "private-owner", SECRET, SERVICE["authorization"][7:30]):
        assert secret not in text
    await app.close()
