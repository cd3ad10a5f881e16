"""The smoke test from the first purchase to the last thing put away."""

import asyncio
import time
from collections.abc import Callable
from importlib import resources

from bursar.ops.race import Cleaned, Finding, Stage, StoreFront, Verdict, clean, play
from bursar.ops.smoke.scenarios import CLICKS, scenarios


async def run_smoke(
    url: str,
    token: str,
    *,
    seconds: float = 60.0,
    on_scenario: Callable[[Finding], None] = lambda finding: None,
) -> Verdict:
    """Try each kind of purchase once against the deployment at `url`, and return the verdict.

    `token` must be of the service role. Owners and rewards are made for it and put away
    afterwards, as after a race. A scenario that is not through after `seconds` altogether is
    undecided, and so are those behind it. `on_scenario` is called after each.

    Raises `Unreachable` when no deployment that may be used answers.
    """
    started = time.monotonic()
    planned = scenarios()
    cleaned = Cleaned()
    async with StoreFront(url, token, connections=CLICKS + 4) as front:
        await front.require()
        stage = Stage(front, CLICKS)
        current = planned[0][0].finding
        try:
            async with asyncio.timeout(seconds):
                for scenario, rounds in planned:
                    current = scenario.finding
                    for _ in range(rounds):
                        await play(scenario, stage)
                    on_scenario(current)
        except TimeoutError:
            current.unanswered += 1  # whatever hung there was asked and not answered
        finally:
            cleaned = await clean(stage)
    return Verdict(
        [scenario.finding for scenario, _ in planned],
        cleaned.left_behind,
        cleaned.stays,
        time.monotonic() - started,
    )


def self_test() -> str:
    """Return the scenarios as SQL for psql, in a transaction that is rolled back."""
    return (resources.files("bursar.ops.smoke") / "self_test.sql").read_text("utf-8")
