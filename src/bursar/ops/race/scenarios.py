"""The scenarios: each puts one promise under as much haste as it can, and looks at the money."""

import asyncio
import json
import time
import uuid
from collections.abc import Awaitable, Iterable
from typing import Any, Protocol

from bursar.ops.race.judge import Finding
from bursar.ops.race.storefront import UNANSWERED, Door, Reply, StoreFront, for_each

COST = 60
_DOORS: tuple[tuple[Door, Door], ...] = (("rpc", "rpc"), ("v1", "v1"), ("rpc", "v1"))


class Stage:
    """What the scenarios share: the store front, and whom and what they made for themselves."""

    def __init__(self, front: StoreFront, buyers: int) -> None:
        self.front = front
        self.buyers = buyers
        self.owners: list[str] = []
        self.rewards: list[str] = []

    def owner(self) -> str:
        """Return the id of a new owner, who is cleaned up after the race."""
        self.owners.append(str(uuid.uuid4()))
        return self.owners[-1]

    async def reward(self, creator_id: str) -> str:
        """Return the id of a new reward, which is taken off sale after the race."""
        self.rewards.append(await self.front.create_reward(creator_id, COST))
        return self.rewards[-1]


class Scenario(Protocol):
    """One promise, put under haste a round at a time."""

    finding: Finding

    async def play(self, stage: Stage) -> None:
        """Play one round and record what came of it."""
        ...


async def play(scenario: Scenario, stage: Stage) -> None:
    """Play one round of a scenario, and add the time that it took to its finding."""
    started = time.monotonic()
    try:
        await scenario.play(stage)
    finally:
        scenario.finding.seconds += time.monotonic() - started


class TwoWindows:
    """One wallet, two windows, credits for one of the two rewards."""

    def __init__(self) -> None:
        self.finding = Finding(
            "two windows", "100 credits, two rewards of 60 at once: one bought, 40 left"
        )
        self._rewards: tuple[str, str] | None = None

    async def play(self, stage: Stage) -> None:
        """Buy both at once; the doors take turns."""
        if self._rewards is None:
            creator = stage.owner()
            self._rewards = (await stage.reward(creator), await stage.reward(creator))
        collector = stage.owner()
        await stage.front.grant({collector: 100})
        first, second = _DOORS[self.finding.rounds % len(_DOORS)]
        x, y = self._rewards
        replies = await at_once(
            self.finding,
            (stage.front.buy(x, collector, door=first), stage.front.buy(y, collector, door=second)),
        )
        if replies is None:
            return
        codes = sorted(reply.code for reply in replies)
        self.finding.expect(
            codes == ["INSUFFICIENT_FUNDS", "done"],
            f"{collector} got {' and '.join(codes)}, not one success and INSUFFICIENT_FUNDS",
        )
        balance = await stage.front.balance(collector)
        self.finding.expect(balance == 40, f"{collector} has {balance} left, not 40")


class OneReward:
    """One collector clicks on one reward as often as there are buyers."""

    def __init__(self) -> None:
        self.finding = Finding(
            "one reward, many clicks", "one success, the rest ALREADY_COLLECTED, charged once"
        )

    async def play(self, stage: Stage) -> None:
        """Buy it that often at once."""
        collector, creator = stage.owner(), stage.owner()
        reward = await stage.reward(creator)
        await stage.front.grant({collector: COST * stage.buyers})
        replies = await at_once(
            self.finding, (stage.front.buy(reward, collector) for _ in range(stage.buyers))
        )
        if replies is None:
            return
        done = sum(reply.code == "done" for reply in replies)
        others = {reply.code for reply in replies} - {"done"}
        self.finding.expect(done == 1, f"reward {reward} was sold {done} times to one collector")
        self.finding.expect(
            others <= {"ALREADY_COLLECTED"}, f"other refusals came: {', '.join(sorted(others))}"
        )
        paid = COST * stage.buyers - await stage.front.balance(collector)
        self.finding.expect(paid == COST, f"{collector} paid {paid}, not {COST}")
        earned = await stage.front.balance(creator)
        self.finding.expect(earned == COST, f"the creator earned {earned}, not {COST}")


class HotSeller:
    """Many collectors buy from one creator."""

    def __init__(self) -> None:
        self.finding = Finding(
            "one hot seller", "every collector with credits succeeds, and the sums agree"
        )

    async def play(self, stage: Stage) -> None:
        """Let every collector buy the same reward at once."""
        creator = stage.owner()
        reward = await stage.reward(creator)
        collectors = [stage.owner() for _ in range(stage.buyers)]
        await stage.front.grant(dict.fromkeys(collectors, COST))
        replies = await at_once(
            self.finding, (stage.front.buy(reward, collector) for collector in collectors)
        )
        if replies is None:
            return
        done = sum(reply.code == "done" for reply in replies)
        others = sorted({reply.code for reply in replies} - {"done"})
        self.finding.expect(
            done == stage.buyers,
            f"{done} of {stage.buyers} could buy; the others got {', '.join(others)}",
        )
        earned = await stage.front.balance(creator)
        self.finding.expect(
            earned == COST * done, f"{done} sales at {COST} brought the creator {earned}"
        )
        left = sum((await stage.front.balances(collectors)).values())
        self.finding.expect(
            left == COST * (stage.buyers - done),
            f"{left} is left with the collectors after {done} sales at {COST}",
        )
        recorded = await stage.front.collectors(reward)
        self.finding.expect(
            recorded == done, f"{done} successes were answered, {recorded} are recorded"
        )


class OneKey:
    """One request, sent many times at once under one key."""

    def __init__(self) -> None:
        self.finding = Finding("one key, many times", "one effect, and equal answers for everybody")

    async def play(self, stage: Stage) -> None:
        """Spend one credit of a hundred."""
        owner, key = stage.owner(), str(uuid.uuid4())
        await stage.front.grant({owner: 100})
        replies = await at_once(
            self.finding, (stage.front.spend(owner, 1, key=key) for _ in range(stage.buyers))
        )
        if replies is None:
            return
        others = sorted({reply.code for reply in replies} - {"done"})
        self.finding.expect(not others, f"the same key was answered with {', '.join(others)}")
        answers = {_without_replay_mark(reply.body) for reply in replies}
        self.finding.expect(len(answers) == 1, f"there are {len(answers)} different answers")
        first = sum(not reply.body.get("replayed", False) for reply in replies)
        # A first answer that was lost on the way is answered as a replay to the second try.
        resent = any(reply.tries > 1 for reply in replies)
        self.finding.expect(
            first == 1 or (first == 0 and resent), f"{first} answers claim to be the first"
        )
        balance = await stage.front.balance(owner)
        self.finding.expect(balance == 99, f"{owner} has {balance} left of 100, not 99")


class Explained:
    """After all of that: every wallet's entries add up to its balance."""

    def __init__(self) -> None:
        self.finding = Finding(
            "every wallet explained", "entries, holds and sequence agree with the balance"
        )

    async def play(self, stage: Stage) -> None:
        """Ask the ledger to explain every wallet of the race."""

        async def look(owner_id: str) -> None:
            found = await stage.front.explain(owner_id)
            if not found:
                return
            self.finding.answers["agrees" if found.get("agrees") else "differs"] += 1
            self.finding.expect(
                bool(found.get("agrees")), f"the wallet of {owner_id} does not agree"
            )
            self.finding.expect(int(found["balance"]) >= 0, f"{owner_id} has less than nothing")

        await for_each(look, stage.owners)
        self.finding.rounds += 1


async def at_once(finding: Finding, calls: Iterable[Awaitable[Reply]]) -> list[Reply] | None:
    """Make all calls at once and count their answers; None when one of them got none."""
    replies = await asyncio.gather(*calls)
    finding.rounds += 1
    for reply in replies:
        finding.answers[reply.code] += 1
        finding.milliseconds.append(reply.milliseconds)
        finding.retries += reply.tries - 1
    silent = sum(reply.code == UNANSWERED for reply in replies)
    finding.unanswered += silent
    return None if silent else list(replies)


def _without_replay_mark(body: dict[str, Any]) -> str:
    return json.dumps({k: v for k, v in body.items() if k != "replayed"}, sort_keys=True)
