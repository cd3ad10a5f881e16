"""The OpenAPI document against the service: what it promises, and whatever else may be sent."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from bursar.db.scratch import ScratchDatabase
from bursar.http.auth import mint
from bursar.stand_ins.stripe.process import StandIn
from tests import stand_in as staged
from tests.deployment import PATIENT
from tests.patience import PATIENCE_SECONDS

SECRET = "a secret that only these tests know, of forty"
SECONDS_MAX = 25.0
EXAMPLES = 10
REQUESTS_MIN = 300
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
# However slow the machine, a database that answers at all is not away: 503 is the server's error.
PROGRAM = """
from bursar.http import health
from bursar.http.serve import serve
from bursar.settings import Settings
health.TIMEOUT_SECONDS = 60.0
serve(Settings.from_environment(), "127.0.0.1", 0, on_ready=lambda at: print(at, flush=True))
"""


@pytest.fixture
def address(database: ScratchDatabase, company: StandIn) -> Iterator[str]:
    """The address of a server on a fresh database."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        text=True,
        stdout=subprocess.PIPE,
        env={
            **os.environ,
            "BURSAR_DATABASE_URL": database.service_url,
            "BURSAR_JWT_SECRET": SECRET,
            "BURSAR_LOG_LEVEL": "error",
            "BURSAR_BUSY_TIMEOUT_MS": PATIENT["busy_timeout_ms"],
            "BURSAR_STRIPE_API_KEY": staged.KEY,
            "BURSAR_STRIPE_API_BASE": company.address,
            "BURSAR_STRIPE_WEBHOOK_SECRET": staged.SECRET,
            "BURSAR_REVENUECAT_AUTHORIZATION": "Bearer nobody knows it",
        },
    )
    assert process.stdout is not None
    yield process.stdout.readline().strip()
    process.kill()
    process.communicate()


def bearer(role: str, sub: str | None) -> dict[str, str]:
    return {"Authorization": f"Bearer {mint(role, sub, SECRET, 600)}"}


def test_the_service_keeps_to_its_document_whatever_is_sent(address: str) -> None:
    schema = schemathesis.openapi.from_url(f"{address}/openapi.json")
    callers = [
        bearer("service_role", None),
        bearer("authenticated", "5f0c2c1e-6c0a-4b1f-9a53-3d9f7f0c9d11"),
        {},
    ]
    operations: list[Any] = [found.ok() for found in list[Any](schema.get_all_operations())]
    # Whoever pauses every change learns no more from the others.
    operations = [one for one in operations if one.path != "/v1/degraded"]
    assert len(operations) >= 30
    ends = time.monotonic() + SECONDS_MAX
    sent = 0

    def try_out(operation: Any, headers: dict[str, str]) -> None:
        before = sent

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def check(case: Any) -> None:
            nonlocal sent
            # However slow the machine: each operation at least once, and so many requests in all.
            if sent > before and sent >= REQUESTS_MIN and time.monotonic() > ends:
                return
            sent += 1
            case.call_and_validate(headers=headers, checks=CHECKS)

        check()

    for headers in callers:
        for operation in operations:
            try_out(operation, headers)
    assert sent >= max(REQUESTS_MIN, len(callers) * len(operations))


def test_every_example_of_the_document_is_understood(address: str) -> None:
    """An example that its own service calls malformed would be a lie."""
    document = httpx.get(f"{address}/openapi.json", timeout=PATIENCE_SECONDS).json()
    assert document["openapi"].startswith("3.1")
    tried = 0
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            parameters = [p for p in operation["parameters"] if p.get("required")]
            url = path
            for parameter in parameters:
                url = url.replace(f"{{{parameter['name']}}}", str(parameter["example"]))
            query = {p["name"]: p["example"] for p in parameters if p["in"] == "query"}
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            answer = httpx.request(
                method,
                address + url,
                params=query,
                json=body.get("example"),
                headers=bearer("service_role", None),
                timeout=PATIENCE_SECONDS,
            )
            assert answer.status_code not in (400, 422) or path in EXPECTED, (path, answer.text)
            assert answer.status_code < 500, (path, answer.text)
            tried += 1
    assert tried >= 30


# A PATCH without a filter, a purchase by nobody in particular, nobody's shop or jobs and an event
# without a signature cannot be right as they stand.
EXPECTED = (
    "/rest/v1/{table}",
    "/v1/purchases",
    "/rest/v1/rpc/{function}",
    "/api/webhooks/stripe",
    "/functions/v1/shop",
    "/functions/v1/generation-jobs",
)
