"""What the tests do to generation behind its doors: deduct, submit, end jobs, look."""

import uuid
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from tests.at_once import at_once, patient
from tests.ledger_in_sql import Ledger, Outcome, done

SERVICE = {"role": "service_role"}
ASSET = "generation_credit"


def new_artist(ledger: Ledger, amount: int = 1) -> str:
    """Somebody new who has some credits."""
    user = str(uuid.uuid4())
    if amount:
        done(ledger.one("grant", owner_id=user, asset=ASSET, amount=amount))
    return user


def new_product(ledger: Ledger, **columns: Any) -> str:
    """Offer a product of its own; without a rate limit, unless one is named."""
    name = f"product-{uuid.uuid4().hex[:12]}"
    values = {"product": name, "rate_limit_seconds": 0} | columns
    ledger.admin.execute(
        "INSERT INTO public.generation_products SELECT o.* FROM public.generation_products AS p"
        " CROSS JOIN LATERAL jsonb_populate_record(p, %s) AS o WHERE p.product = 'image'",
        [Jsonb(values)],
    )
    return name


def deduct(ledger: Ledger, user: str, **fields: Any) -> Outcome:
    """Take a job's price in advance, without a rate limit unless one is named."""
    return ledger.one("deduct_credit", **_request(user, fields))


def submit(ledger: Ledger, user: str, **fields: Any) -> Outcome:
    """Submit a job, without a rate limit unless one is named."""
    return ledger.one(
        "submit_generation", **_request(user, {"input": {"prompt": "a fox"}} | fields)
    )


def _request(user: str, fields: dict[str, Any]) -> dict[str, Any]:
    return {"user_id": user, "rate_limit_seconds": 0, "caller": SERVICE} | fields


def submitted(ledger: Ledger, user: str, **fields: Any) -> str:
    """Submit a job that is taken; its id is answered."""
    return str(done(submit(ledger, user, **fields))["job_id"])


def refund(ledger: Ledger, user: str, **fields: Any) -> Outcome:
    """Ask for the oldest deduction back."""
    return ledger.one("refund_credit", **({"user_id": user, "caller": SERVICE} | fields))


def end(ledger: Ledger, job_id: str, result: str = "completed", **fields: Any) -> Outcome:
    """Say what came of a job."""
    return ledger.one(
        "end_generation", **({"job_id": job_id, "result": result, "caller": SERVICE} | fields)
    )


def lease(ledger: Ledger, seconds: int = 30, worker: str = "w") -> list[dict[str, Any]]:
    """Lease every job that is due."""
    leased: list[dict[str, Any]] = ledger.value(
        "SELECT bursar.lease_generation_jobs(%s, 1000, %s)", worker, seconds
    )
    return leased


def job(ledger: Ledger, job_id: str) -> dict[str, Any]:
    """A job, all columns."""
    found: dict[str, Any] = ledger.value(
        "SELECT to_jsonb(j) FROM public.generation_jobs AS j WHERE id = %s", job_id
    )
    return found


def credits_of(ledger: Ledger, user: str) -> tuple[int, int, int]:
    """What somebody has, what of it is held, and what they owe."""
    return ledger.wallet(user, ASSET)


def events(ledger: Ledger, job_id: str) -> list[str]:
    """What happened to a job, in order."""
    return [
        row[0]
        for row in ledger.rows(
            "SELECT what FROM public.generation_events WHERE job_id = %s ORDER BY id", job_id
        )
    ]


def repeated_at_once(ledger: Ledger, many: int, verb: str, **request: object) -> list[Outcome]:
    """Send the same request many times at once, each on a connection of its own."""

    def ask(_: int, connection: psycopg.Connection) -> Outcome:
        return ledger.one(verb, patient(connection), **request)

    return at_once(ledger.database, many, ask, "service_role")


def codes(outcomes: list[Outcome]) -> list[str]:
    """What each outcome is, sorted: done, or the code of a refusal."""
    return sorted(str(one.get("code", "done")) for one in outcomes)


def jobs_of(ledger: Ledger, user: str) -> int:
    """How many jobs somebody has submitted."""
    found: int = ledger.value("SELECT count(*) FROM generation_jobs WHERE user_id = %s", user)
    return found
