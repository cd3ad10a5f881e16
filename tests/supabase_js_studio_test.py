"""An app that generates, written for Supabase, works as it is with the stock client."""

from typing import Any

import httpx
import psycopg
import pytest

from bursar.db.scratch import ScratchDatabase
from tests.deployment import Deployment
from tests.ledger_in_sql import Ledger
from tests.node import Node
from tests.patience import PATIENCE_SECONDS
from tests.studio import credits_of, end, new_artist, submitted

pytestmark = pytest.mark.postgres_versions("15", "18")


@pytest.fixture
def studio(store: ScratchDatabase) -> Ledger:
    return Ledger(store)


@pytest.fixture
async def said(deployment: Deployment, node_modules: Node, studio: Ledger) -> dict[str, Any]:
    """What each step of the app was answered."""
    user = new_artist(studio, 3)
    steps: dict[str, Any] = await node_modules.run(
        "studio.mjs",
        {
            "url": deployment.url,
            "anon_key": deployment.token("anon"),
            "user": user,
            "token": deployment.token("authenticated", user),
            "service_token": deployment.token("service_role"),
        },
    )
    assert credits_of(studio, user) == (3, 0, 0)
    return steps | {"user": user}


async def test_an_app_of_the_older_order_is_answered_as_it_expects(said: dict[str, Any]) -> None:
    deducted, submitted_ = said["deduct"]["data"], said["submit"]["data"]
    assert (deducted["success"], deducted["credits_remaining"]) == (True, 2)
    assert (submitted_["success"], submitted_["status"]) == (True, "queued")
    assert submitted_["credits_remaining"] == 2
    nothing = said["refund of a job's"]["error"]
    assert (nothing["status"], nothing["body"]["error"]) == (409, "nothing_to_refund")
    early = said["too early"]["error"]
    assert (early["name"], early["status"]) == ("FunctionsHttpError", 429)
    assert early["retry_after"] == str(early["body"]["details"]["retry_after_seconds"])
    assert early["body"]["message"].startswith("Please wait ")
    assert said["nobody"]["error"]["status"] == 401
    assert said["state"]["data"]["job_id"] == submitted_["job_id"]
    assert said["cancel"]["data"]["status"] == "refunded"


async def test_the_functions_of_the_database_answer_what_came_of_it(said: dict[str, Any]) -> None:
    early = said["rpc too early"]
    assert (early["status"], early["data"]["error"]) == (200, "rate_limited")
    assert early["data"]["retry_after_seconds"] >= 1
    assert said["rpc nothing"]["data"]["error"] == "nothing_to_refund"
    assert said["rpc of another"]["data"]["error"] == "not_authorized"
    assert said["rpc of nobody"]["error"]["code"] == "42501"
    assert (said["rpc"]["data"]["success"], said["rpc"]["data"]["credits_remaining"]) == (True, 2)
    assert said["rpc back"]["data"]["credits_remaining"] == 3
    assert said["profile"]["data"] == {"id": said["user"], "credits": 3}
    [job] = said["jobs"]["data"]
    assert (job["status"], job["reason"]) == ("refunded", "cancelled")


def test_a_page_listens_over_a_socket_and_may_hang_up(
    deployment: Deployment, studio: Ledger, admin: psycopg.Connection
) -> None:
    user = new_artist(studio, 1)
    job_id = submitted(studio, user)
    headers = {"authorization": f"Bearer {deployment.token('authenticated', user)}"}
    address = f"{deployment.url}/functions/v1/generation-jobs/{job_id}/events"
    with httpx.stream("GET", address, headers=headers, timeout=PATIENCE_SECONDS) as hung_up:
        assert next(hung_up.iter_lines()) == "retry: 1000"
    told: list[str] = []
    with httpx.stream("GET", address, headers=headers, timeout=PATIENCE_SECONDS) as answer:
        for line in answer.iter_lines():
            if line.startswith("data: "):
                told.append(line)
                if len(told) == 1:
                    end(studio, job_id, "failed")
    assert ['"status":"queued"' in told[0], '"status":"refunded"' in told[-1]] == [True, True]
    head = httpx.head(address, headers=headers, timeout=PATIENCE_SECONDS)
    assert (head.status_code, head.content) == (200, b"")
