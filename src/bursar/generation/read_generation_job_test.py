"""What a user sees of their jobs, and that it is theirs alone."""

import uuid
from typing import Any

import pytest

from tests.ledger_in_sql import Ledger, done
from tests.studio import deduct, end, lease, new_artist, new_product, submit, submitted

pytestmark = pytest.mark.postgres_versions("15", "18")

SHOWN = {
    *("job_id", "user_id", "product", "input", "status", "price", "attempts", "error", "reason"),
    *("output", "content_type", "created_at", "started_at", "finished_at"),
}


def test_a_job_is_shown_to_its_user_and_to_the_service(ledger: Ledger) -> None:
    user = new_artist(ledger)
    job_id = submitted(ledger, user)

    found = read(ledger, job_id, user)

    assert found == read(ledger, job_id, None) == read(ledger, job_id, user.upper())
    assert set(found) == SHOWN
    assert (found["status"], found["output"], found["content_type"]) == ("queued", None, None)
    assert read(ledger, job_id, new_artist(ledger)) is None
    assert read(ledger, str(uuid.uuid4()), None) is None


def test_what_it_made_is_shown_once_it_is_completed(ledger: Ledger) -> None:
    user = new_artist(ledger, 2)
    good, bad = submitted(ledger, user), submitted(ledger, user)
    for job_id in (good, bad):
        ledger.value("SELECT bursar.keep_generation_output(%s, 'image/png', 'AAAA')", job_id)
    lease(ledger)
    assert read(ledger, good, user)["content_type"] is None
    done(end(ledger, good, output={"text": "x"}, price=1))
    done(end(ledger, bad, "failed", error="HTTP 400"))
    seen = read(ledger, good, user)
    assert (seen["status"], seen["output"], seen["content_type"], seen["price"]) == (
        *("completed", {"text": "x"}, "image/png"),
        1,
    )
    failed = read(ledger, bad, user)
    assert (failed["status"], failed["reason"], failed["error"], failed["content_type"]) == (
        *("refunded", "provider_error", "HTTP 400"),
        None,
    )


def test_a_studio_shows_wallet_products_and_the_newest_jobs(ledger: Ledger) -> None:
    user = new_artist(ledger, 5)
    product = new_product(ledger, title="Poster", price=2)
    hidden = new_product(ledger, is_active=False)
    jobs = [submitted(ledger, user) for _ in range(3)]
    done(deduct(ledger, user))

    seen = ledger.value("SELECT bursar.read_studio(%s, 2)", user)

    assert (seen["wallet"]["credits"], seen["wallet"]["held"], seen["wallet"]["available"]) == (
        *(4, 3),
        1,
    )
    assert [one["job_id"] for one in seen["jobs"]] == jobs[:0:-1]
    offered = {one["product"]: one for one in seen["products"]}
    assert offered[product] == {
        "product": product,
        "title": "Poster",
        "kind": "image",
        "price": 2,
        "rate_limit_seconds": 0,
    }
    assert hidden not in offered
    nobody = ledger.value("SELECT bursar.read_studio(%s, 2)", str(uuid.uuid4()))
    assert (nobody["wallet"], nobody["jobs"]) == (None, [])


def test_a_submission_is_seen_at_once_with_the_turn_it_used(ledger: Ledger) -> None:
    user = new_artist(ledger, 5)
    made = done(submit(ledger, user))
    seen = ledger.value("SELECT bursar.read_studio(%s)", user)
    assert seen["jobs"][0]["job_id"] == made["job_id"]
    assert seen["wallet"]["last_generate_at"] <= seen["now"]


def read(ledger: Ledger, job_id: str, user: str | None) -> Any:
    return ledger.value("SELECT bursar.read_generation_job(%s, %s)", job_id, user)
