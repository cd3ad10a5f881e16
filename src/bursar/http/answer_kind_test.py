import psycopg
import pytest

from bursar.http.answer_kind import kind_of
from bursar.http.conftest import SERVICE, Told, app_of, client_of


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("done", 200, "done"),
        ("INSUFFICIENT_FUNDS", 402, "unaffordable"),
        ("CAP_EXCEEDED", 409, "conflict"),
        ("RATE_LIMITED", 429, "limited"),
        ("MALFORMED", 422, "refused"),
        ("SIGNATURE_INVALID", 400, "refused"),
        ("CLIENT_GONE", 499, "refused"),
        ("DEGRADED", 503, "paused"),
        ("BUSY", 503, "error"),
        ("TIMEOUT", 504, "error"),
        ("XX000", 500, "error"),
        # At the door of claims this is the app's 500, whatever the registry says.
        ("WALLET_CLOSED", 500, "error"),
        # What answers 200 as a whole: in a batch, or to an event that was stored.
        ("INSUFFICIENT_FUNDS", 200, "unaffordable"),
        ("BUSY", 200, "error"),
        ("FAULT", 200, "error"),
        ("DEGRADED", 200, "paused"),
        ("GONE", 200, "conflict"),
        ("PAYMENT_FAILED", 200, "unaffordable"),
        ("EXPIRED", 200, "refused"),
    ],
)
def test_the_kind_of_an_answer(code: str, status: int, kind: str) -> None:
    assert kind_of(code, status) == kind


async def test_a_fault_that_has_a_code_of_the_databases_is_an_error() -> None:
    app = app_of(Told(psycopg.errors.InternalError_()))
    body = {"p_reward_id": "5f0c2c1e-6c0a-4b1f-9a53-3d9f7f0c9d11"}
    body["p_collector_id"] = body["p_reward_id"]
    async with client_of(app) as client:
        answer = await client.post("/rest/v1/rpc/purchase_reward", json=body, headers=SERVICE)
        page = (await client.get("/metrics")).text

    assert answer.status_code == 500
    assert 'bursar_requests_total{kind="error",outcome="XX000",verb="purchase_reward"} 1.0' in page
