"""The race from the first request to the last thing put away."""

import asyncio
import time
from collections.abc import Callable

from bursar.ops.race.clean import Cleaned, clean
from bursar.ops.race.judge import Finding, Verdict
from bursar.ops.race.scenarios import (
    Explained,
    HotSeller,
    OneKey,
    OneReward,
    Scenario,
    Stage,
    TwoWindows,
    play,
)
from bursar.ops.race.storefront import StoreFront

# The scenarios with many buyers weigh as much as that many rounds of two windows.
_ROUNDS_PER_CROWD = 10
_LAST_ROUND_SECONDS = 20.0


async def run_race(
    url: str,
    token: str,
    *,
    buyers: int,
    rounds: int,
    seconds: float,
    on_round: Callable[[Finding, int], None] = lambda finding, rounds: None,
) -> Verdict:
    """Race against the deployment at `url` and return the verdict.

    `token` must be of the service role. Owners and rewards are made for the race; afterwards
    the rewards are off sale, the balances taken back by corrections and the wallets closed.
    `buyers` call at once.
    The two windows are played `rounds` times, the crowds a tenth of that, at least once each. No
    round begins after `seconds`. `on_round` is called after each with its finding and how many
    rounds there are to be.

    Raises `Unreachable` when no deployment that may be used answers.
    """
    started = time.monotonic()
    crowds = max(1, round(rounds / _ROUNDS_PER_CROWD))
    plays: list[tuple[Scenario, int]] = [
        (TwoWindows(), rounds),
        (OneReward(), crowds),
        (HotSeller(), crowds),
        (OneKey(), crowds),
    ]
    # Each is played once before any is played again, so that a short time still tells of all.
    turns = [(scenario, 1, rounds) for scenario, rounds in plays]
    turns += [(scenario, rounds, rounds) for scenario, rounds in plays]
    explained = Explained()
    current = explained.finding
    cleaned = Cleaned()
    async with StoreFront(url, token, connections=buyers + 4) as front:
        await front.require()
        stage = Stage(front, buyers)
        try:
            async with asyncio.timeout(seconds + _LAST_ROUND_SECONDS):
                for scenario, until, wanted in turns:
                    current = scenario.finding
                    while current.rounds < until and time.monotonic() < started + seconds:
                        await play(scenario, stage)
                        on_round(current, wanted)
                current = explained.finding
                await play(explained, stage)
        except TimeoutError:
            current.unanswered += 1  # whatever hung there was asked and not answered
        finally:
            cleaned = await clean(stage)
    findings = [scenario.finding for scenario, _ in plays]
    return Verdict(
        [*findings, explained.finding],
        cleaned.left_behind,
        cleaned.stays,
        time.monotonic() - started,
    )
