"""What the illustrator of the demonstration has ordered before anybody looks."""

import json

import psycopg

from bursar.demo.artists import ILLUSTRATOR
from bursar.errors import Fault
from bursar.ledger.calls import SERVICE

CONNECT_SECONDS = 10
# The last one is refused by the local provider, so that there is a refund to look at.
PROMPTS = (
    "a lighthouse by the sea at dusk",
    "a fox in a snowy forest",
    "a castle above the clouds [fail 400]",
)


def order_first_pictures(database_url: str) -> int:
    """Submit these jobs, unless the illustrator has had any; return how many were submitted.

    Whoever works on jobs draws them. Only the local provider costs nothing and heeds the order in
    the last prompt, so this is for deployments that have it. Raises `psycopg.Error` when the
    database cannot be reached, and `Fault` when it refuses.
    """
    with psycopg.connect(
        database_url, connect_timeout=CONNECT_SECONDS, autocommit=True
    ) as connection:
        connection.execute("SET statement_timeout = '30s'")
        connection.execute("SET ROLE service_role")
        known = connection.execute(
            "SELECT 1 FROM public.generation_jobs WHERE user_id = %s LIMIT 1",
            [ILLUSTRATOR.user_id],
        ).fetchone()
        if known is not None:
            return 0
        requests = [_request(number, prompt) for number, prompt in enumerate(PROMPTS)]
        row = connection.execute(
            "SELECT bursar.submit_generation(%s)", [json.dumps(requests)]
        ).fetchone()
    outcomes = [] if row is None else row[0]
    for outcome in outcomes:
        # Whoever has no credits left is no reason not to start.
        if outcome["status"] != "done" and outcome.get("code") != "INSUFFICIENT_FUNDS":
            raise Fault(f"The demonstration's pictures were refused: {outcome['message']}")
    return sum(outcome["status"] == "done" for outcome in outcomes)


def _request(number: int, prompt: str) -> dict[str, object]:
    return {
        "user_id": ILLUSTRATOR.user_id,
        "input": {"prompt": prompt},
        "rate_limit_seconds": 0,
        "caller": SERVICE,
        "key": f"demo:first-picture:{number}",
        "actor": "service:demo",
    }
